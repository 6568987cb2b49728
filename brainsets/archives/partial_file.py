"""The file that a download is written to, beside its place, until it is whole."""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Part", "part_of"]

# Error numbers of file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Part:
    """An open file that this process alone writes to, at its end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        # Without a buffer: what a full disk did not take is not tried again later.
        self.file = os.fdopen(descriptor, "r+b", buffering=0)

    @property
    def size(self) -> int:
        return os.fstat(self.file.fileno()).st_size

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.file.write(view) :]

    def truncate(self, size: int = 0) -> None:
        self.file.truncate(size)

    def begins_with(self, count: int) -> bytes:
        """Return the first bytes."""
        return os.pread(self.file.fileno(), count, 0)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def move_to(self, path: Path) -> None:
        """Put it in place of whatever is there: a link is replaced, not followed."""
        os.fsync(self.file.fileno())
        os.replace(self.path, path)


@contextmanager
def part_of(path: Path, report: Callable[[str], object]) -> Iterator[Part]:
    """Open the file that a download to `path` is written to, for this process alone."""
    named, is_shared = path.with_name(f"{path.name}.part"), True
    while True:
        descriptor = _opened(named)
        if descriptor is None and not is_shared:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(named))
        if descriptor is None:
            # A folder, or a file of another user, whose download may be under way.
            named, is_shared = _own_name(path), False
            continue
        part = Part(named, descriptor)
        with part.file:
            if is_shared and not _lock(part, report):
                # Without locks, a name that no other process has keeps them apart.
                part.remove()
                named, is_shared = _own_name(path), False
                continue
            # The process that had the lock before may have moved or removed the file.
            if not _is_at(part, named):
                continue
            try:
                yield part
            finally:
                if not is_shared:
                    part.remove()
            return


def _own_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.{socket.gethostname()}-{os.getpid()}.part")


def _opened(path: Path) -> int | None:
    """Open or make a file to append to, None if there is one that is not for us.

    Links, pipes and files with a second name are removed: none of them is ours, and
    to write to them is to write to something else.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISDIR(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                return None
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        # ELOOP: a link that came in between
        if error.errno == errno.ELOOP:
            return _opened(path)
        if isinstance(error, PermissionError) and os.path.lexists(path):
            return None
        raise


def _lock(part: Part, report: Callable[[str], object]) -> bool:
    """Lock a file until it is closed; return False if there are no locks here."""
    try:
        try:
            fcntl.flock(part.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"Waiting for another process that writes {part.path.name}")
            fcntl.flock(part.file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_at(part: Part, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(part.file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False
