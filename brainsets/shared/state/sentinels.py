"""Sentinels: small JSON files with the state of an asset, written atomically."""

import json
import os
from pathlib import Path
from typing import Any

from brainsets.shared.files import read_object, write_atomically
from brainsets.shared.state.sentinel_schema import is_valid

__all__ = [
    "DONE",
    "DOWNLOADED",
    "FAILED",
    "INTERRUPTED",
    "PENDING",
    "RUNNING",
    "SKIPPED",
    "read_sentinel",
    "write_sentinel",
]

DONE = "DONE"
SKIPPED = "SKIPPED"
RUNNING = "RUNNING"
FAILED = "FAILED"
INTERRUPTED = "INTERRUPTED"
DOWNLOADED = "DOWNLOADED"
PENDING = "PENDING"

# A line for each entry; the encoder's own indentation takes ten times as long.
_LINES = (",\n ", ": ")
_AS_TEXT = json.JSONEncoder(ensure_ascii=False, separators=_LINES)
_ESCAPED = json.JSONEncoder(separators=_LINES)


def write_sentinel(
    path: Path, record: dict[str, Any], *, durable: bool = False
) -> None:
    """Write one JSON object; sentinels that claim success should be durable."""
    try:
        content = _AS_TEXT.encode(record).encode()
    except UnicodeEncodeError:
        # File names may hold bytes that are no text, for which JSON has an escape.
        content = _ESCAPED.encode(record).encode()
    write_atomically(path, content + b"\n", durable=durable)


def read_sentinel(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the content of a sentinel; None if it is missing or not valid.

    The types of its keys are checked by `is_valid`.
    """
    record = read_object(path)
    state = os.fspath(path).rpartition(".")[2]
    return record if record is not None and is_valid(record, state) else None
