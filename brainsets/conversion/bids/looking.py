"""What a recording of a BIDS dataset has, before it is converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainsets.conversion.bids.layout import BidsRecording
from brainsets.conversion.bids.sidecars import Described
from brainsets.conversion.bids.tables.channels import merged
from brainsets.conversion.raw.opening import open_raw

__all__ = ["look"]


def look(root: Path, recording: BidsRecording) -> list[dict[str, Any]]:
    """Return the channels of a recording, and the tables and markers beside them.

    Returns
    -------
    list of dict
        ``path`` (the channel's id, or the table's path), ``type``, ``shape``,
        ``dtype``, ``rate`` in Hz, ``unit``, ``bytes`` in memory, ``stored`` (not
        known) and ``kind`` of channel.

    Raises
    ------
    SkipAsset
        The recording is damaged, or lacks a file.
    """
    raw = open_raw(Path(root) / recording.path)
    files = Described(Path(root), recording)
    _, table = files.table("channels")
    known = merged(raw.channels, table, recording.suffix).channels
    rows = [
        {
            "path": channel.id,
            "type": f"{raw.format} channel",
            "shape": [channel.samples],
            "dtype": str(raw.dtype),
            "rate": channel.sampling_rate or None,
            "unit": ours.unit or None,
            "bytes": channel.samples * raw.dtype.itemsize,
            "stored": None,
            "kind": ours.type,
        }
        for channel, ours in zip(raw.channels, known)
    ]
    if raw.annotations:
        kind = f"{raw.format} annotations"
        rows.append(_table_row("annotations", kind, len(raw.annotations)))
    for suffix in ("events", "electrodes"):
        for path, found in files.tables(suffix).items():
            rows.append(_table_row(path, f"BIDS {suffix}.tsv", found.size))
    return rows


def _table_row(path: str, type: str, size: int) -> dict[str, Any]:
    return {
        "path": path,
        "type": type,
        "shape": [size],
        "dtype": "text",
        "rate": None,
        "unit": None,
        "bytes": 0,
        "stored": None,
        "kind": "table",
    }
