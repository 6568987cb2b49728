"""Kinds of signal: what can be asked for, and which object is of which."""

from __future__ import annotations

from brainsets.conversion.nwb.series import nominal_rate
from brainsets.conversion.nwb.source.objects import NwbObject, child
from brainsets.conversion.nwb.source.types import Types

__all__ = ["DEFAULT", "EVENT_TYPES", "KINDS", "RAW_HZ", "is_series", "kind_of"]

RAW_HZ = 5000.0
"""From this rate on, voltages in /acquisition are raw: broadband, before any filter."""

KINDS = {
    "spikes": "sorted units and their spikes",
    "raw": f"extracellular voltages as acquired, at {RAW_HZ:g} Hz or more",
    "lfp": "other extracellular voltages, and spectra of them",
    "behaviour": "position, direction, pupil, pose and what else an animal does",
    "imaging": "fluorescence of regions of interest and of fibres",
    "intracellular": "stimuli and responses of patch-clamp recordings",
    "stimulus": "what was presented, and light for optogenetics",
    "events": "annotations and single events",
    "trials": "trials, epochs and other tables of intervals",
    "other": "all other series and tables",
}
"""Each kind with a description."""
DEFAULT = frozenset(KINDS) - {"raw"}
"""What is taken if nothing is asked for."""

_BY_TYPE = (
    ("Units", "spikes"),
    ("TimeIntervals", "trials"),
    ("AnnotationSeries", "events"),
    ("EventsTable", "events"),
    ("EventDetection", "events"),
    ("Events", "events"),
    ("LabeledEvents", "events"),
    ("TTLs", "events"),
    ("PatchClampSeries", "intracellular"),
    ("OptogeneticSeries", "stimulus"),
    ("RoiResponseSeries", "imaging"),
    ("FiberPhotometryResponseSeries", "imaging"),
    ("SpatialSeries", "behaviour"),
    ("PoseEstimationSeries", "behaviour"),
    ("DecompositionSeries", "lfp"),
)
EVENT_TYPES = {"Events", "LabeledEvents", "TTLs"}
"""Types of ndx-events that have times and a number for each, but are no series."""

_BY_PARENT = {
    "BehavioralTimeSeries": "behaviour",
    "BehavioralEvents": "behaviour",
    "BehavioralEpochs": "behaviour",
    "PupilTracking": "behaviour",
    "EyeTracking": "behaviour",
}


def is_series(found: NwbObject, types: Types) -> bool:
    """Return whether an object is a TimeSeries, by its type or by what it holds."""
    if found.item is None or not hasattr(found.item, "keys"):
        return False
    if types.is_a(found.type, "TimeSeries"):
        return True
    others = {"DynamicTable", *EVENT_TYPES} & set(types.line(found.type))
    # A link counts, wherever it leads: data in another file make no list of events.
    if others or found.item.get("data", getlink=True) is None:
        return False
    has_times = ("timestamps", "starting_time")
    return any(child(found.item, name) is not None for name in has_times)


def kind_of(found: NwbObject, types: Types, parent: str = "") -> str:
    """Return the kind of signal of a series or table; `parent` is its holder's type."""
    line = types.line(found.type)
    if "ElectricalSeries" in line:
        rate = nominal_rate(found.item)
        in_acquisition = found.path.startswith("/acquisition/")
        return "raw" if in_acquisition and (rate or 0) >= RAW_HZ else "lfp"
    for name, kind in _BY_TYPE:
        if name in line:
            return kind
    if found.path.startswith("/stimulus/"):
        return "stimulus"
    return _BY_PARENT.get(parent, "other")
