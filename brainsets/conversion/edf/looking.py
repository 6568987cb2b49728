"""What is in an EDF or BDF file, from its header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brainsets.conversion.biosignals.channels import channel_types, unique_ids
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.edf.header import read_header

__all__ = ["look"]


def look(path: Path) -> list[dict[str, Any]]:
    """Return the signals of a file, each with what the header says.

    Returns
    -------
    list of dict
        ``path`` (the label), ``type``, ``shape``, ``dtype``, ``rate`` in Hz, ``unit``,
        ``bytes`` in memory, ``stored`` in the file and ``kind`` of channel.

    Raises
    ------
    SkipAsset
        It is no such file, or its header is damaged.
    """
    header = read_header(Path(path))
    labels = [signal.label for signal in header.signals]
    units = [si_unit(signal.unit)[0] for signal in header.signals]
    kinds = channel_types(labels, units)
    rows = []
    for signal, id, kind in zip(header.signals, unique_ids(labels), kinds):
        count = header.records * signal.samples
        is_text = signal.is_annotations
        has_rate = header.record_s > 0 and not is_text
        rows.append(
            {
                "path": id,
                "type": f"{header.form} {'annotations' if is_text else 'signal'}",
                "shape": [count],
                "dtype": f"int{8 * header.sample_bytes}",
                "rate": signal.samples / header.record_s if has_rate else None,
                "unit": signal.unit or None,
                "bytes": count * 4,
                "stored": count * header.sample_bytes,
                "kind": "annotations" if is_text else kind,
            }
        )
    return rows
