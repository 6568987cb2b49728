"""Find signals, spikes and events in an HDF5 file, by the layout that it has.

A group that is not as its layout has it becomes a problem of the recording; all other
groups are read.
"""

from collections.abc import Callable
from typing import Any

import h5py

from brainsets.report.data.layouts import nwb, plain, temporaldata
from brainsets.report.data.layouts.hdf5 import groups_of, text_of
from brainsets.report.data.recording import Recording

__all__ = ["read_recording"]


def read_recording(file: h5py.File) -> Recording:
    """Return what an open file holds; the values of signals are left in the file."""
    if text_of(file.attrs.get("object")) in temporaldata.OBJECTS:
        recording = Recording("temporaldata")
        _read_groups(recording, file, temporaldata.read_group)
        for spikes in recording.spikes:
            spikes.n_units = max(spikes.n_units, recording.n_units or 0)
        _read(recording, "channels", temporaldata.name_channels, file.get("channels"))
    elif "neurodata_type" in file.attrs or "nwb_version" in file.attrs:
        recording = Recording("NWB")
        _read_groups(recording, file, nwb.read_group)
        _read(recording, "general", nwb.read_session, file)
    else:
        recording = Recording("HDF5")
        _read_groups(recording, file, plain.read_group)
        plain.count_channels_and_units(recording)
    return recording


def _read_groups(
    recording: Recording,
    file: h5py.File,
    read: Callable[[Recording, str, h5py.Group], None],
) -> None:
    """Add what each group holds; one that is not as it should be spoils no other."""
    for path, group in groups_of(file):
        _read(recording, path or "the file", read, path, group)


def _read(
    recording: Recording, where: str, read: Callable[..., None], *arguments: Any
) -> None:
    try:
        read(recording, *arguments)
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        recording.problems.append(
            f"{where}: is not laid out as {recording.layout} has it: "
            f"{type(error).__name__}: {error}"
        )
