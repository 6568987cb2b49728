"""Kernel locks: held by a process, gone with it, nothing to clean up after a kill.

One file per brainset carries them all. Byte 0 is locked by the run, byte 1 by the
process that publishes files, one byte for each asset by the attempt that works on it,
and two more by the processes that list the assets and build the environment. POSIX
record locks work between the hosts of a network file system as well, and end with the
process. They also end when the process closes any descriptor of the file: nothing else
in this project may open it.
"""

import errno
import fcntl
import hashlib
import json
import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

from brainsets.errors import RunLockedError
from brainsets.shared.files import remove_file
from brainsets.shared.times import utc_timestamp

__all__ = [
    "lock_asset",
    "lock_building",
    "lock_listing",
    "lock_publishing",
    "lock_run",
    "release_locks",
    "conflicting_run",
    "current_run",
]

_RUN_BYTE = 0
_PUBLISHING_BYTE = 1
_FIRST_ASSET_BYTE = 2
_LISTING_BYTE = _FIRST_ASSET_BYTE + 2**40
_BUILDING_BYTE = _LISTING_BYTE + 1
_TRIES = 4
_descriptors: dict[Path, int] = {}


def _descriptor(path: Path) -> int:
    if path not in _descriptors:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never wait for a pipe, nor follow a link.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "its file 'lock' is no file", str(path))
        _descriptors[path] = descriptor
    return _descriptors[path]


def _lock_bytes(path: Path, byte: int, *, wait: bool = False, length: int = 1) -> bool:
    flags = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    try:
        fcntl.lockf(_descriptor(path), flags, length, byte)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            # The file system has no locks (such as Lustre mounted without them): go on
            # without protection from a second run.
            return True
        raise
    return True


def lock_run(path: Path) -> dict[str, Any] | None:
    """Lock a brainset for this process until it ends.

    Returns
    -------
    dict or None
        None on success; else what is known of the run that holds the lock.
    """
    for attempt in range(_TRIES):
        try:
            _remove_non_file(path)
            if _lock_bytes(path, _RUN_BYTE):
                if _is_in_place(path):
                    break
                os.close(_descriptors.pop(path))
                continue
        except OSError as error:
            if path.parent.is_dir():
                advice = "choose another processed_dir."
            else:
                advice = "a folder has to be there: move away what is."
            raise RunLockedError(
                f"{path.parent} cannot be written to ({error.strerror}); {advice}"
            ) from error
        # `conflicting_run` of another process holds the lock for an instant.
        time.sleep(0.05 * attempt)
    else:
        return _lock_owner(path)
    record = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": utc_timestamp(),
    }
    descriptor = _descriptor(path)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(record).encode(), 0)
    return None


def _remove_non_file(path: Path) -> None:
    """Remove what is in place of the file; only a regular file can be locked."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            remove_file(path)
    except FileNotFoundError:
        pass


def _is_in_place(path: Path) -> bool:
    """Whether the locked file is still the one at its path."""
    ours = os.fstat(_descriptor(path))
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)


def conflicting_run(path: Path) -> dict[str, Any] | None:
    """Return what is known of another run over the brainset; writes nothing."""
    if not path.exists() or path in _descriptors:
        return None
    try:
        return None if _lock_bytes(path, _RUN_BYTE) else _lock_owner(path)
    except OSError:
        # It is not writable; an attempt to run is refused by `lock_run`.
        return None
    finally:
        if path in _descriptors:
            os.close(_descriptors.pop(path))


def current_run(path: Path) -> str | None:
    """Return when the present run over a brainset began, which identifies it.

    None if there is none, as in a step that is run by itself.
    """
    since = _lock_owner(path).get("since")
    return since if isinstance(since, str) else None


def _lock_owner(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(os.pread(_descriptor(path), 4096, 0))
    except (OSError, RecursionError, ValueError):
        return {}
    if not isinstance(record, dict):
        return {}
    return {key: value for key, value in record.items() if type(value) in (str, int)}


def release_locks() -> None:
    """Release all locks of this process, as its end would do."""
    for path in [*_descriptors]:
        os.close(_descriptors.pop(path))


def lock_publishing(path: Path) -> None:
    """Wait until no other asset of the brainset is being published; hold it from then.

    The lock ends with this process, which afterwards only writes its sentinel.
    """
    _lock_bytes(path, _PUBLISHING_BYTE, wait=True)


def lock_asset(path: Path, name: str, *, wait: bool) -> bool:
    """Lock one asset for this process until it ends; return whether it got it.

    An earlier attempt may still be at work although its run was killed.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    byte = _FIRST_ASSET_BYTE + int.from_bytes(digest[:5], "big")
    return _lock_bytes(path, byte, wait=wait)


def lock_listing(path: Path, *, wait: bool) -> bool:
    """Lock the list of assets until this process ends; return whether it got it.

    A list that is still being made for a run that was killed must not replace a later
    one.
    """
    return _lock_bytes(path, _LISTING_BYTE, wait=wait)


def lock_building(path: Path, *, wait: bool) -> bool:
    """Lock the environment until this process ends; return whether it got it.

    All assets are locked as well, as processes of an ended run may still use it.
    """
    length = _BUILDING_BYTE + 1 - _FIRST_ASSET_BYTE
    return _lock_bytes(path, _FIRST_ASSET_BYTE, wait=wait, length=length)
