"""What happens on Linux to processes whose parent ends.

To look for what a step has left behind is to look at every process of the machine. That
can be spared where nothing is left, which is nearly always: so orphans are adopted, as
children can be counted. See `man 2 prctl`.
"""

import os
import threading
from collections.abc import Collection
from pathlib import Path

from brainsets.shared.processes import control_process

__all__ = ["adopt_orphans", "has_other_children"]

_PR_SET_CHILD_SUBREAPER = 36
_adopter = 0


def adopt_orphans() -> None:
    """Make this process the parent of all descendants whose own parents end."""
    global _adopter
    if _adopter != os.getpid() and control_process(_PR_SET_CHILD_SUBREAPER, 1):
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
