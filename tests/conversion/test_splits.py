"""Splits: no time on both sides, no subject on both sides, and gaps kept."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from brainsets.conversion.splits import (
    FRACTIONS,
    MODES,
    split,
    split_by_key,
    split_by_time,
)

NAMES = ["train", "valid", "test"]
KEYS = st.text(max_size=20)
SHARES = st.sampled_from([FRACTIONS, (0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)])


@st.composite
def domains(draw):
    lengths = draw(st.lists(st.floats(1e-3, 1000), min_size=1, max_size=5))
    holes = [0.0] + [draw(st.floats(0, 100)) for _ in lengths[1:]]
    begin = draw(st.floats(-1e6, 1e6))
    starts, ends = [], []
    for hole, length in zip(holes, lengths):
        starts.append((ends[-1] if ends else begin) + hole)
        ends.append(starts[-1] + length)
    return np.array(starts), np.array(ends)


def length(bounds):
    return float((bounds[1] - bounds[0]).sum())


def is_inside(part, domain):
    return all(
        any(a <= start and end <= b for a, b in zip(*domain))
        for start, end in zip(*part)
    )


@given(domain=domains(), fractions=SHARES, gap=st.floats(0, 20))
def test_parts_in_time_are_apart_and_inside_the_domain(domain, fractions, gap):
    parts = split_by_time(domain, fractions, gap=gap)
    if parts is None:
        # Only if a gap could have taken so much of a part.
        assert min(f for f in fractions if f) * length(domain) <= 2 * gap + 1e-6
        return
    assert list(parts) == NAMES
    last = -np.inf
    for name, share in zip(NAMES, fractions):
        starts, ends = parts[name]
        assert is_inside(parts[name], domain)
        assert (starts < ends).all() and (starts[1:] >= ends[:-1]).all()
        assert (length(parts[name]) > 0) == (share > 0)
        # The whole share but for the gap before it.
        whole = share * length(domain)
        assert whole - gap - 1e-6 <= length(parts[name]) <= whole + 1e-6
        if share:
            assert starts[0] >= last + gap - 1e-9
            last = ends[-1]
    # What was recorded last is for the last of them.
    assert last == domain[1][-1]


@given(domain=domains())
def test_too_short_a_recording_is_for_training_and_it_is_said(domain):
    parts, how = split("time", domain, gap=2 * length(domain))
    assert "too short" in how
    assert parts["train"] is domain
    assert length(parts["valid"]) == length(parts["test"]) == 0


@given(key=KEYS, seed=st.integers(0, 5), fractions=SHARES)
def test_a_side_depends_on_nothing_else(key, seed, fractions):
    side = split_by_key(key, fractions, seed=seed)
    assert side == split_by_key(key, fractions, seed=seed)
    assert fractions[NAMES.index(side)] > 0


def test_sides_stay_those_of_every_release():
    # Another function would move recordings that people have trained on.
    sides = [split_by_key(f"sub-{i}")[:2] for i in range(12)]
    assert " ".join(sides) == "tr va tr tr tr tr te te tr tr tr tr"


def test_sides_have_their_shares_and_seeds_divide_otherwise():
    sides = [[split_by_key(f"sub-{i}", seed=s) for i in range(4000)] for s in (0, 1)]
    for found in sides:
        for name, share in zip(NAMES, FRACTIONS):
            assert abs(found.count(name) / len(found) - share) < 0.03
    assert sum(a != b for a, b in zip(*sides)) > 1000


@given(
    subjects=st.lists(KEYS, min_size=2, max_size=6),
    domain=domains(),
    seed=st.integers(0, 3),
)
def test_a_subject_is_on_one_side(subjects, domain, seed):
    sides = {}
    for number, subject in enumerate(subjects):
        for spelled in (subject, f" {subject}", subject.upper(), subject.lower()):
            assume(spelled.strip().casefold() == subject.strip().casefold())
            parts, _ = split(
                "subject", domain, subject=spelled, session=str(number), seed=seed
            )
            (side,) = [name for name in NAMES if len(parts[name][0])]
            assert parts[side] is domain
            assert sides.setdefault(subject.strip().casefold(), side) == side


def test_sessions_are_divided_by_their_ids():
    domain = (np.zeros(1), np.ones(1))
    for number in range(20):
        parts, how = split("session", domain, subject="s", session=f"r{number}")
        assert length(parts[split_by_key(f"r{number}")]) == 1
        assert how == "by session: 70/15/15 % of all, seed 0"


def test_how_a_split_was_made_is_said():
    domain = (np.zeros(1), np.full(1, 100.0))
    assert split("time", domain)[1] == "by time: 70/15/15 % with gaps of 1 s"
    assert split("none", domain) == ({}, "not split")
    assert "the subject is not known" in split("subject", domain)[1]


@pytest.mark.parametrize("mode", ["", "Time", "random"])
def test_a_wrong_mode_is_one_sentence(mode):
    with pytest.raises(ValueError, match=f"{mode!r}: choose {', '.join(MODES)}"):
        split(mode, (np.zeros(1), np.ones(1)))


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.5), (0.5, 0.6, 0.1), (1.2, -0.1, -0.1), (np.nan, 0.5, 0.5)]
)
def test_wrong_shares_are_one_sentence(fractions):
    with pytest.raises(ValueError, match="three shares that are one together"):
        split_by_key("a", fractions)


@pytest.mark.parametrize("gap", [-1.0, np.nan, np.inf])
def test_a_wrong_gap_is_one_sentence(gap):
    with pytest.raises(ValueError, match="a number of seconds that is not negative"):
        split_by_time((np.zeros(1), np.ones(1)), gap=gap)
