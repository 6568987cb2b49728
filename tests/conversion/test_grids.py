"""Times on a grid: found with gaps and jitter, refused where any time would move."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion import grids
from brainsets.conversion.grids import find_grid


def found(times):
    times = np.asarray(times, dtype=np.float64)
    return find_grid(lambda i, j: times[i:j], len(times))


def places(grid, n):
    """Return the time of each sample on the grid."""
    times = np.empty(n)
    for first, start in grid.segments:
        times[first:] = start + np.arange(n - first) / grid.sampling_rate
    return times


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(grids, "_BLOCK", 37)


RATES = st.sampled_from([1.0, 2.5, 29.97, 30.0, 119.999, 1000.0, 30000.0])
STARTS = st.sampled_from([0.0, -12.5, 3.3, 4393507.5])


@settings(deadline=None)
@given(
    RATES,
    STARTS,
    st.integers(20, 300),
    st.lists(st.tuples(st.integers(25, 100), st.integers(2, 5000)), max_size=4),
    st.floats(0, 0.2),
    st.integers(0, 2**32),
)
def test_grid_with_gaps_and_jitter_is_found(rate, start, n, gaps, jitter, seed):
    k = np.arange(n)
    at = 0
    for samples, missing in gaps:
        at += samples
        k[at:] += missing
    times = start + k / rate
    times += np.random.default_rng(seed).uniform(-jitter, jitter, n) / rate
    grid = found(times)
    if (k[-1] + 1) > 50 * n:
        assert grid is None or len(grid.segments) > 1
        return
    if len(gaps) * 20 > n:
        return
    # How long a gap is, times with jitter beside it do not always tell.
    if (k[-1] + 1) > n and jitter > 1e-6 and grid is None:
        return
    assert grid is not None
    assert np.abs(places(grid, n) - times).max() * rate <= 0.5001
    assert abs(grid.sampling_rate / rate - 1) * n < 1


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 10), min_size=12, max_size=200))
def test_no_time_is_moved_by_more_than_half_a_sample(steps):
    times = np.cumsum(steps)
    grid = found(times)
    if grid is not None:
        shift = np.abs(places(grid, len(times)) - times).max()
        assert shift * grid.sampling_rate <= 0.5
        assert shift <= grid.shift * 1.001 + 1e-9


def test_exact_rate_and_start_are_kept():
    grid = found(17.25 + np.arange(1000) / 1250)
    assert (grid.sampling_rate, grid.start) == (1250.0, 17.25)
    assert grid.segments == ((0, 17.25),)


def test_rate_that_drifts_by_samples_is_no_grid():
    # An hour at 30 Hz by its mean; half of the time 30.1 Hz.
    steps = np.concatenate([np.full(54_000, 1 / 30.1), np.full(54_000, 1 / 29.9)])
    times = np.cumsum(steps)
    assert found(times) is None
    assert found(times[:54_000]) is not None


def test_long_gap_is_a_gap_at_the_right_time():
    k = np.concatenate([np.arange(600), 18_000 + np.arange(600)])
    times = 5 + k / 120
    grid = found(np.round(times, 3))  # a clock of milliseconds
    assert len(grid.segments) == 2
    assert grid.segments[1][0] == 600
    assert abs(grid.segments[1][1] - times[600]) < 0.5 / 120


@pytest.mark.parametrize(
    "times",
    [
        np.arange(20)[::-1],
        np.zeros(20),
        np.append(np.arange(19.0), np.nan),
        np.append(np.arange(19.0), np.inf),
        np.repeat(np.arange(20), 2),
        np.arange(5),
        [],
        np.cumsum(np.random.default_rng(0).exponential(size=500)),
        np.append(np.arange(100.0), 1e6),
    ],
    ids=[
        "backwards",
        "all alike",
        "one is no number",
        "one is infinite",
        "in pairs",
        "few",
        "none",
        "random",
        "one far off",
    ],
)
def test_other_times_are_no_grid(times):
    assert found(times) is None
