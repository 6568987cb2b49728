"""The state of one asset, and whether the process that works on it is alive."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.processes import is_zombie
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    FAILED,
    INTERRUPTED,
    PENDING,
    RUNNING,
    SKIPPED,
    read_sentinel,
)

__all__ = ["HEARTBEAT_S", "asset_state"]

HEARTBEAT_S = 30
"""How often a running step touches its RUNNING sentinel, in seconds."""

# Ten heartbeats, as a busy network file system may show one late.
_MAX_SILENCE_S = 10 * HEARTBEAT_S


def _is_alive(path: Path, record: dict[str, Any]) -> bool:
    """Whether the process of a RUNNING sentinel is alive."""
    try:
        status = path.stat()
    except OSError:
        return False
    # The mtime of a copied file may be anything; its ctime is that of the copy.
    silent_s = time.time() - min(status.st_mtime, status.st_ctime)
    if silent_s > _MAX_SILENCE_S:
        return False
    if record.get("host") != socket.gethostname():
        # A heartbeat from the future (the clock was set back) would never expire.
        return silent_s > -_MAX_SILENCE_S
    try:
        pid = record.get("pid")
        # 0 would be this process's own group.
        if not pid:
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return not is_zombie(pid)


def asset_state(
    folder: BrainsetFolder, name: str, existing: set[str] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the state of an asset, and the content of its sentinel.

    An asset that was skipped has the sentinels of one that was not: SKIPPED is what
    stands in them.

    Parameters
    ----------
    folder : BrainsetFolder
        The brainset's folder.
    name : str
        The asset's name in file names.
    existing : set of str, optional
        Names of all files in the status folder, so that no missing file is opened.
    """

    def read(state: str) -> tuple[Path, dict[str, Any] | None]:
        path = folder.sentinel(name, state)
        if existing is not None and path.name not in existing:
            return path, None
        return path, read_sentinel(path)

    _, record = read(DONE)
    if record is not None:
        return (DONE if record.get("skipped") is None else SKIPPED), record
    path, running = read(RUNNING)
    if running is not None and _is_alive(path, running):
        return RUNNING, running
    _, record = read(FAILED)
    if record is not None:
        return FAILED, record
    if running is not None:
        return INTERRUPTED, running
    _, record = read(DOWNLOADED)
    if record is not None:
        return (DOWNLOADED if record.get("skipped") is None else SKIPPED), record
    return PENDING, {}
