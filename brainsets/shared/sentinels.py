"""Sentinels: small JSON files that say what became of an asset.

They are written beside and moved into place, so a reader sees a whole one or none.
"""

import contextlib
import json
import os
import socket
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

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


def write_atomically(
    path: Path, content: bytes, *, durable: bool = False, spare: Path | None = None
) -> None:
    """Write a file so that a reader finds the old content or the new, never a part.

    With `durable` it is also on disk, not only in memory, when this returns. A `spare`
    file beside it is used up for it.
    """
    folder, name = os.path.split(path)
    partial = spare or f"{folder}/.{os.getpid()}-{name[-200:]}"
    try:
        with _opened(partial, path.parent) as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def _opened(file: str | Path, folder: Path) -> BinaryIO:
    try:
        return open(file, "wb")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return open(file, "wb")


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


def read_sentinel(path: Path) -> dict[str, Any] | None:
    """Return a sentinel's object; None if there is none or it cannot be read."""
    try:
        record = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _alive(path: Path, record: dict[str, Any]) -> bool:
    """Whether the process that a RUNNING sentinel speaks of still lives."""
    try:
        silent_s = time.time() - path.stat().st_mtime
    except OSError:
        return False
    if silent_s > _SILENCE_S:
        return False
    if record.get("host") != socket.gethostname():
        return True
    try:
        pid = int(record["pid"])
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, KeyError, TypeError, ValueError):
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
