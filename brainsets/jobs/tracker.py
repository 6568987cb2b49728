"""The status that a running step reports."""

import time
from collections.abc import Callable
from typing import Any

from brainsets.shared.text.lines import MAX_LINE_LENGTH, cut_end
from brainsets.supervision.hidden_secrets import mask_secrets

__all__ = ["StatusTracker"]

# A pipeline may report inside a tight loop.
_MIN_INTERVAL_S = 0.1
# More than is shown, so that no secret is cut before it is masked.
_MAX_STATUS_LENGTH = 100_000


class StatusTracker:
    """Reports the status of one asset, from the process that runs the step.

    It answers ``update_status(asset, status)`` and, as a Ray actor's handle would,
    ``update_status.remote(asset, status)``.

    Parameters
    ----------
    write : callable
        Writes a status.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._status = ""
        self._written, self._is_written = 0.0, True
        self.update_status = _Remote(self._update_status)
        self.may_be_copied = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes get copies of the pipeline instance, whose methods they call.
        # In a handoff, a copy would belong to another attempt.
        if not self.may_be_copied:
            raise TypeError("cannot pickle what tells the status of a step")
        return StatusTracker, (_unheard,)

    def _update_status(self, asset: object, status: object) -> None:
        self._status, self._is_written = self.shown(status), False
        if time.monotonic() - self._written >= _MIN_INTERVAL_S:
            self.flush()

    @staticmethod
    def shown(status: object) -> str:
        """Return a status as others may see it."""
        # Status displays read it every second.
        return cut_end(mask_secrets(str(status)[:_MAX_STATUS_LENGTH]), MAX_LINE_LENGTH)

    def flush(self) -> None:
        """Write the last status, if it is not written yet."""
        if not self._is_written:
            self._written, self._is_written = time.monotonic(), True
            self._write(self._status)


def _unheard(status: str) -> None:
    """Ignore the status of a copy: only the step itself reports."""


class _Remote:
    """A function that can be called as ``f()`` and as ``f.remote()``."""

    def __init__(self, function: Any) -> None:
        self.remote = function

    def __call__(self, *args: Any) -> None:
        self.remote(*args)
