# What all rules share: the settings, the wildcards' patterns, and functions that hand
# the rules' questions to brainsets.planning. Leaves nothing on disk.
import atexit
import functools
import gc
import inspect
import json
import signal
import threading
from pathlib import Path

from brainsets.errors import BrainsetError
from brainsets.planning.outcome import show_outcome
from brainsets.planning.run import Run
from brainsets.planning.settings import read_settings

# Jobs per time; what the default profile sets.
UNREACHED_LIMIT = 100_000
# What is planned for an asset stays until the end. To look for garbage as often as Python
# does by itself is a quarter of the time that planning ten thousand assets takes.
gc.freeze()
gc.set_threshold(200_000)
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"


def ended_by_error(function):
    """Call a function; what a user can mend ends Snakemake with one sentence."""
    try:
        return function()
    except BrainsetError as error:
        raise SystemExit(f"brainsets: {error}") from None


def is_forced(*rules):
    """Whether Snakemake was told to run one of the rules whether or not it has to."""
    settings = workflow.dag_settings
    return settings.forceall or not settings.forcerun.isdisjoint(rules)


def planned_run():
    """Return the run that the settings ask for; ends Snakemake if they are wrong."""
    files = ", ".join(map(str, workflow.configfiles)) or "config/config.yaml"
    given = workflow.config_settings.config
    return Run(read_settings(config, given=given, where=files), is_forced=is_forced)


RUN = ended_by_error(planned_run)
DATA = RUN.processed_dir


wildcard_constraints:
    brainset=RUN.brainset_pattern,
    asset=RUN.asset_pattern,


# Downloads are limited apart from cores; --resources downloads=N has the last word.
if "downloads" not in workflow.global_resources:
    workflow.register_resource("downloads", RUN.settings.downloads)


def asked_often(function):
    """Keep what Snakemake looks up whenever it calls a function: its parameters.

    For ten thousand assets, finding them out anew each time is a sixth of all planning.
    """
    # Where Snakemake itself keeps the parameters of functions that it makes.
    function._overwrite_params = inspect.signature(function).parameters
    return function


def brainset_file(path):
    """Return the pattern of a file under a brainset's _workflow folder."""
    return f"{DATA}/{{brainset}}/_workflow/{path}"


def brainset_targets():
    """Return one input function per brainset, so that none waits for another."""
    return [functools.partial(targets_of, brainset) for brainset in RUN.brainsets]


def targets_of(brainset, wildcards):
    if is_executing():
        check_free()
        end_with_outcome()
        lift_rate_limit()
    force = workflow.dag.forcefiles.update
    return ended_by_error(lambda: RUN.targets(brainset, checkpoints, force))


def lift_rate_limit():
    """Have no limit of jobs per time where the profile's limit is one nobody reaches.

    With any limit, each round of Snakemake's scheduler plans another one a second later,
    and that one the next: a long run ends up busy with rounds that start nothing. No
    value of the option means no limit.
    """
    settings = workflow.scheduling_settings
    limit = settings.max_jobs_per_timespan
    if limit is not None and limit.max_jobs >= UNREACHED_LIMIT:
        settings.max_jobs_per_timespan = None


def summarized_assets(wildcards):
    return RUN.summarized(wildcards, checkpoints)


def is_executing():
    """Whether this process runs jobs: no dry-run, no report, not a job itself."""
    runs = workflow.executor_plugin is not None and not workflow.dryrun
    return runs and workflow.is_main_process


def is_on_this_machine():
    """Whether jobs are started by this process itself, and share what it has."""
    return is_executing() and workflow.local_exec


@asked_often
def environment_ready(wildcards):
    brainset = RUN.brainset(wildcards)
    return aged(brainset, RUN.environment(brainset, repair=is_executing()))


def environment_to_list(wildcards):
    brainset = RUN.brainset(wildcards)
    return aged(brainset, RUN.environment_to_list(brainset, repair=is_executing()))


def aged(brainset, files):
    """Flag files as older than all else, but for those that are to be built anew.

    Snakemake does not look at jobs behind one that will run, other than through files
    that are not ancient: those that wait for an outdated environment were left out.
    """
    return files if RUN.is_outdated(brainset) else [ancient(file) for file in files]


def environment_key(wildcards):
    return RUN.brainset(wildcards).source.environment_key or "none declared"


@asked_often
def pipeline_code(wildcards):
    return RUN.brainset(wildcards).source.code


@asked_often
def pipeline_args(wildcards):
    return RUN.brainset(wildcards).counted_args


def listing_command(wildcards, output):
    return RUN.command(SCRIPTS / "write_manifest.py", RUN.brainset(wildcards), "", None)


@asked_often
def row_hash(wildcards):
    return RUN.row_hash(wildcards)


@asked_often
def asset_shown(wildcards, output):
    return RUN.asset(wildcards)


@asked_often
def asset_reason(wildcards, output):
    return RUN.reason(wildcards)


@asked_often
def download_mem_mb(wildcards, attempt):
    return RUN.brainset(wildcards).download.mem_mb * attempt


@asked_often
def download_runtime(wildcards, attempt):
    return RUN.brainset(wildcards).download.runtime * attempt


@asked_often
def process_mem_mb(wildcards, attempt):
    return RUN.brainset(wildcards).process.mem_mb * attempt


@asked_often
def process_runtime(wildcards, attempt):
    return RUN.brainset(wildcards).process.runtime * attempt


@asked_often
def process_threads(wildcards):
    return RUN.brainset(wildcards).process.threads


@asked_often
def download_command(wildcards, output, threads):
    brainset = RUN.brainset(wildcards)
    return RUN.command(
        SCRIPTS / "download_asset.py",
        brainset,
        wildcards.asset,
        brainset.download,
        threads if is_on_this_machine() else None,
    )


@asked_often
def process_command(wildcards, output, threads):
    brainset = RUN.brainset(wildcards)
    return RUN.command(
        SCRIPTS / "process_asset.py",
        brainset,
        wildcards.asset,
        brainset.process,
        threads if is_on_this_machine() else None,
    )


def check_free():
    """End Snakemake if another run works on one of the brainsets."""
    ended_by_error(RUN.check_free)


def end_when_told():
    """Have SIGTERM end a run whatever Snakemake is doing.

    Its handler waits for a lock that the thread it interrupts may hold, always while it
    plans anew after a listing, and then waits for ever. A thread of its own gets it.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        signal.signal(
            signal.SIGTERM,
            lambda *args: threading.Thread(target=handler, args=args).start(),
        )


def lock_brainsets():
    """Keep other runs away until this process ends."""
    ended_by_error(RUN.lock)
    end_with_outcome()


@functools.cache
def end_with_outcome():
    """Show the table when all is over.

    Snakemake's own hooks are not called where nothing is to be done, and what it prints
    after them would push the table off the screen.
    """
    if "all" not in map(str, workflow.output_settings.quiet or ()):
        atexit.register(show_outcome, RUN.brainsets.values())
