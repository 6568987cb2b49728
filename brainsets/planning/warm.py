"""Where the jobs of a run find the warm process of a brainset."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from brainsets.shared.sockets import socket_path

__all__ = ["client_words"]

_CLIENT = Path(__file__).resolve().parents[1] / "warm" / "client"


def client_words(python: str, brainset: str, things: Sequence[object]) -> list[str]:
    """Return what to put before a job's command, so that a warm process may run it.

    Empty where this cannot be.

    Parameters
    ----------
    python : str
        The interpreter of the job.
    brainset : str
        The brainset's id.
    things : sequence
        All that jobs must have in common to be run by one process.
    """
    digest = hashlib.sha256(repr([python, brainset, *map(str, things)]).encode())
    path = socket_path(digest.hexdigest()[:12])
    if not path:
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
