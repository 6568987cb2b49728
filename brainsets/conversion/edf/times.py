"""When data records begin, and where that puts the samples of a signal."""

from __future__ import annotations

import numpy as np

from brainsets.conversion.edf.header import Header
from brainsets.pipeline import SkipAsset

__all__ = ["record_times", "segments_of"]

# In samples of the signal with the most of them.
_TOLERANCE = 0.5
_FASTEST_HZ = 1e7
_LONGEST_S = 366 * 86_400.0


def record_times(header: Header, said: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return when each record of a file begins, in s, and what is odd about that.

    Parameters
    ----------
    header : Header
        Of a file with at least one record, of some duration.
    said : array
        When each record begins, as its annotations say; nan where they do not.

    Raises
    ------
    SkipAsset
        Records overlap in time, lie years apart, or take a time that cannot be.
    """
    duration, count = header.record_s, header.records
    start = float(said[0]) if np.isfinite(said[0]) else 0.0
    samples = max(s.samples for s in header.signals if not s.is_annotations)
    if samples > _FASTEST_HZ * duration or duration * count > _LONGEST_S:
        raise SkipAsset(
            f"its header says that each of its {count} data records takes {duration:g} "
            f"s, and has {samples} samples of a signal: that cannot be"
        )
    tolerance = _TOLERANCE * duration / samples
    if not header.is_discontinuous:
        times = start + np.arange(count) * duration
        off = np.abs(said - times)
        if not np.isfinite(off).any() or np.nanmax(off) <= tolerance:
            return times, []
        return times, [
            f"doubt: its records say other times (by up to {np.nanmax(off):.6g} s) "
            "than a continuous file has; it is taken as continuous, as its header says"
        ]
    times = said.copy()
    times[0] = start
    for record in np.flatnonzero(~np.isfinite(times)).tolist():
        times[record] = times[record - 1] + duration
    missing = int(np.count_nonzero(~np.isfinite(said)))
    notes = []
    if missing:
        notes.append(f"doubt: {missing} records have no time and are taken to follow")
    early = np.flatnonzero(np.diff(times) < duration - tolerance)
    if len(early):
        record = int(early[0]) + 1
        raise SkipAsset(
            f"its data records overlap: record {record + 1} begins at "
            f"{times[record]:g} s, before the one before it ends, at "
            f"{times[record - 1] + duration:g} s"
        )
    if times[-1] - times[0] > _LONGEST_S:
        days = (times[-1] - times[0]) / 86_400
        raise SkipAsset(f"its data records say that they span {days:.0f} days")
    return times, notes


def segments_of(
    times: np.ndarray, samples: int, rate: float
) -> tuple[list[tuple[int, float]], float]:
    """Return the parts of a signal without gaps, on a grid from its first sample.

    No record is moved by more than half a sample; what is less than that from where
    the one before it ends has no gap before it.

    Parameters
    ----------
    times : array
        When each record begins, in s.
    samples : int
        How many the signal has in a record.
    rate : float
        Its sampling rate, Hz.

    Returns
    -------
    segments : list of (int, float)
        First sample of each part, and its time in s.
    shift : float
        By how much a record is moved at most, in s.
    """
    start = float(times[0])
    exact = (times - start) * rate
    found: list[tuple[int, float]] = [(0, start)]
    off = np.abs(exact - np.arange(len(exact)) * samples)
    if off.max() <= _TOLERANCE:
        return found, float(off.max()) / rate
    follows = samples
    shift = 0.0
    for record, place in enumerate(exact[1:].tolist(), start=1):
        if place - follows > _TOLERANCE:
            follows = round(place)
            found.append((record * samples, start + follows / rate))
        shift = max(shift, abs(place - follows))
        follows += samples
    return found, shift / rate
