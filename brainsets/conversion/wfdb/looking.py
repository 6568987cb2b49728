"""What is in a WFDB record, from its headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainsets.conversion.biosignals.channels import channel_types, unique_ids
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.wfdb.header import read_header
from brainsets.conversion.wfdb.segments import channels_of

__all__ = ["look"]


def look(path: Path) -> list[dict[str, Any]]:
    """Return the signals of a record, each with what its header says.

    Returns
    -------
    list of dict
        ``path`` (the label), ``type``, ``shape``, ``dtype``, ``rate`` in Hz, ``unit``,
        ``bytes`` in memory and ``kind`` of channel; None for what is not known.

    Raises
    ------
    SkipAsset
        It is no header.
    """
    header = read_header(Path(path))
    channels = channels_of(header)
    labels = [channel.label for channel in channels]
    units = [si_unit(channel.line.unit)[0] for channel in channels]
    kinds = channel_types(labels, units, leads=True)
    rows = []
    for channel, id, kind in zip(channels, unique_ids(labels), kinds):
        line = channel.line
        count = header.frames * line.samples if header.frames else None
        rows.append(
            {
                "path": id,
                "type": "WFDB signal",
                "shape": [count] if count else None,
                "dtype": f"format {line.form}",
                "rate": line.samples * header.rate,
                "unit": line.unit,
                "bytes": count * 4 if count else None,
                "kind": kind,
            }
        )
    return rows
