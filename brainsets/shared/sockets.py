"""Where the jobs of a run find a warm process."""

import os
import sys
import tempfile

from brainsets.shared.processes import start_time

__all__ = ["SHORT_FOLDER", "socket_path"]

SHORT_FOLDER = "/tmp"
"""Where a socket is whose path would be too long elsewhere; each Linux has it."""

# The kernel's limit is 108 bytes.
_LONGEST_PATH = 107


def socket_path(last: str) -> str:
    """Return the path of a socket whose warm process ends with this process.

    Empty where there can be none: what an import must not leave behind in a process
    that is forked can only be seen on Linux, and on macOS system libraries do not
    survive a fork.

    Parameters
    ----------
    last : str
        How its name ends; pid and start time of this process come before.
    """
    started = start_time(os.getpid())
    if sys.platform != "linux" or started is None:
        return ""
    # Not under XDG_RUNTIME_DIR, which is emptied when a person logs out; a run may last
    # longer than that.
    for folder in (tempfile.gettempdir(), SHORT_FOLDER):
        path = f"{folder}/brainsets-{os.getuid()}/{os.getpid()}-{started}-{last}"
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            return path
    return ""
