"""Which of Snakemake's messages the display leaves out, or shows in other words.

Everything that is not named here is shown as it is. Snakemake's log file, under
``.snakemake/log``, has it all. What another version of Snakemake says in other words is
shown, in these; ``test_snakemake_compat.py`` tells which.
"""

from snakemake_interface_logger_plugins.common import LogEvent

__all__ = [
    "is_end",
    "is_end_of_dry_run",
    "is_noise",
    "is_preamble",
    "is_repeated_by_table",
    "is_stop",
    "restarted_job",
]

_EVENTS = frozenset(
    {
        LogEvent.WORKFLOW_STARTED,
        LogEvent.JOB_STARTED,
        LogEvent.PROGRESS,
        LogEvent.RESOURCES_INFO,
        LogEvent.RULEGRAPH,
        # "Job stats": jobs of each rule, where people count assets.
        LogEvent.RUN_INFO,
        LogEvent.SHELLCMD,
        LogEvent.GROUP_INFO,
    }
)

_PREAMBLE = "Assuming unrestricted shared filesystem usage."
_DRY_RUN_END = "This was a dry-run (flag -n)."
_STOP = "Terminating processes on user request"
_END = "Will exit after finishing currently running jobs"
_RESTART = "Trying to restart job "
_NOISE = (
    _PREAMBLE,
    "Updating checkpoint dependencies.",
    "Using shell: ",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Select jobs to execute...",
    "DAG of jobs will be updated after completion.",
    "Job rate limit reached, waiting for free slots.",
    "Removing output files of failed job",
    # The list of assets is restored where there was one.
    "Cannot restore ",
    # Of a dry-run; the reason of each asset stands in its table.
    "Reasons:\n",
    _DRY_RUN_END,
    "The run involves checkpoint jobs,",
    "Some jobs were triggered by provenance information,",
    "Rules with provenance triggered jobs:",
)
# One for each job of a cluster.
_SLURM_NOISE = ("Auto-selected partition", "Submitted job ", "Submitted array job ")
_SUBMITTED = " has been submitted with SLURM jobid "

# The display has named the job, its first line and its log.
_OF_FAILED_JOBS = (
    "Exiting because a job execution failed.",
    "WorkflowError:\nAt least one job did not complete successfully.",
)


def is_noise(event: LogEvent | None, message: str) -> bool:
    """Whether a record need not be shown."""
    if event in _EVENTS or message in ("", "None"):
        return True
    if event == LogEvent.ERROR:
        # The command of a job that failed; the job's own record follows.
        return "CalledProcessError in file " in message
    return message.startswith((*_NOISE, *_SLURM_NOISE)) or _SUBMITTED in message


def is_preamble(message: str) -> bool:
    """Whether a record is said of every run, before it begins."""
    return message.startswith(_PREAMBLE)


def is_end_of_dry_run(message: str) -> bool:
    """Whether a record is the last one of a dry-run that says nothing new."""
    return message.startswith(_DRY_RUN_END)


def restarted_job(message: str) -> int | None:
    """Return the number of a job that is tried again, if a record says that one is."""
    if not message.startswith(_RESTART):
        return None
    number = message.removeprefix(_RESTART).rstrip(".")
    try:
        return int(number)
    except ValueError:
        return None


def is_repeated_by_table(message: str) -> bool:
    """Whether a record only says that something failed, which is known by then."""
    return message.startswith(_OF_FAILED_JOBS)


def is_stop(message: str) -> bool:
    """Whether a record says that the run is being stopped, and its jobs with it."""
    return message.startswith(_STOP)


def is_end(message: str) -> bool:
    """Whether a record says that the run ends with the jobs that are under way."""
    return message.startswith(_END)
