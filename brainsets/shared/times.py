"""Times of files that say which was made from which, whatever clocks say.

Snakemake fails a job that leaves a file older than what it was made from, and a file
can have a time in the future: by a clock that has been set back since, by the clock of
a file server, or as a copy of another file.
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
    """Set back the times of files that are newer than what has just been made of them.

    No clock is asked: all times are those of the file system. What is not there, or
    belongs to somebody else, stays as it is.
    """
    with suppress(OSError):
        latest = os.stat(made).st_mtime_ns
        for source in sources:
            with suppress(OSError):
                if os.stat(source).st_mtime_ns > latest:
                    os.utime(source, ns=(latest, latest))
