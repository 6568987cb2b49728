"""What download returned, on its way to process.

The return value and the attributes that download set on the instance are pickled with
the size of every file they name. Where that is impossible, or a file has changed since,
process fetches the asset again first.
"""

import os
import pickle
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brainsets.errors import HandoffError
from brainsets.shared.sentinels import write_atomically

__all__ = ["change_of_files", "handoff_key", "read_handoff", "write_handoff"]

_DEEPEST = 6


def write_handoff(
    path: Path, output: Any, instance: Any, before: dict[str, Any], key: dict[str, Any]
) -> tuple[str | None, dict[str, int]]:
    """Keep what download returned and set on its instance.

    Parameters
    ----------
    path : Path
        The handoff file.
    output : object
        What download returned.
    instance : object
        The pipeline's instance.
    before : dict
        The instance's attributes before download: what its `__init__` has set is set in
        the other process, too.
    key : dict
        What the download depended on (row and arguments), to compare later.

    Returns
    -------
    reason : str or None
        Why the value could not be kept, None if it was.
    files : dict
        The size in bytes of each file that it names, by path. What a download fetched
        and did not name is not known.
    """
    attributes = {
        name: value
        for name, value in vars(instance).items()
        if name not in before or before[name] is not value
    }
    reason = None
    try:
        payload = pickle.dumps((output, attributes))
        pickle.loads(payload)
    except Exception as error:
        # Whatever a class of the pipeline does when it is pickled: process will call
        # download again, which is slower and as right.
        payload, reason = None, f"{type(error).__name__}: {error}"
    files = dict(_files((output, attributes))) if payload is not None else {}
    content = {"key": key, "payload": payload, "files": files}
    write_atomically(path, pickle.dumps(content))
    return reason, files


def read_handoff(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return what download returned, and the attributes it set.

    Raises
    ------
    HandoffError
        It was not kept, cannot be read, or speaks of files that have changed.
    """
    content = _content(path)
    if content.get("payload") is None:
        raise HandoffError("what download returned could not be kept")
    if change := _change(content):
        raise HandoffError(change)
    try:
        return pickle.loads(content["payload"])
    except Exception as error:
        raise HandoffError(f"{type(error).__name__}: {error}") from error


def change_of_files(path: Path) -> str | None:
    """Return what has become of a file that download returned, None if nothing."""
    try:
        return _change(_content(path))
    except HandoffError:
        return None


def handoff_key(path: Path) -> dict[str, Any] | None:
    """Return what the kept download depended on, None if there is none."""
    try:
        return _content(path).get("key")
    except HandoffError:
        return None


def _content(path: Path) -> dict[str, Any]:
    try:
        return pickle.loads(path.read_bytes())
    except Exception as error:
        raise HandoffError(f"{path.name} cannot be read ({error})") from error


def _change(content: dict[str, Any]) -> str | None:
    for file, size in content["files"].items():
        try:
            found = os.stat(file).st_size
        except OSError:
            return f"{file} is gone"
        if found != size:
            return f"{file} has {found} bytes instead of {size}"
    return None


def _files(value: Any, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Yield path and size (bytes) of every existing file that a value names."""
    if depth > _DEEPEST:
        return
    if isinstance(value, (str, os.PathLike)):
        try:
            status = os.stat(text := os.fspath(value))
        except (OSError, ValueError, TypeError):
            return
        if stat.S_ISREG(status.st_mode):
            yield os.path.abspath(text), status.st_size
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _files(item, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _files(item, depth + 1)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from _files(vars(value), depth + 1)
