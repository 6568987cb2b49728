"""Refuse return values that stand for work that was never done.

A generator function or an `async def` returns at once without having run, and a delayed
computation only describes what would be computed.
"""

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from brainsets.errors import OutputError

__all__ = ["check_download_has_run", "check_process_has_run"]

_ADVICE = {
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
    """Refuse the return value of a `process` that has not run.

    Raises
    ------
    OutputError
        The value, or a member of a list, is work still to be run.
    """
    values = returned if isinstance(returned, (list, tuple, set)) else [returned]
    for value in values:
        if kind := _unfinished_work(value):
            raise OutputError(f"process returned {kind}: {_ADVICE[kind]}.")


def check_download_has_run(returned: Any) -> None:
    """Refuse the return value of a `download` that has not run.

    A generator is allowed, as `process` may iterate over it.

    Raises
    ------
    OutputError
        It is a coroutine, or something else to be awaited.
    """
    if (kind := _unfinished_work(returned)) in ("a coroutine", "a future"):
        raise OutputError(f"download returned {kind}: {_ADVICE[kind]}.")


def _unfinished_work(value: Any) -> str | None:
    """Return what a value is if it stands for work not done, else None."""
    kind = type(value)
    if issubclass(kind, (GeneratorType, AsyncGeneratorType)):
        return "a generator"
    if hasattr(kind, "add_done_callback"):
        return "a future"
    if issubclass(kind, CoroutineType) or hasattr(kind, "__await__"):
        return "a coroutine"
    # From contextlib.contextmanager; other objects with __enter__, as files, are fine.
    if kind.__module__ == "contextlib" and hasattr(value, "gen"):
        return "a context manager"
    if issubclass(kind, (map, filter, zip)):
        return "an iterator"
    if kind.__name__ == "Delayed" and hasattr(kind, "compute"):
        return "a delayed computation"
    return None
