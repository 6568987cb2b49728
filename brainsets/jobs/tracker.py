"""The status of a running step, where others can see it."""

import time
from collections.abc import Callable
from typing import Any

from brainsets.shared.text.lines import MAX_LINE_LENGTH, cut_end
from brainsets.supervision.hidden_secrets import mask_secrets

__all__ = ["StatusTracker"]

# A pipeline may report inside a tight loop; nobody can read faster than this.
_SHORTEST_INTERVAL_S = 0.1
# Of a status; more than is shown, so that no part of a secret is left at the end.
_MOST_READ = 100_000


class StatusTracker:
    """Tells others the status of one asset; made in the process that runs the step.

    It answers ``update_status(asset, status)`` and, as a Ray actor's handle would,
    ``update_status.remote(asset, status)``.

    Parameters
    ----------
    write : callable
        Writes a status down.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._status = ""
        self._written, self._is_written = 0.0, True
        self.update_status = _Remote(self._update_status)
        self.may_be_copied = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers that process starts get copies of a pipeline, to call its methods. In
        # what download hands over, a copy would be of another attempt.
        if not self.may_be_copied:
            raise TypeError("cannot pickle what tells the status of a step")
        return StatusTracker, (_unheard,)

    def _update_status(self, asset: object, status: object) -> None:
        self._status, self._is_written = self.shown(status), False
        if time.monotonic() - self._written >= _SHORTEST_INTERVAL_S:
            self.flush()

    @staticmethod
    def shown(status: object) -> str:
        """Return a status as others may see it."""
        # A word on what is being done is looked at by everybody, every second.
        return cut_end(mask_secrets(str(status)[:_MOST_READ]), MAX_LINE_LENGTH)

    def flush(self) -> None:
        """Write down the last status, if that had to wait."""
        if not self._is_written:
            self._written, self._is_written = time.monotonic(), True
            self._write(self._status)


def _unheard(status: str) -> None:
    """Write nothing down: only the step itself tells its status."""


class _Remote:
    """A function that can be called as ``f()`` and as ``f.remote()``."""

    def __init__(self, function: Any) -> None:
        self.remote = function

    def __call__(self, *args: Any) -> None:
        self.remote(*args)
