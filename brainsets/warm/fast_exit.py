"""The end of a forked process that leaves most of its memory to its parent.

An interpreter that ends takes every object apart, and so copies all the memory that it
shares with the process it was forked from: 40 ms where the step itself took none. That
only matters to files that are still open, as their content may not have been written.
"""

import atexit
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Callable

from brainsets.supervision.forking import end_interpreter
from brainsets.warm.fork_safety import open_descriptors

__all__ = ["fast_exit"]


def fast_exit(before: dict[int, tuple[int, int]]) -> Callable[[int], None]:
    """Return a function that ends this process.

    Parameters
    ----------
    before : dict
        The descriptors that were open before the step, with their identities, see
        `brainsets.warm.fork_safety`.
    """

    def end(status: int) -> None:
        if threading.active_count() > 1 or _is_new(open_descriptors(), before):
            # What is frozen would not be taken apart, nor what is open flushed.
            gc.unfreeze()
            end_interpreter(status)
        atexit._run_exitfuncs()
        gc.collect()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                pass
        # What C libraries have printed.
        ctypes.PyDLL(None).fflush(None)
        os._exit(status)

    return end


def _is_new(
    now: dict[int, tuple[int, int]], before: dict[int, tuple[int, int]]
) -> bool:
    return any(before.get(number) != identity for number, identity in now.items())
