"""What a step has seen of code and arguments, which may be edited while it runs.

Who knows when what was read takes it for no version at all, so the next run does the
step again.
"""

from typing import Any

from brainsets.jobs.job import Job
from brainsets.shared.inputs.code import code_hash, code_stamp
from brainsets.supervision.failures import say

__all__ = [
    "EDITED",
    "args_unless_edited",
    "code_unless_edited",
    "current_code",
    "is_same_download",
]

EDITED = "edited while the step ran"
"""What is written down of what was edited: no version of it."""


def current_code(job: Job) -> tuple[str, str]:
    """Return stamp and hash of the code as it lies on disk at this moment."""
    stamp = code_stamp(job.pipeline)
    code = job.code if stamp == job.code_stamp else code_hash(job.pipeline)
    return stamp, code


def code_unless_edited(job: Job, stamp: str, code: str) -> str:
    """Return the hash of the code that a step has run.

    Parameters
    ----------
    job : Job
        Of which it is a step.
    stamp, code : str
        Those of the code before it was imported.

    Returns
    -------
    str
        The hash; of no code at all if somebody edited the code since. What was
        imported, and when, is not known then, so it must not be taken for one of
        the versions: the next run does the step again.
    """
    # The code of a published package has no stamp, as nobody edits it.
    if not job.code_stamp:
        return job.code
    now, code_now = current_code(job)
    if now == stamp or code_now == code:
        return code
    say("the pipeline was edited meanwhile: the next run does this step again")
    return EDITED


def args_unless_edited(job: Job, before: list[str]) -> list[str]:
    """Return the arguments that a step has run with, files that they name included.

    `before` are those of its beginning.
    """
    if job.recorded_args() == before:
        return before
    say(
        "a file that the arguments name has changed meanwhile: the next run does this "
        "step again"
    )
    return [*before, EDITED]


def is_same_download(job: Job, known: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether two keys of downloads are of the same one.

    Those of earlier versions say nothing of files that arguments name. Planning, which
    knows when they were written, takes them for outdated where it has to.
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
