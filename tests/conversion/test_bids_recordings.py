"""Real BIDS recordings: each value and each row compared with plain readings."""

import configparser
import csv
import json
import math

import edfio
import h5py
import numpy as np
import pytest

from brainsets.conversion.bids.layout import layout_of
from brainsets.conversion.bids.looking import look
from brainsets.conversion.bids.reading import read_bids
from brainsets.conversion.checking import problems
from brainsets.conversion.parts import Rows, Signal, Table
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset
from tests.helpers.workspace import SHARED_DATA

REFUSED = {
    "eeg_cbm": ".edf is empty",
    "eeg_matchingpennies": ".eeg is empty",
    "emg_Multimodal": "its header is damaged: it says",
    "ds000117": ".fif is empty",
    "eeg_ds003645s_hed_demo": " is empty",
}
UNITS = ("EEGCoordinateUnits", "iEEGCoordinateUnits", "EMGCoordinateUnits")
TYPES = {"VEOG": "eog", "HEOG": "eog", "ECOG": "ieeg", "SEEG": "ieeg", "DBS": "ieeg"}


def found_recordings():
    for path in sorted(SHARED_DATA.glob("**/bids/*/dataset_description.json")):
        root = path.parent
        files = (str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        for one in layout_of(files).recordings:
            yield pytest.param(root, one, id=f"{root.name}-{one.stem}")


FOUND = list(found_recordings())
READ = [p for p in FOUND if p.values[0].name not in REFUSED]


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def written(root, one, path):
    recording = read_bids(root, one, id="x")
    recording.brainset = {"id": "b"}
    write_recording(recording, path)
    assert problems(path) == []
    return recording


def test_all_recordings_are_there():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    assert len(FOUND) >= 21
    assert len(READ) >= 5


@pytest.mark.parametrize(
    ("root", "one"), [p for p in FOUND if p.values[0].name in REFUSED]
)
def test_recording_without_data_says_so(root, one):
    for read in (lambda: read_bids(root, one, id="x"), lambda: look(root, one)):
        with pytest.raises(SkipAsset) as skipped:
            read()
        assert REFUSED[root.name] in str(skipped.value)


def brainvision(path):
    """Read the samples of a header, by itself."""
    text = path.read_text(encoding="utf-8")
    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    parser.optionxform = str
    parser.read_string(text[text.index("[Common") :].partition("[Comment]")[0])
    common = parser["Common Infos"]
    form = parser["Binary Infos"]["BinaryFormat"]
    dtype = {"INT_16": "<i2", "IEEE_FLOAT_32": "<f4"}[form]
    values = np.fromfile(path.with_suffix(".eeg"), dtype)
    values = values.reshape(-1, int(common["NumberOfChannels"])).astype(np.float64)
    found = {}
    for number, line in enumerate(parser["Channel Infos"].values()):
        name, _, resolution, unit = (*line.split(","), "")[:4]
        unit = unit.replace("\u00b5", "u").replace("\u03bc", "u")
        scale = {"uV": 1e-6, "nV": 1e-9, "mV": 1e-3}.get(unit, 1.0)
        found[name] = values[:, number] * float(resolution or 1) * scale
    return found, 1e6 / float(common["SamplingInterval"])


def edf(path):
    read = edfio.read_edf(path)
    scales = {"uV": 1e-6, "mV": 1e-3}
    found = {
        s.label: np.asarray(s.data) * scales.get(s.physical_dimension, 1.0)
        for s in read.signals
    }
    [rate] = {s.sampling_frequency for s in read.signals}
    return found, rate


@pytest.mark.parametrize(("root", "one"), READ)
def test_samples_are_those_of_the_file(root, one, tmp_path):
    path = root / one.path
    expected, rate = (edf if path.suffix == ".edf" else brainvision)(path)
    recording = written(root, one, tmp_path / "x.h5")
    signals = [part for part in recording.parts if isinstance(part, Signal)]
    [table] = one.described_by("channels", ".tsv")
    said = {row["name"]: row for row in rows_of(root / table)}
    compared = set()
    with h5py.File(tmp_path / "x.h5") as file:
        for signal in signals:
            values = file[signal.name]["signal"][:]
            assert file[signal.name].attrs["sampling_rate"] == pytest.approx(rate)
            for column, label in enumerate(signal.channels["label"].tolist()):
                theirs = expected[label]
                assert values[:, column] == pytest.approx(theirs, rel=1e-6, abs=1e-12)
                assert np.ptp(theirs) > 0
                kind = said[label]["type"]
                assert signal.channels["bids_type"][column] == kind
                assert signal.name == TYPES.get(kind, kind.lower())
                for name in ("status", "description", "target_muscle"):
                    if name in said[label]:
                        text = said[label][name].replace("n/a", "")
                        assert signal.channels[name][column] == text
                compared.add(label)
    assert compared == {*expected} == {*said}


@pytest.mark.parametrize(("root", "one"), READ)
def test_events_are_those_of_the_table(root, one):
    recording = read_bids(root, one, id="x")
    tables = one.described_by("events", ".tsv")
    parts = [part for part in recording.parts if isinstance(part, Table)]
    if not tables:
        assert parts == []
        return
    [part] = parts
    rows = sorted(rows_of(root / tables[0]), key=lambda row: float(row["onset"]))
    assert part.start.tolist() == [float(row["onset"]) for row in rows]
    lengths = [float(row["duration"]) for row in rows]
    assert part.columns["duration"].tolist() == lengths
    assert part.end == pytest.approx([a + b for a, b in zip(part.start, lengths)])
    for name in {*rows[0]} - {"onset", "duration"}:
        values = part.columns[name].tolist()
        assert [str(value) for value in values] == [row[name] for row in rows]


@pytest.mark.parametrize(("root", "one"), READ)
def test_electrodes_are_those_of_the_tables(root, one):
    recording = read_bids(root, one, id="x")
    parts = [part for part in recording.parts if isinstance(part, Rows)]
    tables = one.described_by("electrodes", ".tsv")
    assert len(parts) == len(tables)
    for part, path in zip(parts, tables):
        rows = rows_of(root / path)
        assert part.columns["id"].tolist() == [row["name"] for row in rows]
        space = path.partition("space-")[2].partition("_")[0]
        systems = {}
        for text in one.described_by("coordsystem", ".json"):
            content = json.loads((root / text).read_text(encoding="utf-8"))
            [unit] = [content[key] for key in UNITS if key in content]
            systems[text.partition("space-")[2].partition("_")[0]] = unit
        scales = {"mm": 1e-3, "m": 1.0}
        for axis in ("x", "y", "z"):
            if axis not in rows[0]:
                assert axis not in part.columns
                continue
            expected = [
                math.nan
                if row[axis] == "n/a"
                else float(row[axis])
                * scales.get(systems[row.get("coordinate_system", space)], 1.0)
                for row in rows
            ]
            np.testing.assert_allclose(part.columns[axis], expected, rtol=1e-12)


@pytest.mark.parametrize(("root", "one"), READ)
def test_every_file_and_channel_has_its_line(root, one):
    recording = read_bids(root, one, id="x")
    items = recording.inventory.items
    paths = [item.path for item in items]
    assert {*one.files, *one.sidecars} <= {*paths}
    assert len(paths) == len({*paths})
    known = {part.name for part in recording.parts} | {"session", "subject", "channels"}
    assert {item.taken_as for item in recording.inventory.taken} <= known
    channels = [item for item in items if item.type.endswith(" channel")]
    seen = [row for row in look(root, one) if row["type"].endswith(" channel")]
    assert [row["path"] for row in seen] == [item.path for item in channels]
    signals = [part for part in recording.parts if isinstance(part, Signal)]
    assert len(channels) == sum(signal.shape[1] for signal in signals)


def test_tiny_bids_has_its_person_and_its_session(shared_data):
    root, one = next(p.values for p in READ if p.values[0].name == "tiny_bids")
    recording = read_bids(root, one, id="x")
    assert recording.subject["id"] == "01"
    assert recording.subject["age"] == pytest.approx(29 * 365.25)
    assert recording.subject["sex"] == "F"
    assert recording.session["pathology"] == "Parkinson's disease"
    assert recording.session["recording_date"].startswith("2000-01-01T12:00")
    assert recording.session["task"] == "rest"
    assert recording.device["manufacturer"] == "Brain Products"
    [markers] = [part for part in recording.parts if part.name == "annotations"]
    assert markers.columns["description"].tolist() == [
        "Comment/ControlBox is not connected via USB"
    ]
    events = next(part for part in recording.parts if part.name == "events")
    assert "name of the event" in events.attributes["trial_type_description"]
    eeg = recording.parts[0]
    table = rows_of(root / one.described_by("electrodes", ".tsv")[0])
    place = {row["name"]: float(row["x"]) for row in table if row["x"] != "n/a"}
    expected = [place[label] for label in eeg.channels["label"].tolist()]
    assert eeg.channels["x"].tolist() == expected


def test_parts_can_be_renamed(shared_data):
    root, one = next(p.values for p in READ if p.values[0].name == "tiny_bids")
    recording = read_bids(root, one, id="x", rename={"events": "cues", "eog": "eyes"})
    names = {part.name for part in recording.parts}
    assert {"cues", "eyes"} <= names
    taken = {item.path: item.taken_as for item in recording.inventory.taken}
    assert taken[one.described_by("events", ".tsv")[0]] == "cues"
    assert taken["VEOG"] == "eyes"
