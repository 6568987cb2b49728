"""What is in a file, as a short text: the same for the same content."""

import hashlib
import os
import stat
from datetime import datetime
from functools import lru_cache
from typing import Any

__all__ = ["content_hash", "is_older"]

# Up to this many bytes all of a file counts, as it is read at each planning; of what is
# longer its size, and as many parts of it, evenly spread.
_WHOLE = 64 << 20
_PARTS = 64


def content_hash(path: str | os.PathLike[str]) -> str | None:
    """Return a hash of a file's content, None of what is no file that can be read."""
    try:
        # Also of what a link leads to, but of nothing that waits when it is opened.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        identity = status.st_mtime_ns, status.st_ctime_ns, status.st_ino
        return _hashed(os.fspath(path), status.st_size, identity)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _hashed(path: str, size: int, identity: tuple[int, ...]) -> str:
    digest = hashlib.sha256()
    part = _WHOLE // _PARTS
    with open(path, "rb") as file:
        if size <= _WHOLE:
            while content := file.read(part):
                digest.update(content)
        else:
            digest.update(b"%d\0" % size)
            for number in range(_PARTS):
                file.seek((size - part) * number // (_PARTS - 1))
                digest.update(file.read(part))
    return digest.hexdigest()[:16]


def is_older(path: str | os.PathLike[str], moment: Any) -> bool:
    """Whether nobody has touched a file since a moment, given as ISO 8601."""
    try:
        status, since = os.stat(path), datetime.fromisoformat(moment).timestamp()
    except (OSError, TypeError, ValueError, OverflowError):
        return False
    return max(status.st_mtime, status.st_ctime) < since
