"""Sentinels: small JSON files that say what became of an asset.

They are written beside and moved into place, so a reader sees a whole one or none.
"""

import json
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import NoneType
from typing import Any

from brainsets.shared.files import read_object, write_atomically
from brainsets.shared.folders import BrainsetFolder

__all__ = [
    "DONE",
    "DOWNLOADED",
    "FAILED",
    "HEARTBEAT_S",
    "INTERRUPTED",
    "PENDING",
    "RUNNING",
    "asset_state",
    "now",
    "read_sentinel",
    "write_atomically",
    "write_sentinel",
]

DONE = "DONE"
RUNNING = "RUNNING"
FAILED = "FAILED"
INTERRUPTED = "INTERRUPTED"
DOWNLOADED = "DOWNLOADED"
PENDING = "PENDING"

HEARTBEAT_S = 30
"""How often a running step touches its RUNNING sentinel, in seconds."""

# A line for each entry; indentation would take ten times as long.
_LINES = (",\n ", ": ")
_AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=_LINES)
_ESCAPED = json.JSONEncoder(separators=_LINES)
# A busy network file system may show a touch late; the dead miss ten beats in a row.
_SILENCE_S = 10 * HEARTBEAT_S


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def write_sentinel(
    path: Path,
    record: dict[str, Any],
    *,
    durable: bool = False,
    spare: Path | None = None,
) -> None:
    """Write one JSON object; sentinels that claim success should be durable."""
    try:
        content = _AS_TEXT.encode(record).encode()
    except UnicodeEncodeError:
        # Bytes that are no text, as file names may hold: JSON has an escape for them.
        content = _ESCAPED.encode(record).encode()
    write_atomically(path, content + b"\n", durable=durable, spare=spare)


def read_sentinel(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return what a sentinel says; None if there is none or it is broken.

    It is broken unless each key has the type that docs/status_json.md gives it, so
    whoever reads it need not ask. What has nothing to say may be null or absent, but
    for the outputs of a DONE and the attempts of a FAILED.
    """
    record = read_object(path)
    if record is None:
        return None
    for key, value in record.items():
        if value is not None and key in _TYPES and not _TYPES[key](value):
            return None
    needed = _NEEDED.get(os.fspath(path).rpartition(".")[2])
    return None if needed and record.get(needed) is None else record


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _is_number(value: Any) -> bool:
    # Neither infinite nor NaN.
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST


def _are_texts(value: Any) -> bool:
    return type(value) is list and {*map(type, value)} <= {str}


def _have_texts(value: Any) -> bool:
    return type(value) is dict and {*map(type, value.values())} <= {str, NoneType}


def _is_step(value: Any) -> bool:
    return value in _STEPS if type(value) is str else False


def _are_outputs(value: Any) -> bool:
    return _are(value, path=_is_inside, bytes=_is_count, sha256=_is_text)


def _are_files(value: Any) -> bool:
    return _are(value, path=_is_text, bytes=_is_count)


def _are_folders(value: Any) -> bool:
    return _are(value, path=_is_text, files=_is_count)


def _are_attempts(value: Any) -> bool:
    # At least the one that it was written for.
    if type(value) is not list or not value:
        return False
    return all(
        type(each) is dict
        and all(
            entry is None or key not in _OF_ATTEMPTS or _OF_ATTEMPTS[key](entry)
            for key, entry in each.items()
        )
        for each in value
    )


def _are(value: Any, **types: Callable[[Any], bool]) -> bool:
    if type(value) is not list:
        return False
    for each in value:
        if type(each) is not dict:
            return False
        for key, is_right in types.items():
            if key not in each or not is_right(each[key]):
                return False
    return True


def _is_inside(path: Any) -> bool:
    """Whether a path stays below the folder that it starts from."""
    if type(path) is not str or not path or path[0] == "/" or "\0" in path:
        return False
    return ".." not in path or ".." not in path.split("/")


_LARGEST = 1 << 63
_STEPS = ("download", "process", "build_environment", "write_manifest")
_OF_ATTEMPTS: dict[str, Callable[[Any], bool]] = {
    "time": _is_text,
    "error": _is_text,
    "message": _is_text,
    "traceback": _is_text,
    "signal": _is_text,
    "timeout_s": _is_number,
    "transient": lambda value: type(value) is bool,
}
_TYPES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        ("asset", "brainset", "row", "code", "pipeline", "log", "run", "download_run")
        + ("status", "started", "ended", "host", "slurm_job", "handoff"),
        _is_text,
    ),
    "step": _is_step,
    "args": _are_texts,
    "attempt": _is_count,
    "pid": _is_count,
    "wall_s": _is_number,
    "cpu_s": _is_number,
    "max_rss_mb": _is_number,
    "versions": _have_texts,
    "left_out": _have_texts,
    "raw_bytes": _is_count,
    "raw_files": _are_files,
    "raw_folders": _are_folders,
    "outputs": _are_outputs,
    "attempts": _are_attempts,
}
_NEEDED = {DONE: "outputs", FAILED: "attempts"}


def _alive(path: Path, record: dict[str, Any]) -> bool:
    """Whether the process that a RUNNING sentinel speaks of still lives."""
    try:
        status = path.stat()
    except OSError:
        return False
    # A copy may have any time; the other one is that of its last change here.
    silent_s = time.time() - min(status.st_mtime, status.st_ctime)
    if silent_s > _SILENCE_S:
        return False
    if record.get("host") != socket.gethostname():
        # A beat from the future, as before a clock was set back, would count for ever.
        return silent_s > -_SILENCE_S
    try:
        pid = record.get("pid")
        # 0 stands for this process's own group.
        if not pid:
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for somebody to ask how.

    In a container nobody may ever ask.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def asset_state(
    folder: BrainsetFolder, name: str, existing: set[str] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the one state of an asset, and the sentinel that says so.

    Parameters
    ----------
    folder : BrainsetFolder
        The brainset's folder.
    name : str
        The asset's name in file names.
    existing : set of str, optional
        Names of all files in the status folder, to spare a look at each.
    """

    def read(state: str) -> tuple[Path, dict[str, Any] | None]:
        path = folder.sentinel(name, state)
        if existing is not None and path.name not in existing:
            return path, None
        return path, read_sentinel(path)

    _, record = read(DONE)
    if record is not None:
        return DONE, record
    path, running = read(RUNNING)
    if running is not None and _alive(path, running):
        return RUNNING, running
    _, record = read(FAILED)
    if record is not None:
        return FAILED, record
    if running is not None:
        return INTERRUPTED, running
    _, record = read(DOWNLOADED)
    if record is not None:
        return DOWNLOADED, record
    return PENDING, {}
