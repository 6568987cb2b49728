"""Files of temporaldata: each group says in its attribute ``object`` what it is."""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from brainsets.report.data.layouts import hdf5
from brainsets.report.data.recording import Events, Recording, Signal, Spikes

__all__ = ["OBJECTS", "name_channels", "read_group"]

_SPLITS = ("train_domain", "valid_domain", "val_domain", "test_domain")
OBJECTS = ("Data", "ArrayDict", "RegularTimeSeries", "IrregularTimeSeries", "Interval")
"""Values of the attribute ``object``."""
_FORMAT_ATTRIBUTES = {"object", "absolute_start", "_unicode_keys", "timekeys"}


def read_group(recording: Recording, path: str, group: h5py.Group) -> None:
    kind, name = hdf5.text_of(group.attrs.get("object")), path.split("/")[-1]
    if kind == "Data":
        hdf5.add_attributes(recording, path, group, _FORMAT_ATTRIBUTES)
    elif kind == "RegularTimeSeries":
        recording.signals += _regular(path, group)
    elif kind == "IrregularTimeSeries":
        _irregular(recording, path, group)
    elif kind == "Interval":
        _interval(recording, path, name, group)
    elif kind == "ArrayDict" and name in ("units", "channels"):
        _table(recording, name, group)


def _regular(path: str, group: h5py.Group) -> Iterator[Signal]:
    start_s = 0.0
    if "domain/start" in group and len(group["domain/start"]):
        start_s = float(group["domain/start"][0])
    rate_hz = float(group.attrs["sampling_rate"])
    for name, values in hdf5.datasets_of(group).items():
        if hdf5.is_signal(values):
            yield Signal(hdf5.join_path(path, name), values, rate_hz, None, start_s)


def _irregular(recording: Recording, path: str, group: h5py.Group) -> None:
    fields = hdf5.datasets_of(group)
    times = fields.pop("timestamps", None)
    if times is None:
        return
    if "unit_index" in fields:
        index = fields["unit_index"]
        if index.dtype.kind not in "iu" or index.shape != times.shape:
            raise ValueError(
                f"{index.name} should be an integer for each of {len(times)} times, "
                f"and is {index.dtype} of shape {index.shape}"
            )
        index = index[:]
        count = int(index.max()) + 1 if len(index) else 0
        recording.spikes.append(Spikes(path, hdf5.times_of(times), index, count))
        return
    known_times = hdf5.times_of(times)
    kept = [
        Signal(hdf5.join_path(path, name), values, None, times)
        for name, values in fields.items()
        if values.dtype.kind == "f"
        and hdf5.is_signal(values)
        and len(values) == len(times)
    ]
    recording.signals += kept
    if not kept:
        labels = hdf5.labels_of(fields, len(times))
        recording.events.append(Events(path, known_times, None, labels))


def _interval(recording: Recording, path: str, name: str, group: h5py.Group) -> None:
    fields = hdf5.datasets_of(group)
    if "start" not in fields or "end" not in fields:
        return
    starts, ends = hdf5.spans_of(fields["start"], fields["end"])
    events = Events(path, starts, ends, hdf5.labels_of(fields, len(starts)))
    if path == "domain":
        if len(starts) and np.isfinite([starts.min(), ends.max()]).all():
            recording.domain = float(starts.min()), float(ends.max())
    elif name in _SPLITS:
        recording.splits.append(events)
    elif name != "domain":
        recording.events.append(events)


def _table(recording: Recording, name: str, group: h5py.Group) -> None:
    lengths = [
        len(values) for values in hdf5.datasets_of(group).values() if values.ndim
    ]
    if lengths:
        setattr(recording, f"n_{name}", lengths[0])


def name_channels(recording: Recording, channels: Any) -> None:
    """Give signals the names and the unit that a table of channels has for them."""
    if not isinstance(channels, h5py.Group):
        return
    table = hdf5.datasets_of(channels)
    for signal in recording.signals:
        named = table.get("id", table.get("name"))
        if named is not None and len(named) == signal.n_channels:
            signal.channels = hdf5.texts_of(named)
            units = {*hdf5.texts_of(table["unit"])} if "unit" in table else set()
            if not signal.unit and len(units) == 1:
                [signal.unit] = units
