"""Words for times and rates that every kind of display uses."""

import time
from datetime import datetime
from typing import Any

__all__ = ["age_s", "clock", "duration", "rate", "size_text"]


def clock(at: float) -> str:
    """Return a time of day of this machine, from ``time.time()``."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def duration(seconds: float) -> str:
    """Return a duration as ``0:07``, ``12:00`` or ``1:02:03``."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(bytes_per_s: float) -> str:
    """Return a rate in the decimal units in which networks are sold."""
    return f"{size_text(bytes_per_s)}/s"


def size_text(size: float) -> str:
    """Return a number of bytes in decimal units, as ``1.5 GB``."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            digits = 0 if unit == "B" or size >= 100 else 1
            return f"{size:.{digits}f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def age_s(started: Any, now: float) -> float | None:
    """Return the seconds since a sentinel's time; None if it has none."""
    try:
        return now - datetime.fromisoformat(str(started)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
