"""The path of the socket at which the jobs of a run reach a warm process."""

import os
import sys
import tempfile

from brainsets.shared.processes import start_time

__all__ = ["SHORT_FOLDER", "socket_path"]

SHORT_FOLDER = "/tmp"
"""The folder of sockets whose path would be too long in the temporary folder."""

# The kernel's limit is 108 bytes.
_MAX_PATH_BYTES = 107
# Appended to the folder's name where another user has taken it.
_SUFFIXES = ("", "-1", "-2", "-3")


def socket_path(last: str) -> str:
    """Return the path of a socket whose warm process ends with this process.

    Empty where there can be none: only Linux shows what an import leaves behind in a
    process, and on macOS system libraries do not survive a fork.

    Parameters
    ----------
    last : str
        How its name ends; pid and start time of this process come before.
    """
    started = start_time(os.getpid())
    if sys.platform != "linux" or started is None:
        return ""
    # Not under XDG_RUNTIME_DIR, which is emptied at logout; a run may last longer.
    name = f"{os.getpid()}-{started}-{last}"
    for place in (tempfile.gettempdir(), SHORT_FOLDER):
        for more in _SUFFIXES:
            folder = f"{place}/brainsets-{os.getuid()}{more}"
            is_short = len(os.fsencode(f"{folder}/{name}")) <= _MAX_PATH_BYTES
            if is_short and _is_usable(folder):
                return f"{folder}/{name}"
    return ""


def _is_usable(folder: str) -> bool:
    """Whether a folder is this user's alone, or does not exist yet."""
    try:
        status = os.lstat(folder)
    except OSError:
        return True
    return status.st_uid == os.geteuid() and status.st_mode & 0o170077 == 0o040000
