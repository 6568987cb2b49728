"""A file that is done with, for the same process to use again under another name.

Each step has a RUNNING, which is removed at its end. To remove files and make new ones
all the time is slow: a file system without a journal, say, keeps away for minutes from
what was removed, and looks for something else one by one. So a process that runs
many steps has one file for all of them.
"""

import contextlib
import os
import uuid
from pathlib import Path

from brainsets.shared.files import remove_file

__all__ = ["keep_spares", "put_away", "remove_spares", "spare"]

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
        with contextlib.suppress(OSError):
            remove_file(_spares.popitem()[1])


def put_away(path: Path) -> None:
    """Have a file gone from its path; what is not there is gone already."""
    folder = path.parent
    try:
        if _name is None or folder in _spares:
            remove_file(path)
        else:
            os.rename(path, folder / _name)
            _spares[folder] = folder / _name
    except FileNotFoundError:
        pass


def spare(folder: Path) -> Path | None:
    """Return a file in a folder to write into, if there is one; it is kept no more."""
    return _spares.pop(folder, None)
