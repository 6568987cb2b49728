"""Identify processes, as pids are reused, and end them with their parent (Linux)."""

import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

__all__ = ["control_process", "die_with_parent", "is_zombie", "start_time"]

_PR_SET_PDEATHSIG = 1
_EXITED = (b"Z", b"X")


def start_time(pid: int) -> int | None:
    """Return when a process started, in the kernel's ticks since the machine did.

    None if there is no such process, if it has exited but was not reaped (a zombie), or
    if this system does not tell (it is no Linux).
    """
    state, *fields = _stat_fields(pid) or [b"X"]
    return None if state in _EXITED else int(fields[18])


def is_zombie(pid: int) -> bool:
    """Whether a process has exited but was not reaped, as may happen in containers."""
    fields = _stat_fields(pid)
    return fields is not None and fields[0] in _EXITED


def _stat_fields(pid: int) -> list[bytes] | None:
    """Return the fields of ``/proc/<pid>/stat`` from the third on, the state.

    See `man 5 proc_pid_stat`; None if there is no such file.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name, which may hold blanks and brackets.
    return stat.rpartition(b")")[2].split()


def die_with_parent(yes: bool) -> None:
    """Have this process killed when its parent ends, or undo that; only on Linux."""
    control_process(_PR_SET_PDEATHSIG, signal.SIGKILL if yes else 0)


def control_process(option: int, value: int) -> bool:
    """Set an option of `man 2 prctl`; return whether the system supports it."""
    try:
        return _process_control()(option, value, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):
        return False


@cache
def _process_control() -> Callable[..., int]:
    # Cached, also for forked processes: the import takes milliseconds.
    import ctypes

    if sys.platform != "linux":
        raise OSError("there is no prctl")
    return ctypes.CDLL(None).prctl
