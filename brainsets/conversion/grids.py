"""Whether times lie on a grid: a series with a rate, perhaps with gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["MIN_REGULAR", "Grid", "find_grid"]

MIN_REGULAR = 10
"""With fewer samples, times are kept as they are."""
TOLERANCE = 0.5
"""How far a time may lie from its place on the grid, in samples."""
_BLOCK = 1_000_000
_SAMPLES_PER_SEGMENT = 20
_MAX_FILL = 50

Read = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Times at ``start + k / sampling_rate``.

    Parameters
    ----------
    sampling_rate : float
        Hz.
    start : float
        Time of the first sample, in s.
    segments : tuple of (int, float)
        First sample and its time of each part without a gap.
    shift : float
        The farthest that a time lies from its place, in s.
    """

    sampling_rate: float
    start: float
    segments: tuple[tuple[int, float], ...]
    shift: float


def find_grid(read: Read, n: int) -> Grid | None:
    """Return the grid on which all of `n` times lie, or None.

    Each of them lies within half a sample of its place: a mean rate that drifts away
    from the times, or jitter of more than that, gives None. A gap is where samples are
    missing; where there are many gaps (more than one in 20 samples), or gaps of 50
    times what was recorded, the times are those of single events, and no grid.

    Parameters
    ----------
    read : callable
        ``read(i, j)`` returns the times ``i:j`` in s.
    n : int
        How many there are.
    """
    if n < MIN_REGULAR:
        return None
    firsts = _segments(read, n)
    if firsts is None:
        return None
    fitted = _fit(read, n, firsts)
    if fitted is None:
        return None
    places, period, start = fitted
    total = int(places[-1]) + n - int(firsts[-1])
    if total > _MAX_FILL * n:
        return None
    first = float(read(0, 1)[0])
    rates = [_rounded(1 / period), 1 / period]
    tries = [(rate, begin) for begin in (first, start) for rate in rates]
    shifts = _shifts(read, n, firsts, places, tries)
    # The plainest numbers of those that are as good as the best.
    best = min(shift * rate for shift, (rate, _) in zip(shifts, tries))
    for shift, (rate, begin) in zip(shifts, tries):
        if shift * rate <= min(max(best * 1.1, 0.01), TOLERANCE):
            segments = [(int(i), begin + int(k) / rate) for i, k in zip(firsts, places)]
            return Grid(rate, begin, tuple(segments), shift)
    return None


def _blocks(read: Read, n: int) -> Iterator[tuple[int, np.ndarray]]:
    for i in range(0, n, _BLOCK):
        yield i, np.asarray(read(i, min(i + _BLOCK, n)), dtype=np.float64)


def _segments(read: Read, n: int) -> np.ndarray | None:
    """Return the first sample of each segment; None if times do not increase."""
    period = 0.0
    last = None
    firsts: list[np.ndarray] = [np.zeros(1, dtype=np.int64)]
    found = 1
    for i, times in _blocks(read, n):
        steps = np.diff(times) if last is None else np.diff(times, prepend=last)
        if not np.isfinite(times).all() or not (steps > 0).all():
            return None
        period = period or float(np.median(steps))
        gaps: np.ndarray = np.flatnonzero(steps > 1.5 * period) + i + (last is None)
        firsts.append(gaps)
        found += len(gaps)
        if found > 1 + n // _SAMPLES_PER_SEGMENT:
            return None
        last = times[-1]
    found_all: np.ndarray = np.concatenate(firsts)
    return found_all


def _sums(read: Read, n: int, firsts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return for each segment: count, mean index, mean time, Sxx and Sxy."""
    size = len(firsts)
    begins = np.array([read(int(i), int(i) + 1)[0] for i in firsts], dtype=np.float64)
    sums = [np.zeros(size) for _ in range(4)]
    for i, times in _blocks(read, n):
        index = np.arange(i, i + len(times))
        segment = np.searchsorted(firsts, index, side="right") - 1
        x = (index - firsts[segment]).astype(np.float64)
        y = times - begins[segment]
        for total, weights in zip(sums, (x, y, x * x, x * y)):
            total += np.bincount(segment, weights=weights, minlength=size)
    counts = np.diff(firsts, append=n).astype(np.float64)
    x_mean, y_mean = sums[0] / counts, sums[1] / counts
    sxx = sums[2] - counts * x_mean**2
    sxy = sums[3] - counts * x_mean * y_mean
    return counts, x_mean, y_mean + begins, sxx, sxy


def _fit(
    read: Read, n: int, firsts: np.ndarray
) -> tuple[np.ndarray, float, float] | None:
    """Return the place of each segment on the grid, its period and its start."""
    counts, x_mean, y_mean, sxx, sxy = _sums(read, n, firsts)
    if not sxx.sum() > 0 or not sxy.sum() > 0:
        return None
    period = float(sxy.sum() / sxx.sum())
    for _ in range(2):
        starts = y_mean - period * x_mean
        places = np.round((starts - starts[0]) / period)
        x = places + x_mean
        x_all = np.average(x, weights=counts)
        y_all = np.average(y_mean, weights=counts)
        between_xx = float(np.sum(counts * (x - x_all) ** 2))
        between_xy = float(np.sum(counts * (x - x_all) * (y_mean - y_all)))
        period = float((sxy.sum() + between_xy) / (sxx.sum() + between_xx))
        if not np.isfinite(period) or period <= 0:
            return None
    whole = places.astype(np.int64)
    ends = whole[:-1] + np.diff(firsts)
    if (whole[1:] <= ends).any():  # a gap shorter than a sample
        return None
    return whole, period, float(y_all - period * x_all)


def _shifts(
    read: Read,
    n: int,
    firsts: np.ndarray,
    places: np.ndarray,
    tries: list[tuple[float, float]],
) -> list[float]:
    """Return the greatest distance of a time from its place, for each try, in s."""
    found = [0.0] * len(tries)
    for i, times in _blocks(read, n):
        index = np.arange(i, i + len(times))
        segment = np.searchsorted(firsts, index, side="right") - 1
        k = places[segment] + index - firsts[segment]
        for number, (rate, begin) in enumerate(tries):
            shift = float(np.abs(begin + k / rate - times).max())
            found[number] = max(found[number], shift)
    return found


def _rounded(rate: float) -> float:
    return float(f"{rate:.6g}")
