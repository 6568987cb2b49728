"""When the data records of a file begin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsets.conversion.edf.header import Header
from brainsets.pipeline import SkipAsset

__all__ = ["Runs", "record_runs", "segments_of"]

# Of a sample of the signal with the most samples.
_TOLERANCE = 0.5
_LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True)
class Runs:
    """Records that follow each other without a gap.

    `firsts` has the first record of each run, `starts` when it begins, `ends` when the
    last one of it ends, in s.
    """

    firsts: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    notes: list[str]


def record_runs(header: Header, times: np.ndarray) -> Runs:
    """Return the runs of a file with records of some duration.

    Parameters
    ----------
    header : Header
        Of a file with at least one record.
    times : array
        When each record begins, as its annotations say; nan where they do not.

    Raises
    ------
    SkipAsset
        Records overlap in time.
    """
    duration, count = header.record_s, header.records
    start = float(times[0]) if np.isfinite(times[0]) else 0.0
    samples = max(s.samples for s in header.signals if not s.is_annotations)
    tolerance = _TOLERANCE * duration / samples
    notes: list[str] = []
    if not header.is_discontinuous:
        expected = start + np.arange(count) * duration
        off = np.abs(times - expected)
        if np.isfinite(off).any() and np.nanmax(off) > tolerance:
            notes.append(
                f"doubt: its records say other times (by up to {np.nanmax(off):.6g} s) "
                f"than a continuous file has; it is taken as continuous, as its header "
                "says"
            )
        return _runs([0], [start], count, duration, notes)
    missing = int(np.count_nonzero(~np.isfinite(times)))
    if missing:
        notes.append(f"doubt: {missing} records have no time and are taken to follow")
    firsts, starts = [0], [start]
    for record in range(1, count):
        follows = starts[-1] + (record - firsts[-1]) * duration
        time = float(times[record])
        if not np.isfinite(time) or abs(time - follows) <= tolerance:
            continue
        if time < follows:
            raise SkipAsset(
                f"its data records overlap: record {record + 1} begins at {time:g} s, "
                f"before the one before it ends, at {follows:g} s"
            )
        firsts.append(record)
        starts.append(time)
    if starts[-1] - starts[0] > _LONGEST_S:
        days = (starts[-1] - starts[0]) / 86_400
        raise SkipAsset(f"its data records say that they span {days:.0f} days")
    return _runs(firsts, starts, count, duration, notes)


def _runs(
    firsts: list[int],
    starts: list[float],
    count: int,
    duration: float,
    notes: list[str],
) -> Runs:
    begins = np.array(starts, dtype=np.float64)
    numbers = np.array(firsts, dtype=np.int64)
    ends = begins + np.diff(numbers, append=count) * duration
    return Runs(numbers, begins, ends, notes)


def segments_of(runs: Runs, samples: int, rate: float) -> list[tuple[int, float]]:
    """Return the segments of a signal, each at the nearest sample of its grid.

    Parameters
    ----------
    samples : int
        How many it has in a record.
    rate : float
        Its sampling rate, Hz.
    """
    start = float(runs.starts[0])
    found: list[tuple[int, float]] = []
    place = first_before = 0
    for record, time in zip(runs.firsts.tolist(), runs.starts.tolist()):
        first = record * samples
        follows = place + first - first_before if found else 0
        place = max(follows, round((time - start) * rate))
        first_before = first
        if not found or place > follows:
            found.append((first, start + place / rate))
    return found
