"""Which process a pid stands for, as pids are used again."""

from pathlib import Path

__all__ = ["start_time"]


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
