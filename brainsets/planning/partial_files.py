"""Files that a killed process has left half-written beside their places."""

import os
import re
import shutil
from contextlib import suppress

from brainsets.shared.folders import BrainsetFolder

__all__ = ["remove_partial_files"]

# As `files.write_atomically` and `spares` call them.
_PARTIAL = re.compile(r"\.(\d+-.+|[0-9a-f]{32})")
# Whoever still writes such a file has written to it lately.
_UNTOUCHED_S = 600


def remove_partial_files(folder: BrainsetFolder) -> None:
    """Remove what killed processes have left; to be called with the lock of the run.

    No clock is asked but that of the file system, by the time of the lock's file.
    """
    with suppress(OSError):
        latest = os.stat(folder.lock).st_mtime
        for place in (
            *(folder.workflow, folder.status, folder.handoff("").parent),
            *(folder.outputs, folder.workflow / "staging"),
        ):
            with suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    if _PARTIAL.fullmatch(entry.name):
                        with suppress(OSError):
                            written = entry.stat(follow_symlinks=False).st_mtime
                            if latest - written > _UNTOUCHED_S:
                                _remove(entry)


def _remove(entry: os.DirEntry) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)
