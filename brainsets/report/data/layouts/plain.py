"""Plain HDF5, where the names of datasets and attributes have to say what they are."""

import h5py
import numpy as np

from brainsets.report.data.layouts import hdf5
from brainsets.report.data.recording import Events, Recording, Signal, Spikes

__all__ = ["count_channels_and_units", "read_group"]

_RATES = ("sampling_rate", "sampling_rate_hz", "sampling_frequency", "rate", "fs")
_SPIKE_NAMES = ("spikes", "spike_times")
_UNIT_NAMES = ("unit_index", "unit_id", "unit_ids", "units", "clusters")
_EVENT_NAMES = ("events", "event_times", "onset", "onsets", "trial_start", "triggers")
_CHANNEL_NAMES = ("channels", "channel_names", "ch_names", "labels")


def read_group(recording: Recording, path: str, group: h5py.Group) -> None:
    hdf5.add_attributes(recording, path, group, set())
    fields = hdf5.datasets_of(group)
    channels = next((fields[n] for n in _CHANNEL_NAMES if n in fields), None)
    for name, values in fields.items():
        rate_hz = _rate(values) or _rate(group)
        if rate_hz and hdf5.is_signal(values):
            where = hdf5.join_path(path, name)
            signal = Signal(where, values, rate_hz, unit=hdf5.unit_of(values))
            if channels is not None and channels.dtype.kind in "SOU":
                if channels.shape == (signal.n_channels,):
                    signal.channels = hdf5.texts_of(channels)
            recording.signals.append(signal)
        elif values.ndim == 1 and values.dtype.kind == "f":
            _add_times(recording, hdf5.join_path(path, name), name, values, fields)


def count_channels_and_units(recording: Recording) -> None:
    """Count channels and units where the file has no table of them."""
    counts = {signal.n_channels for signal in recording.signals}
    if len(counts) == 1:
        [recording.n_channels] = counts
    if recording.spikes:
        recording.n_units = sum(spikes.n_units for spikes in recording.spikes)


def _rate(item: h5py.Dataset | h5py.Group) -> float | None:
    for key in _RATES:
        value = np.asarray(item.attrs.get(key, 0)).ravel()
        if len(value) == 1 and value.dtype.kind in "iuf" and 0 < value[0] < np.inf:
            return float(value[0])
    return None


def _add_times(
    recording: Recording,
    path: str,
    name: str,
    times: h5py.Dataset,
    fields: dict[str, h5py.Dataset],
) -> None:
    if name in _SPIKE_NAMES:
        known = (fields[n] for n in _UNIT_NAMES if n in fields)
        index = next((i for i in known if i.shape == times.shape), None)
        if index is None:
            units = 1
            numbers: np.ndarray = np.zeros(len(times), int)
        else:
            distinct, numbers = np.unique(index[:], return_inverse=True)
            units = len(distinct)
        recording.spikes.append(Spikes(path, times[:], numbers, units))
    elif name in _EVENT_NAMES:
        recording.events.append(Events(path, times[:]))
