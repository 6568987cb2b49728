"""How fast running downloads write, as the kernel counts it."""

import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["WriteRates"]

# A pipeline may call wget or aws, which may call others.
_MAX_PROCESSES = 8


class WriteRates:
    """Bytes per second that steps on this machine write, with programs they started.

    What a step has received is not counted anywhere, but a download writes what it
    receives. Known on Linux only, and only for processes of the same user.
    """

    def __init__(self) -> None:
        self._host = socket.gethostname()
        self._last: dict[int, tuple[float, int]] = {}

    def measure(self, running: Iterable[dict[str, Any]]) -> dict[int, float]:
        """Return the rates since the last call, by the pid of each running download."""
        rates: dict[int, float] = {}
        latest: dict[int, tuple[float, int]] = {}
        for record in running:
            pid = record.get("pid")
            if record.get("step") != "download" or record.get("host") != self._host:
                continue
            if not isinstance(pid, int) or (written := _written(pid)) is None:
                continue
            now = time.monotonic()
            latest[pid] = (now, written)
            before, bytes_before = self._last.get(pid, (now, written))
            # A program that has ended may take its bytes with it.
            if now > before and written > bytes_before:
                rates[pid] = (written - bytes_before) / (now - before)
        self._last = latest
        return rates


def _written(pid: int) -> int | None:
    """Return the bytes that a process and its descendants have written so far."""
    total, waiting, seen = None, [pid], 0
    while waiting and seen < _MAX_PROCESSES:
        process = waiting.pop()
        seen += 1
        try:
            folder = Path(f"/proc/{process}")
            fields = (folder / "io").read_text().split()
            total = (total or 0) + int(fields[fields.index("wchar:") + 1])
            children = (folder / f"task/{process}/children").read_text()
            waiting += map(int, children.split())
        except (OSError, ValueError):
            continue
    return total
