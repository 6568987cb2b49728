"""Files of NWB: each group says in its attribute ``neurodata_type`` what it is."""

import h5py
import numpy as np

from brainsets.report.data.layouts import hdf5
from brainsets.report.data.recording import Events, Recording, Signal, Spikes

__all__ = ["read_group", "read_session"]


def read_group(recording: Recording, path: str, group: h5py.Group) -> None:
    fields = hdf5.datasets_of(group)
    kind = hdf5.text_of(group.attrs.get("neurodata_type"))
    if kind == "Units" and {"spike_times", "spike_times_index"} <= {*fields}:
        ends = fields["spike_times_index"][:].astype(int)
        counts = np.diff(ends, prepend=0)
        index: np.ndarray = np.repeat(np.arange(len(ends)), counts)
        times = hdf5.times_of(fields["spike_times"])[: len(index)]
        recording.spikes.append(Spikes(path, times, index, len(ends)))
        recording.n_units = (recording.n_units or 0) + len(ends)
    elif {"start_time", "stop_time"} <= {*fields}:
        starts, ends = hdf5.spans_of(fields["start_time"], fields["stop_time"])
        labels = hdf5.labels_of(fields, len(starts))
        recording.events.append(Events(path, starts, ends, labels))
    elif "data" in fields and hdf5.is_signal(fields["data"]):
        signal = _signal(hdf5.join_path(path, "data"), fields)
        if signal is not None:
            recording.signals.append(signal)


def read_session(recording: Recording, file: h5py.File) -> None:
    """Add what an NWB file says of the session, the electrodes and the subject."""
    skipped = {"namespace", "neurodata_type", "object_id", ".specloc"}
    hdf5.add_attributes(recording, "", file, skipped)
    electrodes = file.get("general/extracellular_ephys/electrodes/id")
    if electrodes is not None:
        recording.n_channels = len(electrodes)
    subject = file.get("general/subject")
    if isinstance(subject, h5py.Group):
        found = {
            k: hdf5.text_of(v[()])
            for k, v in hdf5.datasets_of(subject).items()
            if not v.shape
        }
        recording.about["subject"] = {k: v for k, v in found.items() if v}


def _signal(path: str, fields: dict[str, h5py.Dataset]) -> Signal | None:
    values, unit = fields["data"], hdf5.unit_of(fields["data"])
    if "starting_time" in fields:
        begin = fields["starting_time"]
        rate_hz = float(begin.attrs.get("rate", 0)) or None
        return Signal(path, values, rate_hz, None, float(begin[()]), unit)
    if "timestamps" in fields:
        hdf5.check_times(fields["timestamps"])
    if "timestamps" in fields and len(fields["timestamps"]) == len(values):
        return Signal(path, values, None, fields["timestamps"], 0.0, unit)
    return None
