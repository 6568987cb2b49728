"""Timestamps, and times of files in the order in which they depend on each other.

Snakemake fails a job whose output is older than its input, and a file can have a time
in the future: the clock was set back since, a file server has another clock, or the
file is a copy.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

__all__ = ["keep_order", "utc_timestamp"]


def utc_timestamp() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def keep_order(made: Path, sources: Iterable[Path]) -> None:
    """Set back the times of source files that are newer than the file made from them.

    Only times of the file system are compared. Missing files, and those of other users,
    are skipped.
    """
    with suppress(OSError):
        latest = os.stat(made).st_mtime_ns
        for source in sources:
            with suppress(OSError):
                if os.stat(source).st_mtime_ns > latest:
                    os.utime(source, ns=(latest, latest))
