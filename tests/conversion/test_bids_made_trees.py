"""Made BIDS trees: what mne-bids writes, and tables that contradict their files."""

import json
import shutil
import warnings
from datetime import date

import edfio
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion.bids.layout import layout_of
from brainsets.conversion.bids.looking import look
from brainsets.conversion.bids.reading import read_bids
from brainsets.conversion.checking import problems
from brainsets.conversion.edf import read_edf
from brainsets.conversion.parts import Samples, Signal, Table
from brainsets.conversion.writing import write_recording
from brainsets.errors import SettingsError
from brainsets.pipeline import SkipAsset

OF_MNE = {"mag": "meg_mag", "grad": "meg_grad", "ref_meg": "meg_ref"}
SOURCES = [
    "zoo/meg/test_ctf_comp_raw.fif",
    "zoo/meg/sample-eeg-ant-raw.fif",
    "zoo/meg/exported4D_linux_raw.fif",
    "zoo/meg/kit/test.sqd",
    "edf/test.edf",
    "edf/test.bdf",
    "brainvision/test.vhdr",
]


def only(root):
    files = (str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    [one] = layout_of(files).recordings
    return one


def signals_of(recording):
    return [part for part in recording.parts if isinstance(part, Signal)]


def values_of(recording):
    """Return the samples and the type of each channel by its label."""
    found = {}
    for signal in signals_of(recording):
        values = signal.read(0, signal.shape[0])
        for column, label in enumerate(signal.channels["label"].tolist()):
            found[label] = (values[:, column], signal.channels["type"][column])
    return found


def check_written(recording, path):
    recording.brainset = {"id": "b"}
    write_recording(recording, path)
    assert problems(path) == []


@pytest.mark.parametrize("source", SOURCES)
def test_what_mne_bids_writes_is_what_is_read(source, shared_data, tmp_path):
    mne = pytest.importorskip("mne")
    mne_bids = pytest.importorskip("mne_bids")
    mne.set_log_level("ERROR")
    root = tmp_path / "tree"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.read_raw(shared_data / source)
        raw.info["line_freq"] = 50
        kind = "meg" if "meg" in raw else "eeg"
        where = mne_bids.BIDSPath(
            subject="01", session="a", task="x", run="1", root=root, datatype=kind
        )
        mne_bids.write_raw_bids(raw, where, verbose=False)
        theirs = mne_bids.read_raw_bids(where, verbose=False)
    one = only(root)
    recording = read_bids(root, one, id="x")
    check_written(recording, tmp_path / "x.h5")
    ours = values_of(recording)
    bids_types = {
        label: signal.channels["bids_type"][n]
        for signal in signals_of(recording)
        for n, label in enumerate(signal.channels["label"].tolist())
    }
    kinds = dict(zip(theirs.ch_names, theirs.get_channel_types()))
    # What MNE makes up for KIT is not in the file.
    assert {*kinds} - {*ours} <= {"STI 014"}
    assert {*ours} <= {*kinds}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dict(zip(theirs.ch_names, theirs.get_data()))
    assert ours
    for label, (values, type) in ours.items():
        kind = OF_MNE.get(kinds[label], kinds[label])
        # MNE takes axial gradiometers, which are in T, for magnetometers.
        assert type == kind or (bids_types[label], kind) == ("MEGGRADAXIAL", "meg_mag")
        expected = data[label]
        if type != "stim":
            assert values == pytest.approx(expected, rel=1e-5, abs=1e-18)
        elif np.ptp(expected):
            # Numbers, which MNE may have scaled as volts.
            assert np.corrcoef(values, expected)[0, 1] == pytest.approx(1)
        else:
            assert not np.ptp(values)
    parts = {part.name: part for part in recording.parts}
    said = theirs.annotations
    if "events" in parts:
        part = parts["events"]
        assert isinstance(part, (Table, Samples))
        starts = part.start if isinstance(part, Table) else part.timestamps
        assert starts == pytest.approx(
            np.sort(said.onset - theirs.first_time), abs=1e-3
        )
    else:
        assert not len(said)
    assert recording.session["run"] == "1"
    assert recording.session["session_id"] == "a"


def test_sensors_have_the_places_that_the_file_says(shared_data, tmp_path):
    mne = pytest.importorskip("mne")
    source = shared_data / "zoo/meg/test_ctf_comp_raw.fif"
    folder = tmp_path / "sub-01/meg"
    folder.mkdir(parents=True)
    shutil.copy(source, folder / "sub-01_task-x_meg.fif")
    recording = read_bids(tmp_path, only(tmp_path), id="x")
    raw = mne.io.read_raw_fif(source, verbose="ERROR")
    sensors = next(s for s in signals_of(recording) if s.name.startswith("meg_"))
    places = {each["ch_name"]: each["loc"][:3] for each in raw.info["chs"]}
    expected = np.array([places[label] for label in sensors.channels["label"].tolist()])
    ours = np.column_stack([sensors.channels[axis] for axis in "xyz"])
    assert ours == pytest.approx(expected, abs=1e-9)
    assert {*sensors.channels["position_frame"].tolist()} == {"device"}


def test_gaps_and_rates_are_those_of_the_file(shared_data, tmp_path):
    source = shared_data / "zoo/physionet/edf/edfPlusD.edf"
    other = read_edf(source, id="x")
    folder = tmp_path / "sub-01/eeg"
    folder.mkdir(parents=True)
    shutil.copy(source, folder / "sub-01_task-x_eeg.edf")
    events = folder / "sub-01_task-x_events.tsv"
    events.write_text("onset\tduration\n4.5\t1\n15.25\t0\n")
    recording = read_bids(tmp_path, only(tmp_path), id="x")
    check_written(recording, tmp_path / "x.h5")
    expected = {
        (s.sampling_rate, tuple(s.channels["label"].tolist())): s.segments
        for s in signals_of(other)
    }
    ours = {
        (s.sampling_rate, tuple(s.channels["label"].tolist())): s.segments
        for s in signals_of(recording)
    }
    assert ours == expected
    assert any(segments is not None for segments in ours.values())
    with h5py.File(tmp_path / "x.h5") as file:
        start = file["domain/start"][0]
        assert file["events/start"][:].tolist() == [start + 4.5, start + 15.25]
        assert len(file["domain/start"]) > 1
        assert "annotations" in file


def test_parts_of_a_fif_file_are_read_as_one(tmp_path):
    mne = pytest.importorskip("mne")
    mne.set_log_level("ERROR")
    values = np.random.default_rng(0).normal(size=(20, 60_000)) * 1e-5
    raw = mne.io.RawArray(values, mne.create_info(20, 1000.0, "eeg"))
    folder = tmp_path / "sub-01/meg"
    folder.mkdir(parents=True)
    raw.save(folder / "sub-01_task-x_meg.fif", split_size="2MB", split_naming="bids")
    one = only(tmp_path)
    assert len(one.files) >= 3
    recording = read_bids(tmp_path, one, id="x")
    [signal] = signals_of(recording)
    assert signal.read(0, 60_000) == pytest.approx(values.T, rel=1e-5)
    # A file beside it that none of its parts leads to.
    shutil.copy(tmp_path / one.files[-1], folder / "sub-01_task-x_split-09_meg.fif")
    for n in range(len(one.files) + 1, 9):
        shutil.copy(
            tmp_path / one.files[-1], folder / f"sub-01_task-x_split-0{n}_meg.fif"
        )
    recording = read_bids(tmp_path, only(tmp_path), id="x")
    [signal] = signals_of(recording)
    assert signal.shape == (60_000, 20)
    reasons = {i.path[-11:]: i.reason for i in recording.inventory.left_out}
    assert reasons["-09_meg.fif"] == "broken"
    assert reasons["-02_meg.fif"] == "container"
    (tmp_path / one.files[1]).unlink()
    with pytest.raises(SkipAsset, match="part 2 of it is not there"):
        read_bids(tmp_path, only(tmp_path), id="x")


def test_eeglab_beside_its_table(tmp_path):
    mne = pytest.importorskip("mne")
    pytest.importorskip("eeglabio")
    mne.set_log_level("ERROR")
    values = np.random.default_rng(0).normal(size=(3, 1000)) * 1e-5
    raw = mne.io.RawArray(values, mne.create_info(["Cz", "EOG1", "X"], 250.0, "eeg"))
    folder = tmp_path / "sub-01/eeg"
    folder.mkdir(parents=True)
    mne.export.export_raw(folder / "sub-01_task-x_eeg.set", raw)
    (folder / "sub-01_task-x_channels.tsv").write_text(
        "name\ttype\tunits\nX\tMISC\tg\nCz\tEEG\tuV\nEOG1\tVEOG\tV\n"
    )
    recording = read_bids(tmp_path, only(tmp_path), id="x")
    eeg, eog, misc = signals_of(recording)
    assert (eeg.name, eog.name, misc.name) == ("eeg", "eog", "misc")
    assert eeg.read(0, 1000)[:, 0] == pytest.approx(values[0], rel=1e-5)
    # By convention such files are in microvolts; what the table says of it is a doubt.
    assert eog.read(0, 1000)[:, 0] == pytest.approx(values[1], rel=1e-5)
    assert misc.unit == "g"
    assert misc.read(0, 1000)[:, 0] == pytest.approx(values[2] * 1e6, rel=1e-5)
    notes = {item.path: item.note for item in recording.inventory.items}
    assert notes["Cz"] == ""
    assert "by convention" in notes["EOG1"]
    assert "'g' of channels.tsv is taken" in notes["X"]


def test_header_that_names_the_file_of_another_run_is_not_followed(tmp_path):
    pybv = pytest.importorskip("pybv")
    folder = tmp_path / "sub-01/eeg"
    for run, scale in (("1", 1e-6), ("2", 5e-6)):
        pybv.write_brainvision(
            data=np.tile(np.arange(100.0), (2, 1)) * scale,
            sfreq=100,
            ch_names=["Cz", "Pz"],
            fname_base=f"sub-01_task-x_run-{run}_eeg",
            folder_out=folder,
            unit="uV",
        )
    header = folder / "sub-01_task-x_run-2_eeg.vhdr"
    header.write_text(header.read_text().replace("run-2", "run-1"))
    files = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")]
    _, second = layout_of(files).recordings
    recording = read_bids(tmp_path, second, id="x")
    [signal] = signals_of(recording)
    assert signal.read(0, 100)[:, 0] == pytest.approx(np.arange(100.0) * 5e-6)
    assert "of its own name, is taken" in recording.inventory.items[0].note


def test_samples_of_another_recording_are_not_taken(tmp_path):
    mne = pytest.importorskip("mne")
    scipy_io = pytest.importorskip("scipy.io")
    mne.set_log_level("ERROR")
    folder = tmp_path / "sub-01/eeg"
    folder.mkdir(parents=True)
    values = np.arange(200, dtype="<f4").reshape(100, 2)
    for run in ("1", "2"):
        (folder / f"sub-01_task-x_run-{run}_eeg.fdt").write_bytes(values.tobytes())
        places = np.array([("Cz",), ("Pz",)], dtype=[("labels", object)])
        content = {
            "nbchan": 2.0,
            "srate": 100.0,
            "pnts": 100.0,
            "trials": 1.0,
            "data": "sub-01_task-x_run-1_eeg.fdt",
            "chanlocs": places,
            "event": [],
            "setname": "",
        }
        scipy_io.savemat(folder / f"sub-01_task-x_run-{run}_eeg.set", {"EEG": content})
    files = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")]
    first, second = layout_of(files).recordings
    [signal] = signals_of(read_bids(tmp_path, first, id="x"))
    assert signal.read(0, 100) == pytest.approx(values * 1e-6)
    with pytest.raises(SkipAsset, match="run-1_eeg.fdt, which is no file of this"):
        read_bids(tmp_path, second, id="x")
    # Where it alone is there, its own file is taken.
    for path in first.files:
        (tmp_path / path).unlink()
    [signal] = signals_of(read_bids(tmp_path, second, id="x"))
    assert signal.shape == (100, 2)


# Tables that contradict their file

UNITS = {"uV": ("V", 1e-6), "mV": ("V", 1e-3), "": ("", 1.0), "g": ("g", 1.0)}
TYPES = {
    "EEG": "eeg",
    "VEOG": "eog",
    "ECOG": "ieeg",
    "MISC": "misc",
    "ODD": "misc",
    "TRIG": "stim",
    "n/a": "misc",
}


@st.composite
def datasets(draw):
    count = draw(st.integers(1, 5))
    labels = draw(
        st.lists(
            st.sampled_from(["Cz", "cz", "E1", "E2", "Status", "aux 1", "EEG Fz"]),
            min_size=count,
            max_size=count,
        )
    )
    channels = [
        (label, draw(st.sampled_from([*UNITS])), draw(st.sampled_from([10, 20])))
        for label in labels
    ]
    rows = [
        (
            label,
            draw(st.sampled_from([*TYPES])),
            draw(st.sampled_from(["uV", "V", "n/a"])),
        )
        for label in labels
        if draw(st.integers(0, 5))
    ]
    rows += [
        (name, "EEG", "uV") for name in draw(st.sets(st.sampled_from("PQ"), min_size=1))
    ]
    return channels, draw(st.permutations(rows))


@settings(max_examples=60, deadline=None)
@given(datasets())
def test_channels_are_typed_by_name_and_never_by_chance(tmp_path_factory, made):
    channels, rows = made
    root = tmp_path_factory.mktemp("made")
    folder = root / "sub-01/eeg"
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    data = []
    for _, _, rate in channels:
        data.append(random.integers(-1000, 1000, 4 * rate).astype(float))
        data[-1][:2] = [-1000, 1000]
    edf = edfio.Edf(
        [
            edfio.EdfSignal(
                values,
                sampling_frequency=rate,
                label=label,
                physical_dimension=unit,
                physical_range=(-1000, 1000),
                digital_range=(-1000, 1000),
            )
            for values, (label, unit, rate) in zip(data, channels)
        ]
    )
    edf.write(folder / "sub-01_task-x_eeg.edf")
    lines = ["name\ttype\tunits", *("\t".join(row) for row in rows)]
    table = folder / "sub-01_task-x_channels.tsv"
    table.write_text("\n".join(lines) + "\n")
    recording = read_bids(root, only(root), id="x")
    check_written(recording, root / "x.h5")
    labels = [label for label, *_ in channels]
    names = [name for name, *_ in rows]
    seen = 0
    for signal in signals_of(recording):
        values = signal.read(0, signal.shape[0])
        for column, number in enumerate(signal.channels["source_index"].tolist()):
            label, unit, rate = channels[number]
            assert signal.channels["label"][column] == label
            assert signal.sampling_rate == rate
            # What exactly one row and one channel are named is sure.
            is_sure = labels.count(label) == 1 and names.count(label) == 1
            if is_sure or labels == names:
                row = number if labels == names else names.index(label)
                _, said, units = rows[row]
                assert signal.channels["type"][column] == TYPES[said]
                expected_unit, scale = UNITS[unit]
                if TYPES[said] == "stim":
                    expected_unit, scale = unit, 1.0
                elif not unit and units != "n/a":
                    expected_unit, scale = "V", {"uV": 1e-6, "V": 1.0}[units]
            else:
                is_like = [n for n in names if n.casefold() == label.casefold()]
                if not is_like and label != "EEG Fz":
                    assert signal.channels["type"][column] == "misc"
                expected_unit, scale = UNITS[unit]
                if signal.channels["type"][column] == "stim":
                    expected_unit, scale = unit, 1.0
                elif not unit and signal.unit == "V":
                    # Of one of its namesakes.
                    expected_unit = "V"
                    scale = 1e-6 if np.abs(values[:, column]).max() < 1 else 1.0
            assert signal.unit == expected_unit
            assert values[:, column] == pytest.approx(
                data[number] * scale, rel=1e-6, abs=1e-12
            )
            seen += 1
    assert seen == len(channels)
    note = next(i.note for i in recording.inventory.items if "channels.tsv" in i.path)
    lacking = [name for name in {*names} - {*labels} if name in "PQ"]
    if lacking:
        assert "of its rows have no channel" in note


def made_tree(root, *, table=None, events=None, labels=("Cz", "Trigger")):
    folder = root / "sub-01/eeg"
    folder.mkdir(parents=True)
    signals = [
        edfio.EdfSignal(
            np.arange(400.0) % 7,
            sampling_frequency=100,
            label=label,
            physical_dimension="uV",
            physical_range=(-1000, 1000),
        )
        for label in labels
    ]
    edfio.Edf(signals).write(folder / "sub-01_task-x_eeg.edf")
    if table is not None:
        (folder / "sub-01_task-x_channels.tsv").write_text(table)
    if events is not None:
        (folder / "sub-01_task-x_events.tsv").write_bytes(events)
    return root


def test_without_a_table_labels_say_the_types(tmp_path):
    recording = read_bids(made_tree(tmp_path), only(tmp_path), id="x")
    assert [signal.name for signal in signals_of(recording)] == ["eeg", "stim"]


@pytest.mark.parametrize(
    ("spaces", "expected"),
    [
        ({"b": "Cz", "a": "Cz"}, "a"),
        ({"a": "Cz", "b": "Cz Pz"}, "b"),
        ({"a": "Cz Pz", "b": "Cz"}, "a"),
        ({"a": "other", "b": "Cz"}, "b"),
    ],
)
def test_channels_have_the_positions_that_name_most_of_them(spaces, expected, tmp_path):
    root = made_tree(tmp_path, labels=("Cz", "Pz"))
    for number, (space, names) in enumerate(sorted(spaces.items())):
        rows = [f"{name}\t{number}\t1\t1" for name in names.split()]
        base = root / f"sub-01/eeg/sub-01_space-{space}"
        text = "\n".join(["name\tx\ty\tz", *rows])
        base.with_name(f"{base.name}_electrodes.tsv").write_text(text)
        base.with_name(f"{base.name}_coordsystem.json").write_text(
            json.dumps({"EEGCoordinateUnits": "cm"})
        )
    recording = read_bids(root, only(root), id="x")
    [eeg] = signals_of(recording)
    assert eeg.channels["position_frame"][0] == expected
    assert eeg.channels["x"][0] == pytest.approx("ab".index(expected) / 100)
    names = {part.name for part in recording.parts}
    assert {"electrodes_a", "electrodes_b"} <= names


@pytest.mark.parametrize("form", ["edf", "fif"])
def test_names_of_scalp_sites_say_nothing_of_electrodes_within(form, tmp_path):
    folder = made_tree(tmp_path, labels=("Cz", "SEEG 1")) / "sub-01/ieeg"
    folder.mkdir()
    path = folder / f"sub-01_task-x_ieeg.{form}"
    (tmp_path / "sub-01/eeg/sub-01_task-x_eeg.edf").rename(
        folder / "sub-01_task-x_ieeg.edf"
    )
    if form == "fif":
        mne = pytest.importorskip("mne")
        info = mne.create_info(["Cz", "SEEG 1"], 100.0, ["eeg", "seeg"])
        mne.io.RawArray(np.ones((2, 100)), info, verbose="ERROR").save(
            path, verbose="ERROR"
        )
        (folder / "sub-01_task-x_ieeg.edf").unlink()
    recording = read_bids(tmp_path, only(tmp_path), id="x")
    kinds = {label: kind for label, (_, kind) in values_of(recording).items()}
    assert kinds == {"Cz": "misc", "SEEG 1": "ieeg"}


@pytest.mark.parametrize(
    "table", ["name\ttype\n", "name\tunits\nCz\tuV\nTrigger\tuV\n"]
)
def test_with_a_table_that_says_no_types_labels_do(table, tmp_path):
    root = made_tree(tmp_path, table=table)
    recording = read_bids(root, only(root), id="x")
    assert [signal.name for signal in signals_of(recording)] == ["eeg", "stim"]
    [item] = [i for i in recording.inventory.items if "channels" in i.path]
    assert "those that labels say" in item.note


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        "file id start Manufacturer SamplingFrequency age Units Levels onset "
        "EEGCoordinateUnits absolute_start to_hdf5 EEGCoordinateSystem".split()
    ),
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=40
) | st.lists(
    st.lists(
        st.sampled_from(
            "onset duration sample name type x y z n/a 1 2,5 -3 nan 1e999 EEG sub-01 "
            "participant_id age sex units start Cz \u00b5V".split()
        ),
        min_size=1,
        max_size=5,
    ).map("\t".join),
    max_size=6,
).map("\n".join)


@settings(max_examples=60, deadline=None)
@given(
    tables=st.dictionaries(
        st.sampled_from(
            "eeg/sub-01_task-x_channels eeg/sub-01_task-x_events "
            "eeg/sub-01_electrodes sub-01_scans ../participants".split()
        ),
        TEXT,
        max_size=4,
    ),
    texts=st.dictionaries(
        st.sampled_from(
            "eeg/sub-01_task-x_eeg eeg/sub-01_coordsystem eeg/sub-01_task-x_events "
            "../participants".split()
        ),
        st.dictionaries(KEYS, JSON, max_size=5) | JSON,
        max_size=4,
    ),
)
def test_nothing_in_sidecars_stops_a_recording(tmp_path_factory, tables, texts):
    root = made_tree(tmp_path_factory.mktemp("odd"))
    for name, text in tables.items():
        (root / "sub-01" / f"{name}.tsv").write_bytes(text.encode("utf-8", "replace"))
    for name, content in texts.items():
        (root / "sub-01" / f"{name}.json").write_text(json.dumps(content))
    one = only(root)
    recording = read_bids(root, one, id="x")
    check_written(recording, root / "x.h5")
    assert sum(signal.shape[1] for signal in signals_of(recording)) == 2
    paths = [item.path for item in recording.inventory.items]
    assert {*one.sidecars} <= {*paths}
    look(root, one)


def test_positions_go_by_the_names_of_tables(tmp_path):
    table = "name\ttype\tunits\nFz\tEEG\tuV\nCz\tEEG\tuV\nX\tMISC\tuV\n"
    root = made_tree(tmp_path, table=table, labels=("EEG Fz", "Cz", "X"))
    (root / "sub-01/eeg/sub-01_electrodes.tsv").write_text(
        "name\tx\ty\tz\nREF\t1\t1\t1\nCz\t10\t20\t30\nFz\t1\t2\t3\nX\tn/a\t1\t2\n"
    )
    (root / "sub-01/eeg/sub-01_coordsystem.json").write_text(
        json.dumps({"EEGCoordinateSystem": "CTF", "EEGCoordinateUnits": "mm"})
    )
    recording = read_bids(root, only(root), id="x")
    eeg, misc = signals_of(recording)
    assert eeg.channels["label"].tolist() == ["EEG Fz", "Cz"]
    assert eeg.channels["x"] == pytest.approx([0.001, 0.01])
    assert eeg.channels["z"] == pytest.approx([0.003, 0.03])
    assert eeg.channels["position_frame"].tolist() == ["CTF", "CTF"]
    assert "x" not in misc.channels
    [electrodes] = [part for part in recording.parts if part.name == "electrodes"]
    assert electrodes.columns["id"].tolist() == ["REF", "Cz", "Fz", "X"]


def test_trigger_typed_as_eeg_is_doubted(tmp_path):
    table = "name\ttype\tunits\nCz\tEEG\tuV\nTrigger\tEEG\tuV\n"
    recording = read_bids(made_tree(tmp_path, table=table), only(tmp_path), id="x")
    notes = {item.path: item.note for item in recording.inventory.items}
    assert "seems to have triggers" in notes["Trigger"]
    assert notes["Cz"] == ""


def test_broken_tables_are_in_the_inventory_and_stop_nothing(tmp_path):
    root = made_tree(tmp_path, table="", events=b"\0\1")
    (root / "task-x_eeg.json").write_text("{")
    (root / "participants.tsv").write_text("version https://git-lfs.github.com/spec")
    recording = read_bids(root, only(root), id="x")
    check_written(recording, root / "x.h5")
    left = {item.path.rpartition("_")[2]: item for item in recording.inventory.left_out}
    assert left["channels.tsv"].reason == "unreadable"
    assert left["channels.tsv"].note == "it is empty"
    assert left["events.tsv"].note == "it holds no text"
    assert "no JSON" in left["eeg.json"].note
    assert "placeholder" in left["participants.tsv"].note
    assert recording.subject == {"id": "01", "species": "homo sapiens"}


def test_latin_1_events_with_comma_decimals(tmp_path):
    events = "onset\tduration\ttrial_type\n0,5\t1\tgrün\n2,5\tn/a\tblau\n"
    root = made_tree(tmp_path, events=events.encode("latin-1"))
    recording = read_bids(root, only(root), id="x")
    check_written(recording, root / "x.h5")
    with h5py.File(root / "x.h5") as file:
        assert file["events/start"][:].tolist() == [0.5, 2.5]
        assert file["events/end"][:].tolist() == [1.5, 2.5]
        assert file["events/trial_type"][:].tolist() == [b"gr\\xfcn", b"blau"]
    [item] = [i for i in recording.inventory.items if i.path.endswith("_events.tsv")]
    assert "Latin-1" in item.note
    assert "decimal points" in item.note


def test_what_json_says_and_the_file_does_not_is_told(tmp_path):
    root = made_tree(tmp_path, events=b"onset\tgo\n1\tx\n")
    (root / "task-x_eeg.json").write_text(
        json.dumps(
            {
                "SamplingFrequency": 500,
                "RecordingDuration": 60,
                "RecordingType": "epoched",
                "Manufacturer": "Some",
                "TaskName": "x",
            }
        )
    )
    (root / "task-x_events.json").write_text(
        json.dumps(
            {
                "onset": {"Units": "ms"},
                "go": {"Levels": {"x": "a cross"}, "Description": "what is shown"},
            }
        )
    )
    recording = read_bids(root, only(root), id="x")
    check_written(recording, root / "x.h5")
    notes = {item.path: item.note for item in recording.inventory.items}
    said = notes["task-x_eeg.json"]
    assert "500 Hz, the file 100 Hz" in said
    assert "60 s, the file lasts 4 s" in said
    assert "epoched" in said
    assert "onsets are in ms" in notes["sub-01/eeg/sub-01_task-x_events.tsv"]
    assert recording.device == {"id": "Some", "manufacturer": "Some"}
    with h5py.File(root / "x.h5") as file:
        attributes = dict(file["events"].attrs)
    assert attributes["go_description"] == "what is shown"
    assert json.loads(attributes["go_levels"]) == {"x": "a cross"}
    (root / "task-x_eeg.json").write_text(
        json.dumps({"SamplingFrequency": 100, "RecordingDuration": 4.0})
    )
    recording = read_bids(root, only(root), id="x")
    [item] = [i for i in recording.inventory.items if i.path == "task-x_eeg.json"]
    assert (item.note, item.taken_as) == ("", "session")


def test_tables_are_believed_before_the_file(tmp_path):
    root = made_tree(tmp_path)
    path = root / "sub-01/eeg/sub-01_task-x_eeg.edf"
    edf = edfio.read_edf(path)
    edf.patient = edfio.Patient(birthdate=date(1960, 1, 1), sex="F")
    edf.recording = edfio.Recording(startdate=date(2000, 1, 1))
    edf.write(path)
    recording = read_bids(root, only(root), id="x")
    assert recording.subject["sex"] == "F"
    assert recording.subject["age"] == (date(2000, 1, 1) - date(1960, 1, 1)).days
    of_file = recording.session["recording_date"]
    assert of_file.startswith("2000-01-01")
    (root / "participants.tsv").write_text("participant_id\tage\tsex\nsub-01\t89+\tM\n")
    (root / "sub-01/sub-01_scans.tsv").write_text(
        f"filename\tacq_time\neeg/{path.name}\t2001-05-06T07:08:09\n"
    )
    recording = read_bids(root, only(root), id="x")
    assert recording.subject["sex"] == "M"
    assert recording.subject["age_text"] == "89+"
    assert "age" not in recording.subject
    assert recording.session["recording_date"] == "2001-05-06T07:08:09"
    assert recording.session["recording_date_of_file"] == of_file


def test_unknown_name_to_change_is_a_sentence(tmp_path):
    made_tree(tmp_path)
    with pytest.raises(SettingsError, match="is named 'nothing'"):
        read_bids(tmp_path, only(tmp_path), id="x", rename={"nothing": "x"})


def test_looking_reads_types_as_converting_does(tmp_path):
    table = "name\ttype\tunits\nCz\tVEOG\tuV\n"
    root = made_tree(tmp_path, table=table, events=b"onset\n1\n")
    rows = look(root, only(root))
    assert [(row["path"], row["kind"]) for row in rows[:2]] == [
        ("Cz", "eog"),
        ("Trigger", "misc"),
    ]
    assert [row["shape"] for row in rows] == [[400], [400], [1]]


def test_files_that_are_not_there_are_said(tmp_path):
    made_tree(tmp_path, table="name\ttype\tunits\n")
    one = only(tmp_path)
    (tmp_path / one.sidecars[0]).unlink()
    recording = read_bids(tmp_path, one, id="x")
    [item] = [i for i in recording.inventory.items if "channels" in i.path]
    assert (item.reason, item.note) == ("unreadable", "it is not there")
    shutil.rmtree(tmp_path / "sub-01")
    with pytest.raises(SkipAsset):
        read_bids(tmp_path, one, id="x")
