"""Read and write files that may have been replaced by anything, such as a pipe or link.

Reading ends at once, with the content or an `OSError` that names what is there instead
of a file; writing never follows a link.
"""

import contextlib
import errno
import json
import os
import stat
import uuid
from pathlib import Path
from typing import Any

__all__ = [
    "is_regular",
    "move_aside",
    "read_object",
    "read_regular",
    "remove_file",
    "why_unwritable",
    "write_atomically",
    "write_over",
]

# A record of a million outputs has half of that.
_MAX_BYTES = 1 << 28
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a link"),
)


def read_regular(path: str | os.PathLike[str], max_bytes: int | None = None) -> bytes:
    """Return the content of a regular file, to which a link may lead.

    Raises
    ------
    OSError
        It is not there, is something else than a file, or has more than `max_bytes`.
    """
    try:
        # Not blocking, as opening a named pipe would wait for a writer.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, f"is no name of a file: {error}", path) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"it is {_kind(status.st_mode)}", path)
        if max_bytes is not None and status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes", path)
        # One byte more, to detect the end without another call.
        content = os.read(file, status.st_size + 1)
        if len(content) < status.st_size:
            # A single call reads at most two gigabytes.
            parts = [content]
            while part := os.read(file, 1 << 28):
                parts.append(part)
            content = b"".join(parts)
        return content
    finally:
        os.close(file)


def read_object(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the JSON object in a file; None if there is none, or anything else."""
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8", "surrogatepass")
        record = json.loads(text)
    except (OSError, ValueError, RecursionError, MemoryError):
        return None
    return record if isinstance(record, dict) else None


def write_atomically(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file so that a reader finds the old content or the new, never a part.

    With `durable` it is also on disk, not only in memory, when this returns. A
    folder in its place is moved aside.
    """
    folder, name = os.path.split(path)
    partial = f"{folder}/.{os.getpid()}-{name[-200:]}"
    try:
        with open(_created(partial, Path(folder)), "wb") as stream:
            stream.write(content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        try:
            os.replace(partial, path)
        except IsADirectoryError:
            move_aside(path)
            os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def _reopened(file: Path) -> int:
    """Return a descriptor of an own file; -1 if it is one no more."""
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags)
    except OSError:
        descriptor = -1
    if descriptor >= 0:
        status = os.fstat(descriptor)
        # A copy made of hard links must not change with it.
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return descriptor
        os.close(descriptor)
    with contextlib.suppress(OSError):
        remove_file(file)
    return -1


def write_over(old: Path, path: Path, content: bytes) -> None:
    """Overwrite and rename a file of ours, which needs no free blocks of the disk.

    Raises
    ------
    OSError
        Its blocks are not enough, or it cannot be written.
    """
    descriptor = _reopened(old)
    if descriptor < 0:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(old))
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.truncate()
    os.replace(old, path)


def why_unwritable(folder: Path) -> str | None:
    """Return the system's error on writing a file there, None if there is none.

    A disk may be full, read-only, or at the user's quota.
    """
    probe = f"{folder}/.{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        try:
            with open(probe, "xb") as stream:
                stream.write(bytes(1 << 14))
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(probe)
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return None


def _created(file: str, folder: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(file, flags, 0o666)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        # Left by a process that had the same pid.
        remove_file(file)
    return os.open(file, flags, 0o666)


def remove_file(path: str | os.PathLike[str]) -> None:
    """Clear a path: a file is removed, a folder is moved aside."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):
        # On macOS, unlinking a folder raises PermissionError.
        if not os.path.isdir(path):
            raise
        move_aside(path)


def move_aside(path: str | os.PathLike[str]) -> str | None:
    """Rename a file or folder that is not ours, and return its new path.

    None if it was an empty folder, which is removed.
    """
    with contextlib.suppress(OSError):
        os.rmdir(path)
        return None
    aside = f"{os.fspath(path)}.broken"
    if os.path.lexists(aside):
        aside = f"{os.fspath(path)}.broken-{uuid.uuid4().hex[:8]}"
    os.rename(path, aside)
    return aside


def is_regular(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file is at a path, or a link to one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _kind(mode: int) -> str:
    return next((kind for test, kind in _KINDS if test(mode)), "a device")
