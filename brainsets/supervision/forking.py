"""Fork a process for one thing, after which it can only end.

Such a process stands on the frames of its parent, which would take what it raises for
their own, and go on in two processes.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable

__all__ = ["end_interpreter", "fork"]


def end_interpreter(status: int) -> None:
    """End this process as an interpreter ends, whatever frames it stands on.

    What is left open (an HDF5 file, say) is flushed and closed, which `os._exit` does
    not; and nothing is raised, which `sys.exit` does.
    """
    # Only where it is needed, as it takes milliseconds.
    import ctypes

    # An end takes apart what modules hold only where the modules themselves are there.
    modules = [*sys.modules.values()]
    ctypes.pythonapi.Py_Exit(status)
    del modules


def fork(task: Callable[[], object]) -> int:
    """Fork a process that does something and ends, whatever comes of it.

    Parameters
    ----------
    task : callable
        What it does. It ends with 0 when this returns, with 1 when this raises; and as
        an interpreter does where this raises SystemExit.

    Returns
    -------
    int
        The pid of the process.

    Raises
    ------
    OSError
        There can be no more processes.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        try:
            task()
            status = 0
        except SystemExit as end:
            status = (
                end.code if isinstance(end.code, int) else int(end.code is not None)
            )
            end_interpreter(status)
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
        os._exit(status)
