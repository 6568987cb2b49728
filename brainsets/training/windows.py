"""Windows of a recording, read as a training loop reads them: a part of each series."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

__all__ = ["Drawn", "draw"]

_DOMAINS = ("train_domain", "domain")


@dataclass
class Drawn:
    """What it took to read some windows, and what was missing in them.

    Parameters
    ----------
    windows : int
        How many were read.
    seconds : float
        How long that took for one of them, in the middle of all.
    bytes : int
        How much was read for one, on average.
    missing : dict
        The share of values that are not known, of each series that has some.
    """

    windows: int = 0
    seconds: float = 0.0
    bytes: int = 0
    missing: dict[str, float] = field(default_factory=dict)


def draw(
    file: h5py.File, count: int, length: float, random: np.random.Generator
) -> Drawn:
    """Read windows at random times of what is for training, or else of all.

    Parameters
    ----------
    file : h5py.File
        As temporaldata writes it, without `brainsets.conversion.checking.problems`.
    count : int
        How many windows.
    length : float
        Of each, in s; intervals that are shorter are left out.
    random : numpy.random.Generator
        Says at which times.
    """
    start, end = _intervals(file, length)
    if not len(start) or not count:
        return Drawn()
    room = end - start - length
    weights = room + length
    chosen = random.choice(len(start), size=count, p=weights / weights.sum())
    begins = start[chosen] + random.random(count) * room[chosen]
    took, total = [], 0
    known: dict[str, list[int]] = {}
    for begin in begins.tolist():
        before = time.perf_counter()
        parts = _window(file, begin, begin + length)
        took.append(time.perf_counter() - before)
        for name, values in parts:
            total += values.nbytes
            if values.dtype.kind == "f" and values.size:
                seen = known.setdefault(name, [0, 0])
                seen[0] += int(np.isnan(values).sum())
                seen[1] += values.size
    missing = {name: nan / size for name, (nan, size) in known.items() if nan}
    return Drawn(count, float(np.median(took)), total // count, missing)


def _intervals(file: h5py.File, length: float) -> tuple[np.ndarray, np.ndarray]:
    for name in _DOMAINS:
        group = file.get(name)
        if isinstance(group, h5py.Group) and len(group["start"]):
            start, end = group["start"][:], group["end"][:]
            is_long = end - start >= length
            if is_long.any():
                return start[is_long], end[is_long]
    nothing: np.ndarray = np.zeros(0)
    return nothing, nothing


def _window(
    group: h5py.Group, begin: float, end: float
) -> list[tuple[str, np.ndarray]]:
    found: list[tuple[str, np.ndarray]] = []
    for name, node in group.items():
        if not isinstance(node, h5py.Group):
            continue
        kind = node.attrs.get("object")
        if kind == "Data":
            found += _window(node, begin, end)
        elif kind == "RegularTimeSeries":
            found += _rows(node, *_places_by_rate(node, begin, end))
        elif kind == "IrregularTimeSeries":
            found += _rows(node, *_places_by_times(node, begin, end))
        elif kind == "Interval" and not name.endswith("domain"):
            is_inside = (node["end"][:] > begin) & (node["start"][:] < end)
            places = np.flatnonzero(is_inside)
            if len(places):
                found += _rows(node, int(places[0]), int(places[-1]) + 1)
    return found


def _rows(group: h5py.Group, i: int, j: int) -> list[tuple[str, np.ndarray]]:
    name = str(group.name)[1:].replace("/", ".")
    return [
        (f"{name}.{key}", column[i:j])
        for key, column in group.items()
        if isinstance(column, h5py.Dataset) and key != "timestamp_indices_1s"
    ]


def _places_by_rate(group: h5py.Group, begin: float, end: float) -> tuple[int, int]:
    rate, first = float(group.attrs["sampling_rate"]), float(group["domain/start"][0])
    size = next(len(node) for key, node in group.items() if key != "domain")
    places = np.ceil((np.array([begin, end]) - first) * rate - 1e-6)
    i, j = (int(place) for place in places.clip(0, size))
    return i, j


def _places_by_times(group: h5py.Group, begin: float, end: float) -> tuple[int, int]:
    times = group["timestamps"]
    index: Any = group["timestamp_indices_1s"]
    first = float(group["domain/start"][0])
    places = []
    for moment in (begin, end):
        second = int(np.floor(moment - first))
        low = int(index[min(max(second, 0), len(index) - 1)]) if len(index) else 0
        above = second + 1
        high = int(index[above]) if 0 <= above < len(index) else len(times)
        if second < 0:
            low, high = 0, int(index[0]) if len(index) else len(times)
        low, high = min(low, high), max(low, high)
        places.append(low + int(np.searchsorted(times[low:high], moment)))
    return places[0], places[1]
