"""Processes whose parent has ended: adopted on Linux, so that they can be counted.

Looking for what a step has left behind means to look at every process of the machine.
That can be spared where nothing is left, which is nearly always.
"""

import os
import sys
import threading
from collections.abc import Collection
from pathlib import Path

__all__ = ["adopt_orphans", "has_other_children"]

_PR_SET_CHILD_SUBREAPER = 36
_adopter = 0


def adopt_orphans() -> None:
    """Make this process the parent of all descendants whose own parents end."""
    global _adopter
    if sys.platform == "linux" and _adopter != os.getpid():
        try:
            import ctypes

            failed = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        except (ImportError, OSError, AttributeError):
            return
        if not failed:
            _adopter = os.getpid()


def has_other_children(known: Collection[int]) -> bool:
    """Whether this process has children, adopted ones too, that it does not know.

    True also where nobody can tell.
    """
    if _adopter != os.getpid() or threading.active_count() > 1:
        return True
    thread = threading.get_native_id()
    try:
        children = Path(f"/proc/self/task/{thread}/children").read_bytes()
    except OSError:
        return True
    return not {*map(int, children.split())} <= {*known}
