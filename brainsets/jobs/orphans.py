"""What happens on Linux to processes whose parent ends.

To look for what a step has left behind is to look at every process of the machine. That
can be spared where nothing is left, which is nearly always: so orphans are adopted, as
children can be counted. See `man 2 prctl`.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

__all__ = ["adopt_orphans", "die_with_parent", "has_other_children"]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_adopter = 0


def adopt_orphans() -> None:
    """Make this process the parent of all descendants whose own parents end."""
    global _adopter
    if _adopter != os.getpid() and _prctl(_PR_SET_CHILD_SUBREAPER, 1):
        _adopter = os.getpid()


def die_with_parent(yes: bool) -> None:
    """Have this process killed when its parent ends, or no longer."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if yes else 0)


def _prctl(option: int, value: int) -> bool:
    try:
        return _process_control()(option, value, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):
        return False


@cache
def _process_control() -> Callable[..., int]:
    # Once in a process and those that are forked from it: it takes milliseconds.
    import ctypes

    if sys.platform != "linux":
        raise OSError("there is no prctl")
    return ctypes.CDLL(None).prctl


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
