"""Which process a pid stands for, as pids are used again, and how processes end."""

import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["control_process", "die_with_parent", "start_time"]

_PR_SET_PDEATHSIG = 1


def start_time(pid: int) -> int | None:
    """Return when a process started, in the kernel's ticks since the machine did.

    None if there is no such process, if it has ended and only waits for somebody to ask
    how, or if this system does not tell (it is no Linux). Fields of
    ``/proc/<pid>/stat``: see `man 5 proc_pid_stat`.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name, which may hold blanks and brackets.
    state, *fields = stat.rpartition(b")")[2].split()
    return None if state in (b"Z", b"X") else int(fields[18])


def die_with_parent(yes: bool) -> None:
    """Have this process killed when its parent ends, or no longer; only on Linux."""
    control_process(_PR_SET_PDEATHSIG, signal.SIGKILL if yes else 0)


def control_process(option: int, value: int) -> bool:
    """Set one of the options of `man 2 prctl`; return whether there is such a thing."""
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
