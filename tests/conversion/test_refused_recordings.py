"""What cannot be stored is refused in one sentence, and nothing is left of the file."""

import datetime
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from temporaldata import Data

from brainsets.conversion.inventory import Inventory
from brainsets.conversion.parts import Rows, Samples, Signal, Table
from brainsets.conversion.signals import FILTERS
from brainsets.conversion.writing import write_recording
from tests.helpers.in_memory import recording, signal

TIMES = np.arange(3.0)
VALUES = np.ones((3, 2), dtype=np.float32)


def segments(*pairs):
    return signal("lfp", np.zeros(4), sampling_rate=1.0, segments=list(pairs))


def samples(timestamps=TIMES, **changes):
    return Samples("spikes", np.asarray(timestamps), **{"columns": {}, **changes})


REFUSED = {
    "not sorted": samples([1.0, 0.0]),
    "not all finite": samples([0.0, np.nan]),
    r"The timestamps of 'spikes' are float64 of shape \(3, 1\)": samples(
        TIMES[:, None]
    ),
    "'timestamps' is no name for a column": samples(columns={"timestamps": TIMES}),
    "'slice' is no name for a column": samples(columns={"slice": TIMES}),
    "'domain' is no name for a column": samples(columns={"domain": TIMES}),
    "'go cue' is no name for a column": samples(columns={"go cue": TIMES}),
    "'_x' is no name for a column": samples(columns={"_x": TIMES}),
    "'class' is no name for a column": samples(columns={"class": TIMES}),
    "'größe' is no name for a column": samples(columns={"größe": TIMES}),
    "is of type object: a column has": samples(
        columns={"x": np.array([1, "a", None], dtype=object)}
    ),
    "is of type datetime64": samples(columns={"x": np.zeros(3, "M8[s]")}),
    "'x' of 'spikes' is a single value": samples(columns={"x": np.float64(1)}),
    "Column 'x' of 'spikes' has 2 values for 3 rows": samples(
        columns={"x": np.zeros(2)}
    ),
    "at most 33,554,432 s later: it is 0.0 to 2000000000.0 s": samples(
        domain=(np.zeros(1), np.array([2e9]))
    ),
    "it is empty": samples(domain=(np.zeros(0), np.zeros(0))),
    "domain of 'spikes' has intervals that overlap": samples(
        domain=(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    ),
    "one lies within another": Table("epochs", TIMES, TIMES[::-1] + 9, {}),
    "'end' is no name for a column": Table("epochs", TIMES, TIMES, {"end": TIMES}),
    "'split' is no name for a column": Table("t", TIMES, TIMES, {"split": TIMES}),
    "has no column 'cue' of times": Table("epochs", TIMES, TIMES, {}, ["cue"]),
    "starts of 'epochs' are not all finite": Table("epochs", TIMES * np.nan, TIMES, {}),
    "'epochs' has 3 starts and 2 ends": Table("epochs", TIMES, TIMES[:2], {}),
    "There are no columns in 'units'": Rows("units", {}),
    "Column 'y' of 'units' has 1 values for 3 rows": Rows(
        "units", {"x": TIMES, "y": TIMES[:1]}
    ),
    "The ids of 'units' are int64": Rows("units", {"id": np.arange(3)}),
    "'start' is no name for a part": Rows("start", {"x": TIMES}),
    "'a/b' is no name for a part": Rows("a/b", {"x": TIMES}),
    "named 'domain'|'domain' is no name": Rows("domain", {"x": TIMES}),
    "Two things of recording 'r1' are named 'inventory'": Rows(
        "inventory", {"x": TIMES}
    ),
    "named 'subject'": Rows("subject", {"x": TIMES}),
    "a sampling rate of 0.0 Hz": signal("lfp", VALUES, sampling_rate=0.0),
    "a sampling rate of nan Hz": signal("lfp", VALUES, sampling_rate=np.nan),
    "starts at inf s": signal("lfp", VALUES, start=np.inf),
    "has no axis of time": signal("lfp", np.float64(1)),
    "is of type complex128": signal("lfp", np.zeros(3, complex)),
    "is of type <U1": signal("lfp", np.full(3, "a")),
    "its channels have 3 values of 'id'": signal(
        "lfp", VALUES, channels={"id": np.array(["a", "b", "c"])}
    ),
    "does not divide|do not divide": segments((1, 0.0), (2, 5.0)),
    "begin at the samples": segments((0, 0.0), (9, 5.0)),
    "before the one before it ends": segments((0, 0.0), (3, 1.0)),
    "The samples 0:3 of the signal 'lfp' were read as float64": Signal(
        "lfp", (3, 2), np.dtype("f4"), lambda i, j: np.zeros((j - i, 2)), 1.0, 0.0
    ),
    r"of shape \(3,\) instead of": Signal(
        "lfp", (3, 2), np.dtype("f4"), lambda i, j: np.zeros(j - i, "f4"), 1.0, 0.0
    ),
}


def refused(folder, made, sentence, **options):
    path = folder / "r1.h5"
    path.write_bytes(b"what was there")
    with pytest.raises(ValueError, match=sentence) as error:
        write_recording(made, path, **options)
    assert "\n" not in str(error.value)
    # Neither a half file under this name, nor any other.
    assert os.listdir(folder) == ["r1.h5"]
    assert path.read_bytes() == b"what was there"


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_part_that_cannot_be_stored_is_refused(tmp_path, sentence):
    refused(tmp_path, recording(REFUSED[sentence]), sentence)


CHANGES = {
    "The id of 'brainset' has to be text: it is None": {"brainset": {"source": "x"}},
    "The id of 'subject' has to be text: it is 7": {"subject": {"id": 7}},
    "The id of 'session' has to be text: it is ''": {"session": {"id": ""}},
    "'keys' is no name for an attribute of 'subject'": {"subject": {"keys": 1}},
    "'object' is no name for an attribute": {"device": {"object": "probe"}},
    "'x' of 'device' is of type dict": {"device": {"x": {"a": 1}}},
    "'x' of 'device' is longer than HDF5 allows": {"device": {"x": ["word"] * 20_000}},
    "A split is train, valid or test, not 'dev'": {
        "splits": {"dev": (np.zeros(1), np.ones(1))}
    },
    "train_domain: a part of it is not in the domain": {
        "splits": {"train": (np.zeros(1), np.full(1, 200.0))}
    },
    "train_domain and test_domain: they overlap": {
        "splits": {
            "train": (np.zeros(1), np.full(1, 9.0)),
            "test": (np.full(1, 8.0), np.full(1, 10.0)),
        }
    },
    "domain: it is empty": {"domain": (np.zeros(0), np.zeros(0))},
    "The domain has intervals that overlap": {"domain": (np.ones(1), np.zeros(1))},
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_a_recording_that_cannot_be_stored_is_refused(tmp_path, sentence):
    refused(tmp_path, recording(**CHANGES[sentence]), sentence)


def test_names_that_are_twice_are_refused(tmp_path):
    parts = [Rows("units", {"x": TIMES}), samples(columns={})]
    refused(tmp_path, recording(parts[0], parts[0]), "named 'units'")
    clash = recording(parts[0], attributes={"units": "many"})
    refused(tmp_path, clash, "Two things of recording 'r1' are named 'units'")


def test_a_wrong_compression_is_refused(tmp_path):
    sentence = f"'zip': choose of {', '.join(FILTERS)}"
    refused(tmp_path, recording(signal("a", VALUES)), sentence, compression="zip")


def test_a_failure_of_reading_leaves_nothing(tmp_path):
    def read(i, j):
        assert not list(tmp_path.glob("*.h5"))
        if i > 100:
            raise OSError("the disk is gone")
        return np.zeros(j - i)

    made = recording(Signal("lfp", (1000,), np.dtype(float), read, 1.0, 0.0))
    with pytest.raises(OSError, match="the disk is gone"):
        write_recording(made, tmp_path / "r1.h5", block_bytes=80)
    assert os.listdir(tmp_path) == []


def written(folder, made, **options):
    write_recording(made, folder / "r1.h5", **options)
    return Data.load(folder / "r1.h5", lazy=False)


def test_text_that_is_not_ascii_is_escaped(tmp_path):
    inventory = Inventory()
    inventory.take("/größe", "é", taken_as="x", note="zero \0")
    rows = Rows("units", {"id": np.array(["µ", "a\0", "b"], dtype=object)})
    back = written(tmp_path, recording(rows, inventory=inventory))
    assert back.units.id.tolist() == ["\\xb5", "a\\x00", "b"]
    assert back.inventory.path.tolist() == ["/gr\\xf6\\xdfe"]
    assert back.inventory.note.tolist() == ["zero \\x00"]


def test_descriptions_keep_what_they_can(tmp_path):
    known = {
        "id": "s1",
        "notes": "größe\0",
        "when": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2026, 1, 2),
        "unknown": None,
        "sites": ["CA1", "CA3"],
        "mixed": [1, "a"],
        "count": np.int64(3),
        "is_old": np.bool_(True),
        "path": Path("a/b"),
        "long": "ä" * 100_000,
        "broken": "\udcff",
    }
    back = written(tmp_path, recording(subject=known)).subject
    assert (back.id, back.notes, back.day) == ("s1", "größe\\x00", "2026-01-02")
    assert back.when == "2026-01-02 03:04:00+00:00"
    assert not hasattr(back, "unknown")
    assert list(back.sites) == ["CA1", "CA3"]
    assert list(back.mixed) == ["1", "a"]
    assert (back.count, back.is_old, back.path) == (3, True, "a/b")
    assert back.long.startswith("ä" * 30_000 + " [70000 more characters are left out]")
    assert back.broken == "\\udcff"


def test_what_is_not_known_is_not_there(tmp_path):
    back = written(tmp_path, recording(subject={}, device={"id": None}, session={}))
    assert "subject" not in back and "device" not in back
    assert back.session.id == "r1"
    assert "train_domain" not in back


def test_channels_are_named_after_the_signal_if_there_are_several(tmp_path):
    channels = {"id": np.array(["a", "b"])}
    one = signal("lfp", VALUES, channels=channels, unit="V")
    two = signal("emg", VALUES, channels={**channels, "unit": np.array(["mV", "V"])})
    back = written(tmp_path, recording(one))
    assert back.channels.unit.tolist() == ["V", "V"]
    back = written(tmp_path, recording(one, two))
    assert "channels" not in back
    assert back.lfp_channels.unit.tolist() == ["V", "V"]
    assert back.emg_channels.unit.tolist() == ["mV", "V"]
    ids = {"id": np.array(["e1", "e2", "e3"])}
    taken = recording(one, Rows("channels", ids))
    assert written(tmp_path, taken).lfp_channels.id.tolist() == ["a", "b"]
    clash = recording(one, two, Rows("lfp_channels", {"x": TIMES}))
    with pytest.raises(ValueError, match="are to be named 'lfp_channels', as is"):
        write_recording(clash, tmp_path / "r1.h5")


def test_attributes_of_parts_are_on_their_groups(tmp_path):
    about = {"description": "größe", "object": "a rat", "rate_hz": 3, "comments": ""}
    lfp = signal("lfp", VALUES, unit="V", attributes=about)
    written(tmp_path, recording(lfp, samples(attributes={"source_unit": "m"})))
    with h5py.File(tmp_path / "r1.h5") as file:
        found = dict(file["lfp"].attrs)
        assert found.pop("sampling_rate") == 100.0
        assert found == {
            "object": "RegularTimeSeries",
            "unit": "V",
            "description": "größe",
            "object_": "a rat",
            "rate_hz": 3,
        }
        assert file["spikes"].attrs["source_unit"] == "m"


@pytest.mark.parametrize("compression", FILTERS)
@pytest.mark.parametrize("is_gappy", [False, True])
def test_blocks_are_small_whole_chunks_and_in_order(tmp_path, compression, is_gappy):
    asked = []

    def read(i, j):
        asked.append((i, j))
        return np.arange(i, j, dtype=np.float64)[:, None] * np.ones(16)

    gap = [(0, 0.0), (70_001, 80_000.5)] if is_gappy else None
    size = 200_000
    lfp = Signal("lfp", (size, 16), np.dtype(float), read, 1.0, 0.0, segments=gap)
    back = written(tmp_path, recording(lfp), block_bytes=1 << 20)
    assert [i for i, _ in asked] == [0, *(j for _, j in asked[:-1])]
    assert asked[-1][1] == size
    assert max(j - i for i, j in asked) * 16 * 8 <= 1 << 20
    assert np.array_equal(back.lfp.signal[back.lfp.index_mask(), 3], np.arange(size))


def test_a_gap_takes_no_room_on_disk(tmp_path):
    values = np.ones((200_000, 2))
    day = [(0, 0.0), (100_000, 86_400.0)]
    lfp = signal("lfp", values, sampling_rate=1000.0, segments=day)
    write_recording(recording(lfp), tmp_path / "r1.h5")
    with h5py.File(tmp_path / "r1.h5") as file:
        assert file["lfp/signal"].shape == (86_500_000, 2)
        assert np.isnan(file["lfp/signal"][500_000]).all()
    assert os.path.getsize(tmp_path / "r1.h5") < 5e6


@pytest.mark.parametrize(
    ("chunk", "asked"), [(1, 8), (3, 6), (8, 8), (30, 30), (10_000_000, 8)]
)
def test_pieces_of_the_source_are_read_whole(tmp_path, chunk, asked):
    seen = []

    def read(i, j):
        seen.append((i, j))
        return np.zeros(j - i)

    lfp = Signal("lfp", (100,), np.dtype(float), read, 1.0, 0.0, chunk=chunk)
    write_recording(recording(lfp), tmp_path / "r1.h5", block_bytes=64)
    assert seen == [(i, min(i + asked, 100)) for i in range(0, 100, asked)]
