"""Events that are no series: of extensions, and of how spikes were once kept."""

from __future__ import annotations

import h5py
import numpy as np

from brainsets.conversion.names import column_name
from brainsets.conversion.nwb.outcome import LeaveOut, Taken
from brainsets.conversion.nwb.source.objects import attribute, child, fields
from brainsets.conversion.nwb.tables import array
from brainsets.conversion.parts import Columns, Samples
from brainsets.conversion.text import ascii_column

__all__ = ["has_events", "read_events"]

_TIMES = ("timestamps", "times")


def has_events(group: h5py.Group) -> bool:
    """Return whether a group has a list of times."""
    return _times(group) is not None


def _times(group: h5py.Group) -> h5py.Dataset | None:
    for name in _TIMES:
        dataset = child(group, name)
        if dataset is not None and dataset.ndim == 1 and dataset.dtype.kind in "iuf":
            return dataset
    return None


def read_events(group: h5py.Group, name: str) -> Taken:
    """Return events with what the group has for each of them.

    Raises
    ------
    LeaveOut
        It has no events.
    """
    dataset = _times(group)
    if dataset is None or not dataset.shape[0]:
        raise LeaveOut("placeholder", "it has no times")
    times = np.asarray(dataset[:], dtype=np.float64)
    notes: list[str] = []
    keep = np.flatnonzero(np.isfinite(times))
    if not len(keep):
        raise LeaveOut("placeholder", "none of its times is a number")
    if len(keep) < len(times):
        notes.append(f"{len(times) - len(keep)} events without a time are left out")
    if (np.diff(times[keep]) < 0).any():
        notes.append("sorted by time")
        keep = keep[np.argsort(times[keep], kind="stable")]
    columns: Columns = {}
    for key in group:
        found = child(group, key)
        if found is None or key in _TIMES or not found.shape:
            continue
        if kind := attribute(found, "neurodata_type", ""):
            notes.append(f"{key} is left out: its type is {kind}")
            continue
        values, why = array(found) if len(found) == len(times) else (None, "")
        if values is None:
            if key != "labels":
                notes.append(f"{key} is left out{': ' + why if why else ''}")
            continue
        columns[column_name(key, columns)] = values[keep]
    _add_labels(group, len(times), keep, columns)
    return Taken([Samples(name, times[keep], columns, fields(group))], notes)


def _add_labels(group: h5py.Group, n: int, keep: np.ndarray, columns: Columns) -> None:
    """Add the labels that the numbers of labelled events stand for."""
    data = child(group, "data")
    if data is None or data.shape != (n,) or data.dtype.kind not in "iu":
        return
    labels = child(group, "labels")
    said = labels[()] if labels is not None else data.attrs.get("labels", ())
    texts, _ = ascii_column(np.asarray(said).reshape(-1).tolist())
    index = np.asarray(data[:])[keep]
    if index.size and 0 <= index.min() and index.max() < len(texts):
        columns[column_name("label", columns)] = texts[index]
