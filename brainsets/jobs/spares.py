"""A file that is done with, for the same process to use again under another name.

Each step has a RUNNING, which is removed at its end. To remove files and make new ones
all the time is slow: a file system without a journal, say, keeps away for minutes from
what was removed, and looks for something else one by one. So a process that runs
many steps has one file for all of them.
"""

import contextlib
import os
import shutil
import uuid
from pathlib import Path

from brainsets.shared.files import remove_file

__all__ = ["is_put_away", "keep_spares", "put_away", "remove_spares", "spare"]

_spares: dict[Path, Path] = {}
_name: str | None = None


def keep_spares() -> None:
    """Have this process use files again, from now on."""
    global _name
    # Hidden, and nobody else's on any machine that sees the disk.
    _name = f".{uuid.uuid4().hex}"


def remove_spares() -> None:
    """Remove what is kept; to be called before this process ends."""
    while _spares:
        _, path = _spares.popitem()
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                remove_file(path)


def put_away(path: Path) -> None:
    """Have a file gone from its path; what is not there is gone already."""
    if not is_put_away(path):
        with contextlib.suppress(FileNotFoundError):
            remove_file(path)


def is_put_away(path: Path) -> bool:
    """Keep a file or folder, if this process keeps any and has none from there yet."""
    folder = path.parent
    if _name is None or folder in _spares:
        return False
    try:
        os.rename(path, folder / _name)
    except OSError:
        return False
    _spares[folder] = folder / _name
    return True


def spare(folder: Path) -> Path | None:
    """Return what is kept in a folder, to be used now; it is kept no more."""
    return _spares.pop(folder, None)
