"""Hashes of the content of files."""

import hashlib
import os
import stat
from datetime import datetime
from functools import lru_cache
from typing import Any

__all__ = ["content_hash", "is_older"]

# Files up to this size are hashed whole; of larger ones, as they are read at each
# planning, only the size and this many parts, evenly spread.
_WHOLE = 64 << 20
_PARTS = 64


def content_hash(path: str | os.PathLike[str]) -> str | None:
    """Return a hash of a file's content, None if it is no readable file."""
    try:
        # Links are followed; pipes would wait when opened.
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
    """Whether a file is unchanged since a moment, given as ISO 8601."""
    try:
        status, since = os.stat(path), datetime.fromisoformat(moment).timestamp()
    except (OSError, TypeError, ValueError, OverflowError):
        return False
    return max(status.st_mtime, status.st_ctime) < since
