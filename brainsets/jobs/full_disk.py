"""Write FAILED although the disk is full."""

import errno
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brainsets.shared.files import write_atomically, write_over

__all__ = ["write_on_full_disk"]

# Other attempts that fail meanwhile free their space.
_WAITS_S = (0.0, 0.2, 0.5, 1.0)
_TEMPORARY_ERRORS = {errno.ENOSPC, errno.EDQUOT}
_SHORT_TEXT = 300


def write_on_full_disk(path: Path, record: dict[str, Any], own: Path) -> None:
    """Write a FAILED, shortened where it does not fit.

    Parameters
    ----------
    path : Path
        The path of the sentinel.
    record : dict
        Its content.
    own : Path
        A file beside it that is no longer needed; if it exists, its blocks are reused.

    Raises
    ------
    OSError
        There is no room at all, or nothing can be written.
    """
    for wait_s in _WAITS_S:
        time.sleep(wait_s)
        for shorter in _shorter(record):
            content = json.dumps(shorter).encode() + b"\n"
            try:
                if own.exists():
                    write_over(own, path, content)
                else:
                    write_atomically(path, content)
                return
            except OSError as error:
                reason = error
        if reason.errno not in _TEMPORARY_ERRORS:
            break
    raise reason


def _shorter(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield record
    last = {**record["attempts"][-1], "traceback": ""}
    # The number of the attempt is in the record itself.
    yield {**record, "attempts": [last]}
    short = {**last, "message": last["message"][:_SHORT_TEXT]}
    yield {**record, "attempts": [short], "versions": {}}
