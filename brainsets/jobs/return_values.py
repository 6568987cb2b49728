"""Whether a step has done its work, judged by what it returned.

A function with a `yield` in it, or an `async def`, returns at once with nothing done;
so has one that only says what would have to be computed.
"""

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from brainsets.errors import OutputError

__all__ = ["check_download_has_run", "check_process_has_run"]

_MEND = {
    "a generator": "a function with a yield runs only while somebody loops over it, "
    "and nobody does; write the files in process, without yield",
    "a coroutine": "an async function runs only when it is awaited, and nobody does "
    "that; call asyncio.run(...) in an ordinary function",
    "a context manager": "what is in it runs only within a with statement, and nobody "
    "enters it; do the work in process itself",
    "an iterator": "what it stands for is computed only while somebody loops over it, "
    "and nobody does; loop over it in process",
    "a future": "what it stands for may not have ended, or have failed; wait for it",
    "a delayed computation": "nobody computes it; call its compute()",
}


def check_process_has_run(returned: Any) -> None:
    """Refuse what a `process` returns that has not done its work.

    Raises
    ------
    OutputError
        It, or a member of a list of it, is still to be run.
    """
    values = returned if isinstance(returned, (list, tuple, set)) else [returned]
    for value in values:
        if kind := _unrun(value):
            raise OutputError(f"process returned {kind}: {_MEND[kind]}.")


def check_download_has_run(returned: Any) -> None:
    """Refuse a `download` that never ran; a generator is left to `process` to use.

    Raises
    ------
    OutputError
        It returned a coroutine, or something else to be awaited.
    """
    if (kind := _unrun(returned)) in ("a coroutine", "a future"):
        raise OutputError(f"download returned {kind}: {_MEND[kind]}.")


def _unrun(value: Any) -> str | None:
    """Return what a value is if it stands for work that nobody has done."""
    kind = type(value)
    if issubclass(kind, (GeneratorType, AsyncGeneratorType)):
        return "a generator"
    if hasattr(kind, "add_done_callback"):
        return "a future"
    if issubclass(kind, CoroutineType) or hasattr(kind, "__await__"):
        return "a coroutine"
    # What contextlib makes of a function with a yield; files, too, can be entered.
    if kind.__module__ == "contextlib" and hasattr(value, "gen"):
        return "a context manager"
    if issubclass(kind, (map, filter, zip)):
        return "an iterator"
    if kind.__name__ == "Delayed" and hasattr(kind, "compute"):
        return "a delayed computation"
    return None
