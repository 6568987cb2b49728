"""What an object is to a reader: a series, a table, a holder of others, a picture."""

from __future__ import annotations

from collections.abc import Mapping

import h5py

from brainsets.conversion.names import part_names, snake_case
from brainsets.conversion.nwb.events import has_events
from brainsets.conversion.nwb.kinds import is_series
from brainsets.conversion.nwb.outcome import LeaveOut
from brainsets.conversion.nwb.source.objects import NwbObject, child, fields
from brainsets.conversion.nwb.source.types import Types

__all__ = [
    "EVENTS",
    "SERIES",
    "SPIKES",
    "TABLE",
    "UNITS",
    "planned_names",
    "role_of",
    "why_not",
]

SERIES = "series"
UNITS = "units"
TABLE = "table"
EVENTS = "events"
SPIKES = "spikes of "

_PICTURES = ("BaseImage", "ImagingRetinotopy", "Images", "CorrectedImageStack")
_WAVEFORMS = ("SpikeEventSeries", "ClusterWaveforms")
_HOLDERS = ("NWBFile", "ProcessingModule", "LabMetaData", "")


def role_of(found: NwbObject, types: Types) -> str:
    """Return the role of an object that can be taken; empty for all others."""
    if not isinstance(found.item, h5py.Group) or found.path == "/":
        return ""
    line = types.line(found.type)
    if {"ImageSeries", *_PICTURES, *_WAVEFORMS} & set(line):
        return ""
    if "Units" in line:
        return UNITS
    if "DynamicTable" in line:
        return TABLE
    # A class of series without data has no role to be told by, but its type.
    if is_series(found, types):
        return SERIES
    return EVENTS if has_events(found.item) else ""


def why_not(found: NwbObject, types: Types, has_others: bool) -> LeaveOut:
    """Return why an object without a role is left out.

    Parameters
    ----------
    found : NwbObject
        The object.
    types : Types
        The file's types.
    has_others : bool
        Whether other objects are in it.
    """
    if found.problem:
        return LeaveOut(found.problem, found.note)
    line = types.line(found.type)
    if "ImageSeries" in line:
        data, files = child(found.item, "data"), child(found.item, "external_file")
        if files is not None and (data is None or not data.size):
            return LeaveOut("external", "pictures in files of their own")
        return LeaveOut("pictures")
    if set(_PICTURES) & set(line):
        return LeaveOut("pictures")
    if set(_WAVEFORMS) & set(line):
        return LeaveOut("waveforms")
    if isinstance(found.item, h5py.Dataset):
        return _why_no_dataset(found, line)
    said = "; ".join(f"{name}: {value}" for name, value in fields(found.item).items())
    if has_others:
        return LeaveOut("container", said)
    arrays = [key for key in found.item if _has_values(found.item, key)]
    if arrays:
        return LeaveOut("unknown type", "it has " + ", ".join(arrays))
    if {"NWBDataInterface", "ProcessingModule"} & set(line) and not said:
        return LeaveOut("placeholder")
    if "ProcessingModule" in line:
        return LeaveOut("placeholder", said)
    return LeaveOut("description", said)


def _has_values(group: h5py.Group, key: str) -> bool:
    dataset = child(group, key)
    return dataset is not None and bool(dataset.shape)


def _why_no_dataset(found: NwbObject, line: list[str]) -> LeaveOut:
    if found.dtype in ("compound", "reference"):
        return LeaveOut("compound")
    if not found.item.size:
        return LeaveOut("placeholder")
    return LeaveOut("unknown type")


def _names_for(found: NwbObject, parents: Mapping[str, str]) -> list[str]:
    """Return the names that would do for an object, shortest first.

    What NWB has one of, such as ``/intervals/trials``, has its own name alone. An
    object named as its type, as many are, has its holder's name before its own.
    """
    words = found.path[1:].split("/")
    names = [snake_case("_".join(words[i:])) for i in range(len(words) - 1, -1, -1)]
    if words[0] in ("intervals", "units") and len(words) <= 2:
        return names[:1]
    if found.path == "/general/extracellular_ephys/electrodes":
        return names[:1]
    holder = found.path.rpartition("/")[0]
    if found.name == found.type and parents.get(holder, "") not in _HOLDERS:
        return names[1:]
    return names


def planned_names(objects: list[NwbObject], roles: Mapping[str, str]) -> dict[str, str]:
    """Return the name of each object that could be taken, whether asked for or not.

    The spikes of units have one of their own, at the units' path after `SPIKES`.
    """
    parents = {found.path: found.type for found in objects}
    candidates = {f.path: _names_for(f, parents) for f in objects if roles[f.path]}
    units = [path for path in candidates if roles[path] == UNITS]
    main = "/units" if "/units" in units else units[0] if len(units) == 1 else ""
    for path in units:
        is_main = path == main
        longer = [f"{name}_spikes" for name in candidates[path]]
        candidates[SPIKES + path] = ["spikes"] if is_main else longer
        if is_main:
            candidates[path] = ["units"]
    return part_names(candidates)
