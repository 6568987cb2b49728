"""The status of a running step, where others can see it."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from brainsets.shared.sentinels import now, write_sentinel

__all__ = ["StatusTracker"]

# A pipeline may report inside a tight loop; nobody can read faster than this.
_SHORTEST_INTERVAL_S = 0.1


class StatusTracker:
    """Keeps one asset's RUNNING sentinel; made in the process that runs the step.

    It answers ``update_status(asset, status)`` and, as a Ray actor's handle would,
    ``update_status.remote(asset, status)``.
    """

    def __init__(self, path: Path, record: dict[str, Any], status: str) -> None:
        self._path = path
        self._record = {
            **record,
            "status": status,
            "started": now(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
        }
        self._written, self._is_written = 0.0, True
        self.update_status = _Remote(self._update_status)
        write_sentinel(path, self._record)

    def _update_status(self, asset: object, status: object) -> None:
        self._record["status"] = str(status)
        self._is_written = False
        if time.monotonic() - self._written >= _SHORTEST_INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        """Write down the last status, if that had to wait."""
        if not self._is_written:
            self._written, self._is_written = time.monotonic(), True
            write_sentinel(self._path, self._record)


class _Remote:
    """A function that can be called as ``f()`` and as ``f.remote()``."""

    def __init__(self, function: Any) -> None:
        self.remote = function

    def __call__(self, *args: Any) -> None:
        self.remote(*args)
