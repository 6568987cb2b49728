"""The check finds what stops a training loop, in a good file that is damaged."""

import h5py
import numpy as np
import pytest

from brainsets.conversion.checking import problems
from brainsets.conversion.parts import Rows, Samples, Table
from brainsets.conversion.writing import write_recording
from tests.helpers.in_memory import recording, signal

TIMES = np.arange(10.0)


def good():
    """Return a recording with a part of each kind."""
    ids = {"id": np.array(["a", "b"])}
    gaps = [(0, 0.0), (500, 50.0)]
    return recording(
        signal("lfp", np.ones((1000, 2)), channels=ids, segments=gaps, unit="V"),
        Samples("spikes", TIMES * 9, {"unit_index": np.arange(10) % 2}),
        Table("trials", TIMES, TIMES + 1, {"kind": np.array(["x"] * 10)}),
        Rows("units", ids),
        splits={
            "train": (np.array([0.0]), np.array([50.0])),
            "valid": (np.array([51.0]), np.array([60.0])),
            "test": (np.zeros(0), np.zeros(0)),
        },
    )


@pytest.fixture
def path(tmp_path):
    write_recording(good(), tmp_path / "r1.h5")
    return tmp_path / "r1.h5"


def put(name, values):
    """Return a change that replaces a dataset."""

    def change(file):
        if name in file:
            del file[name]
        file[name] = values

    return change


def remove(*names):
    def change(file):
        for name in names:
            del file[name]

    return change


def attribute(group, name, value=None):
    """Return a change that sets or removes an attribute."""

    def change(file):
        if value is None:
            del file[group].attrs[name]
        else:
            file[group].attrs[name] = value

    return change


def several(*changes):
    def change(file):
        for each in changes:
            each(file)

    return change


DAMAGES = {
    "the file: its attribute 'object' has to be 'Data', not ''": attribute(
        "/", "object"
    ),
    "the file: it has no number as attribute 'abs": attribute("/", "absolute_start"),
    "session: it has no number as attribute": attribute("session", "absolute_start"),
    "the file: 'start' is a property of Data": attribute("/", "start", 0.0),
    "the file: 'units' is twice": attribute("/", "units", 1),
    "units: its attribute 'object' has to be a class": attribute("units", "object"),
    "lfp: its attribute 'object' has to be a class": attribute(
        "lfp", "object", "Signal"
    ),
    "the file: it has parts with times, and no domain": remove("domain"),
    "the file: it has no domain, from which": remove("domain"),
    "domain: it has to be an Interval": several(remove("domain"), put("domain", TIMES)),
    "domain: it is empty": several(
        put("domain/start", np.zeros(0)), put("domain/end", np.zeros(0))
    ),
    "domain: its intervals overlap, or end": several(
        put("domain/start", [0.0, 5.0]), put("domain/end", [6.0, 90.0])
    ),
    "domain.start: times have to be float64": put("domain/start", [0]),
    "domain: it has no column 'end'": remove("domain/end"),
    "number: it is a single value": put("number", 3),
    "units.x: its type is object": put("units/x", ["é", "b"]),
    "units.pairs: its type is": put("units/pairs", np.zeros(2, "i4,i4")),
    "units.more: a group cannot be in a ArrayDict": lambda f: f.create_group(
        "units/more"
    ),
    "units: its columns differ in length: id 2, x 3": put("units/x", np.zeros(3)),
    "channels: it has no columns": remove("channels/id", "channels/unit"),
    "units: it has no attribute '_unicode_keys'": attribute("units", "_unicode_keys"),
    "units: '_unicode_keys' names 'x', which is no text": attribute(
        "units", "_unicode_keys", np.array(["id", "x"], "S")
    ),
    "trials.kind: its text is not ASCII": put(
        "trials/kind", np.array(["é".encode()] * 10)
    ),
    "units.id: ids have to be text": several(
        put("units/id", [1, 2]),
        attribute("units", "_unicode_keys", np.array([], "S")),
    ),
    "channels.id: ids have to be text": attribute(
        "channels", "_unicode_keys", np.array(["unit"], "S")
    ),
    "units: it has no column 'id'": several(
        put("units/x", [1, 2]),
        remove("units/id"),
        attribute("units", "_unicode_keys", np.array([], "S")),
    ),
    "trials: it has no attribute 'timekeys'": attribute("trials", "timekeys"),
    "trials: 'timekeys' names 'cue'": attribute(
        "trials", "timekeys", np.array(["start", "end", "cue"], "S")
    ),
    "trials.end: times are not sorted": put("trials/end", TIMES[::-1] + 20),
    "trials.start: a time is not finite": put("trials/start", TIMES * np.nan),
    "spikes.timestamps: times are not sorted": put("spikes/timestamps", TIMES[::-1]),
    "spikes.timestamps: a time is not finite": put("spikes/timestamps", TIMES + np.inf),
    "spikes.timestamps: times have to be float64": put(
        "spikes/timestamps", TIMES.astype("f4")
    ),
    "spikes: it has no timestamps": remove("spikes/timestamps"),
    "spikes: it has no timestamps, or no domain": remove("spikes/domain"),
    "spikes: 'timestamp_indices_1s' has to say": remove("spikes/timestamp_indices_1s"),
    "spikes: 'timestamp_indices_1s' has": put("spikes/timestamps", TIMES * 8),
    "spikes.unit_index: it leads beyond the 2 rows": put(
        "spikes/unit_index", np.arange(10)
    ),
    "spikes.unit_index: it leads beyond": put("spikes/unit_index", -np.ones(10, int)),
    "spikes.unit_index: it has to be whole": put("spikes/unit_index", TIMES),
    "lfp: its sampling_rate has to be a positive": attribute("lfp", "sampling_rate"),
    "lfp: its sampling_rate has to": attribute("lfp", "sampling_rate", -1.0),
    "lfp: its domain, 0.0 to 55.0 s, is not that of 5500 samples at 200": attribute(
        "lfp", "sampling_rate", 200.0
    ),
    "lfp: its domain begins or ends between": put("lfp/domain/start", [0.0, 50.005]),
    "lfp: it has no domain": remove("lfp/domain"),
    "lfp.domain: it is empty": several(
        put("lfp/domain/start", np.zeros(0)), put("lfp/domain/end", np.zeros(0))
    ),
    "lfp.domain.end: times are not sorted": put("lfp/domain/end", [55.0, 5.0]),
    "brainset.id: there is none": remove("brainset"),
    "session.id: there is none": attribute("session", "id"),
    "session.id: it has to be text, not 7": attribute("session", "id", 7),
    "subject.id: it has to be text, not 7": attribute("subject", "id", 7),
    "train_domain: a part of it is not in the domain": put(
        "train_domain/start", [-1.0]
    ),
    "train_domain and valid_domain: they overlap": put("valid_domain/start", [49.0]),
    "valid_domain: its intervals overlap, or end": put("valid_domain/end", [50.0]),
    "test_domain: it has to be an Interval": several(
        remove("test_domain"), put("test_domain", TIMES)
    ),
}


def test_a_good_file_has_no_problems(path):
    assert problems(path) == []


@pytest.mark.parametrize("sentence", DAMAGES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_damage_is_found(path, sentence):
    with h5py.File(path, "r+") as file:
        DAMAGES[sentence](file)
    found = problems(path)
    assert [text for text in found if text.startswith(sentence)], found
    assert all(text.endswith(".") and "\n" not in text for text in found)
    assert len(set(found)) == len(found)


def test_what_is_no_hdf5_is_one_sentence(path):
    content = path.read_bytes()
    for wrong in (b"", b"text", content[: len(content) // 2]):
        path.write_bytes(wrong)
        (found,) = problems(path)
        assert found.startswith("It cannot be read as HDF5: ")
    path.unlink()
    assert problems(path)[0].startswith("It cannot be read as HDF5: ")


def test_values_that_cannot_be_read_are_found(path):
    with h5py.File(path, "r+") as file:
        # A filter of LZ4 that h5py does not bring.
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((2,))
        plan.set_filter(32_004, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((2,))
        made = h5py.h5d.create(
            file["units"].id, b"x", h5py.h5t.NATIVE_DOUBLE, space, plan
        )
        made.write_direct_chunk((0,), b"0123456789abcdef")
    (found,) = problems(path)
    assert found.startswith("units.x: its values cannot be read: ")
