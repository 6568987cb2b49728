"""What the writer makes of a recording is what temporaldata makes of it in memory."""

import os

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from temporaldata import Data

from brainsets.conversion.checking import problems
from brainsets.conversion.parts import Rows, Samples, Signal, Table
from brainsets.conversion.signals import FILTERS
from brainsets.conversion.writing import write_recording
from tests.helpers.in_memory import (
    as_data,
    assert_same_contents,
    recording,
    signal,
)

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5)
NUMBERS = st.sampled_from("? i1 u2 <i4 >i8 u8 <f4 f8 >f8".split())
SIGNALS = st.sampled_from("? i2 u1 i8 f2 <f4 >f4 f8".split())
TIMES = st.floats(-1000, 1000, allow_subnormal=False)


def arrays(dtypes, size):
    shapes = st.sampled_from([(size,), (size, 1), (size, 3), (size, 2, 2), (size, 0)])
    return dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def columns(size):
    text = st.lists(WORDS, min_size=size, max_size=size)
    texts = text.map(lambda values: np.array(values, dtype=np.str_))
    names = st.sampled_from(["kind", "value", "go_cue", "x1", "unit_index"])
    return st.dictionaries(names, texts | arrays(NUMBERS, size), max_size=3)


def ordered(size):
    return st.lists(TIMES, min_size=size, max_size=size).map(
        lambda values: np.sort(np.array(values, dtype=np.float64))
    )


@st.composite
def signals(draw, name):
    size = draw(st.integers(0, 40))
    values = draw(arrays(SIGNALS, size))
    rate = draw(st.sampled_from([1.0, 30.0, 1000 / 3, 30000.0]))
    start = draw(TIMES)
    segments = None
    if size > 4 and draw(st.booleans()):
        firsts = sorted(draw(st.sets(st.integers(2, size - 1), min_size=1, max_size=3)))
        gaps = [draw(st.integers(0, 50)) for _ in firsts]
        places = np.cumsum([0, *gaps]) + [0, *firsts]
        segments = [(i, start + k / rate) for i, k in zip([0, *firsts], places)]
    channels = None
    if values.ndim > 1 and draw(st.booleans()):
        channels = {"id": np.array([f"c{i}" for i in range(values.shape[1])], str)}
    return signal(
        name, values, rate, start, segments=segments, channels=channels, unit="V"
    )


@st.composite
def recordings(draw):
    parts = [draw(signals(f"signal_{i}")) for i in range(draw(st.integers(0, 2)))]
    size = draw(st.integers(0, 5))
    events = Samples("events", draw(ordered(size)), draw(columns(size)))
    if draw(st.booleans()):
        events.domain = (np.array([-2.0, 3.0]), np.array([1.0, 7.5]))
    size = draw(st.integers(0, 5))
    start = draw(ordered(size))
    trials = Table("trials", start, start + 1.5, draw(columns(size)))
    trials.columns["cue"] = np.full(size, np.nan)
    trials.times = ["cue"]
    size = draw(st.integers(0, 5))
    rows = Rows("units", {"id": np.array(["u"] * size, str), **draw(columns(size))})
    splits = draw(st.sampled_from([{}, {"train": ([0.0, 4.0], [2.0, 5.0])}]))
    splits = {k: tuple(np.array(v) for v in bounds) for k, bounds in splits.items()}
    return recording(
        *parts,
        *draw(st.lists(st.sampled_from([events, trials, rows]), unique_by=id)),
        splits=splits,
        attributes=draw(st.sampled_from([{}, {"version": "1", "rate": 2.5}])),
        device=draw(st.sampled_from([{}, {"id": "probe", "channels": 4}])),
    )


@given(made=recordings(), compression=st.sampled_from(list(FILTERS)))
@settings(deadline=None)
def test_a_file_is_what_temporaldata_would_write(tmp_path_factory, made, compression):
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        # Small enough that these few values have chunks and blocks.
        patch.setattr("brainsets.conversion.signals._CHUNK_BYTES", 32)
        write_recording(made, folder / "a.h5", block_bytes=90, compression=compression)
    with h5py.File(folder / "b.h5", "w") as file:
        as_data(made).to_hdf5(file)
    with h5py.File(folder / "a.h5") as ours, h5py.File(folder / "b.h5") as theirs:
        assert_same_contents(ours, theirs, but_for={"unit"})
        for lazy in (True, False):
            back = Data.from_hdf5(ours, lazy=lazy)
            for part in made.parts:
                if isinstance(part, Signal):
                    kept = getattr(back, part.name)
                    values = kept.signal[kept.index_mask()]
                    np.testing.assert_array_equal(values, part.read(0, part.shape[0]))
    assert problems(folder / "a.h5") == []
    assert sorted(os.listdir(folder)) == ["a.h5", "b.h5"]
