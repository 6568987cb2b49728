"""Something done again and again, for a bounded share of the time."""

import threading
import time
from collections.abc import Callable

__all__ = ["Ticker", "pause_s"]

# Of one core, in the process that also plans and starts all jobs.
_SHARE = 0.01


def pause_s(cost_s: float, least_s: float, *, share: float = _SHARE) -> float:
    """Return how long to wait after something that took so many CPU seconds.

    So long that it takes no more than `share` of one core, and at least `least_s`.
    """
    return max(least_s, cost_s * (1 / share - 1))


class Ticker(threading.Thread):
    """Calls a function in a thread of its own until it is told to stop.

    The longer a call takes, the longer is the pause after it.

    Parameters
    ----------
    function : callable
        Called without arguments. It must not raise.
    least_s : float
        Seconds between two calls, at least.
    """

    def __init__(self, function: Callable[[], None], least_s: float) -> None:
        super().__init__(name="brainsets-display", daemon=True)
        self._function = function
        self._least_s = least_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Call the function until `stop`."""
        wait_s = 0.0
        while not self._stopped.wait(wait_s):
            began = time.thread_time()
            self._function()
            wait_s = pause_s(time.thread_time() - began, self._least_s)

    def stop(self) -> None:
        """Have it call no more; what is under way is finished."""
        self._stopped.set()
