"""Notice edits of code and argument files while a step runs.

Which version the step has read is then unknown, so it is recorded as none of them, and
the next run does the step again.
"""

from typing import Any

from brainsets.jobs.job import Job
from brainsets.shared.inputs.code import EDITED, code_hash, code_stamp
from brainsets.supervision.failures import say

__all__ = [
    "args_unless_edited",
    "code_unless_edited",
    "current_code",
    "is_same_download",
]


def current_code(job: Job) -> tuple[str, str]:
    """Return stamp and hash of the code that is on disk now."""
    stamp = code_stamp(job.pipeline)
    code = job.code if stamp == job.code_stamp else code_hash(job.pipeline)
    return stamp, code


def code_unless_edited(job: Job, stamp: str, code: str) -> str:
    """Return the hash of the code that a step has run.

    Parameters
    ----------
    job : Job
        The job that runs the step.
    stamp, code : str
        Stamp and hash of the code before it was imported.

    Returns
    -------
    str
        The hash; `EDITED` if the code was edited since, as it is unknown then which
        version was imported.
    """
    # The code of a published package has no stamp, as it is not edited.
    if not job.code_stamp:
        return job.code
    now, code_now = current_code(job)
    if now == stamp or code_now == code:
        return code
    say("the pipeline was edited meanwhile: the next run does this step again")
    return EDITED


def args_unless_edited(job: Job, before: list[str]) -> list[str]:
    """Return the recorded arguments of a step, marked if a file that they name changed.

    `before` are those at its beginning.
    """
    if job.recorded_args() == before:
        return before
    say(
        "a file that the arguments name has changed meanwhile: the next run does this "
        "step again"
    )
    return [*before, EDITED]


def is_same_download(job: Job, known: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two keys stand for the same download.

    Keys of earlier versions have no hashes of files that arguments name; planning
    decides by their dates whether these are outdated.
    """
    if known == now:
        return True
    args = known.get("args")
    if not isinstance(args, list) or not all(isinstance(a, str) for a in args):
        return False
    plain = job.recorded_args(args, with_files=False)
    return known.get("row") == now["row"] and plain == job.recorded_args(
        with_files=False
    )
