"""Where the jobs of a run find the warm process of a brainset."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from brainsets.shared.processes import start_time

__all__ = ["client_words"]

_CLIENT = Path(__file__).resolve().parents[1] / "jobs" / "warm_client"
# The kernel's limit for the path of a socket is 108 bytes.
_LONGEST_PATH = 107


def client_words(python: str, brainset: str, things: Sequence[object]) -> list[str]:
    """Return what to put before a job's command, so that a warm process may run it.

    Empty where this cannot be: what an import must not leave behind in a process that
    is forked can only be seen on Linux, and on macOS system libraries do not survive a
    fork.

    Parameters
    ----------
    python : str
        The interpreter of the job.
    brainset : str
        The brainset's id.
    things : sequence
        All that jobs must have in common to be run by one process.
    """
    started = start_time(os.getpid())
    if sys.platform != "linux" or started is None:
        return []
    digest = hashlib.sha256(repr([python, brainset, *map(str, things)]).encode())
    name = f"{os.getpid()}-{started}-{digest.hexdigest()[:12]}"
    # Not under XDG_RUNTIME_DIR, which is emptied when a person logs out; a run may last
    # longer than that.
    for folder in (tempfile.gettempdir(), "/tmp"):
        path = f"{folder}/brainsets-{os.getuid()}/{name}"
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            break
    else:
        return []
    perl = _perl()
    if perl is not None:
        client = [perl, f"{_CLIENT}.pl", path]
    else:
        client = [python, "-I", "-S", f"{_CLIENT}.py", path]
    # The shell need not stay and wait.
    return ["exec", *client]


@lru_cache(maxsize=1)
def _perl() -> str | None:
    # That of the system, which costs less than one behind a script that chooses one.
    system = "/usr/bin/perl"
    return system if os.access(system, os.X_OK) else shutil.which("perl")
