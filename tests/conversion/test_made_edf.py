"""Made EDF and BDF files: converted as they were made, or refused with a reason."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.archives.edf import check_edf
from brainsets.conversion.biosignals.channels import channel_types, unique_ids
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.checking import problems
from brainsets.conversion.edf import read_edf
from brainsets.conversion.parts import Samples, Signal
from brainsets.conversion.writing import write_recording
from brainsets.errors import RecordingError, SettingsError
from brainsets.pipeline import SkipAsset
from tests.helpers.made_edf import MadeEdf, MadeSignal

UNITS = {"uV": ("V", 1e-6), "mV": ("V", 1e-3), "V": ("V", 1), "mmHg": ("mmHg", 1)}
MICRO = "\N{MICRO SIGN}"
LABELS = ["EEG Cz", "EEG Pz", "ECG", "Resp", "odd", "Status", "F3-M2", "EEG Cz"]


def ramp(records, samples, start=0):
    return (np.arange(records * samples) % 30_000 + start).reshape(records, samples)


def signals_of(recording):
    return [part for part in recording.parts if isinstance(part, Signal)]


@st.composite
def made_files(draw):
    records = draw(st.integers(1, 6))
    bdf = draw(st.booleans())
    top = 2**23 if bdf else 2**15
    signals = []
    for _ in range(draw(st.integers(1, 5))):
        samples = draw(st.integers(1, 40))
        seed = draw(st.integers(0, 2**31))
        stored = np.random.default_rng(seed).integers(-top, top, (records, samples))
        low, high = draw(
            st.sampled_from(
                [("-100", "100"), ("0", "5000"), ("1.5", "-1.5"), ("-1e-3", "2e3")]
            )
        )
        digital = (str(-top), str(top - 1))
        unit = draw(st.sampled_from([*UNITS]))
        label = draw(st.sampled_from(LABELS))
        signals.append(MadeSignal(label, stored, unit, (low, high), digital))
    record_s = draw(st.sampled_from(["1", "0.5", "2", "30"]))
    plus = draw(st.booleans())
    continuous = draw(st.booleans())
    times = None
    if plus:
        gaps = draw(
            st.lists(
                st.sampled_from([0.0, 0.0, 0.3, 7.77, 1000.0]),
                min_size=records,
                max_size=records,
            )
        )
        # A file may begin at a part of a second.
        step = float(record_s)
        jumps = np.zeros(records) if continuous else np.array(gaps)
        jumps[0] = draw(st.sampled_from([0.0, 0.25]))
        times = (np.arange(records) * step + np.cumsum(jumps)).round(6).tolist()
    notes = draw(
        st.lists(
            st.tuples(
                st.floats(0, 50).map(lambda t: round(t, 3)),
                st.none() | st.integers(0, 9).map(float),
                st.sampled_from(["T0", "Sleep stage W", MICRO]),
            ),
            max_size=6,
        )
    )
    return MadeEdf(
        signals,
        records,
        record_s,
        times,
        notes if plus else [],
        continuous,
        bdf,
    )


@settings(max_examples=60, deadline=None)
@given(made=made_files(), at_once=st.sampled_from([1, 50, 8 << 20]))
def test_made_file_is_converted_as_it_was_made(made, at_once):
    # Also of records that are read in pieces.
    small = patch("brainsets.conversion.edf.blocks._CHUNK_BYTES", at_once)
    with tempfile.TemporaryDirectory() as folder, small:
        path = Path(folder) / "a.edf"
        made.write(path)
        recording = read_edf(path, id="x")
        recording.brainset = {"id": "b"}
        write_recording(recording, Path(folder) / "x.h5", block_bytes=200)
        assert problems(Path(folder) / "x.h5") == []
        check_values(recording, made)
    notes = sorted(made.annotations, key=lambda note: note[0])
    parts = [part for part in recording.parts if isinstance(part, Samples)]
    assert len(parts) == bool(notes)
    if notes:
        ours = zip(
            parts[0].timestamps.tolist(),
            np.nan_to_num(parts[0].columns["duration"], nan=-1.0).tolist(),
            parts[0].columns["description"].tolist(),
        )
        expected = [
            (onset, -1.0 if length is None else length, text.replace(MICRO, "u"))
            for onset, length, text in notes
        ]
        # Those of one time are in the order of the records that hold them.
        assert sorted(ours) == sorted(expected)
        assert (np.diff(parts[0].timestamps) >= 0).all()
    taken = [item for item in recording.inventory.items if "signal" in item.type]
    assert len(taken) == len(made.signals) and all(item.taken_as for item in taken)


def check_values(recording, made):
    times = made.times or [n * float(made.record_s) for n in range(made.records)]
    seen = []
    for part in signals_of(recording):
        values = part.read(0, part.shape[0])
        # In pieces it is the same.
        middle = part.shape[0] // 2
        pieces = np.concatenate([part.read(0, middle), part.read(middle, len(values))])
        assert np.array_equal(values, pieces)
        assert len({*part.channels["id"].tolist()}) == part.shape[1]
        for column, index in enumerate(part.channels["source_index"].tolist()):
            signal = made.signals[index]
            seen.append(index)
            is_stim = signal.label == "Status"
            unit, scale = (signal.unit, 1) if is_stim else UNITS[signal.unit]
            assert part.unit == unit
            expected = signal.values() * scale
            step = abs(np.subtract(*map(float, signal.physical))) * scale
            step /= np.subtract(*map(float, signal.digital[::-1]))
            assert np.abs(values[:, column] - expected).max() < 0.25 * step
            samples = signal.stored.shape[1]
            assert part.sampling_rate == samples / float(made.record_s)
            segments = part.segments or [(0, part.start)]
            for record, time in enumerate(times):
                first = record * samples
                begin, at = [s for s in segments if s[0] <= first][-1]
                found = at + (first - begin) / part.sampling_rate
                # Where all are as a whole, no time is off by more than half a sample.
                assert abs(found - time) <= 0.5001 / part.sampling_rate
    assert sorted(seen) == [*range(len(made.signals))]


@settings(max_examples=80, deadline=None)
@given(made=made_files(), data=st.data())
def test_broken_file_is_taken_as_far_as_it_is_whole_or_refused(made, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.edf"
        whole = made.write(path)
        if data.draw(st.booleans()):
            broken = whole[: data.draw(st.integers(0, len(whole)))]
        else:
            at = data.draw(st.integers(0, 256 * (1 + len(made.signals)) - 1))
            broken = whole[:at] + data.draw(st.binary(min_size=1, max_size=9))
            broken += whole[len(broken) :]
        path.write_bytes(broken)
        try:
            recording = read_edf(path, id="x")
        except SkipAsset as why:
            assert str(why) and "\n" not in str(why)
            return
        for part in signals_of(recording):
            assert len(part.read(0, part.shape[0])) == part.shape[0]
        if len(broken) < len(whole):
            header = recording.inventory.items[0]
            lost = recording.parts and any(
                s.shape[0] < made.signals[n].stored.size
                for s in signals_of(recording)
                for n in s.channels["source_index"].tolist()
            )
            assert header.note or not lost


def edf(tmp_path, *signals, records=3, **more):
    path = tmp_path / "a.edf"
    MadeEdf(list(signals), records, **more).write(path)
    return path


def test_truncated_file_keeps_its_whole_records_and_says_so(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", ramp(3, 10)))
    path.write_bytes(path.read_bytes()[:-5])
    recording = read_edf(path, id="x")
    assert signals_of(recording)[0].shape == (20, 1)
    note = recording.inventory.items[0].note
    assert "truncated: the header promises 3 data records; the 2" in note
    assert "the last 15 bytes are no whole data record" in note


@pytest.mark.parametrize(
    "times, onsets, count",
    [([0, 1, 2], [0, 1.5, 3], 0), ([0, 1, 2], [-0.5, 3.1], 2), ([0, 9, 10], [5, 9], 1)],
)
def test_annotations_out_of_the_recorded_time_are_kept_and_told(
    tmp_path, times, onsets, count
):
    signal = MadeSignal("EEG Cz", ramp(3, 10))
    notes = [(onset, None, "x") for onset in onsets]
    path = edf(tmp_path, signal, times=times, annotations=notes, continuous=False)
    recording = read_edf(path, id="x")
    assert recording.parts[-1].timestamps.tolist() == onsets
    note = recording.inventory.items[-1].note
    assert note == f"{count} of {len(onsets)} are not in the time that was recorded" * (
        count > 0
    )


@pytest.mark.parametrize("ends", [("0", "1e300"), ("-1e-35", "1e-35")])
def test_values_that_float32_does_not_hold_are_float64(tmp_path, ends):
    made = MadeSignal("Resp", ramp(3, 10), physical=ends)
    [part] = signals_of(read_edf(edf(tmp_path, made), id="x"))
    assert part.dtype == np.float64
    assert np.allclose(part.read(0, 30)[:, 0] / made.values() * 1e6, 1)


@pytest.mark.parametrize("count", ["9e9", "1e99", "9999"])
def test_header_of_more_signals_than_the_file_has_is_refused(tmp_path, count):
    path = edf(tmp_path, MadeSignal("Resp", ramp(3, 10)))
    content = path.read_bytes()
    path.write_bytes(content[:252] + count.ljust(4).encode() + content[256:])
    with pytest.raises(SkipAsset, match="its header is cut: 9|its header is cut: 1000"):
        read_edf(path, id="x")
    with pytest.raises(RecordingError, match="there are 572 bytes in the file"):
        check_edf(path)


@pytest.mark.parametrize("duration", ["5e-324", "1e-9", "3e7", "1e308"])
def test_records_of_a_duration_that_cannot_be_are_refused(tmp_path, duration):
    path = edf(tmp_path, MadeSignal("Resp", ramp(3, 10)), record_s=duration)
    with pytest.raises(SkipAsset, match="3 data records takes .* that cannot be"):
        read_edf(path, id="x")


def test_gaps_are_gaps_in_whatever_letters_the_header_says_it(tmp_path):
    signal = MadeSignal("Resp", ramp(3, 10))
    path = edf(tmp_path, signal, times=[0, 5, 6], continuous=False)
    path.write_bytes(path.read_bytes().replace(b"EDF+D", b"edf+d"))
    assert read_edf(path, id="x").domain[0].tolist() == [0, 5]


def test_signals_without_samples_are_no_recording(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", np.zeros((3, 0), dtype=int)))
    with pytest.raises(SkipAsset, match="its signals hold no samples"):
        read_edf(path, id="x")


def test_records_of_a_file_that_was_not_closed_are_counted(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", ramp(3, 10)), promised=-1)
    recording = read_edf(path, id="x")
    assert signals_of(recording)[0].shape == (30, 1)
    assert "not closed; the 3 that are there" in recording.inventory.items[0].note


def test_scale_that_means_nothing_leaves_stored_numbers_and_a_doubt(tmp_path):
    flat = MadeSignal("EEG Cz", ramp(3, 10), physical=("0", "0"))
    path = edf(tmp_path, flat, MadeSignal("EEG Pz", ramp(3, 10)))
    recording = read_edf(path, id="x")
    one, two = signals_of(recording)
    assert (one.unit, two.unit) == ("", "V")
    assert one.read(0, 30)[:, 0].tolist() == ramp(3, 10).reshape(-1).tolist()
    assert "same physical minimum and maximum" in recording.inventory.items[1].note


def test_records_that_overlap_are_refused(tmp_path):
    path = edf(
        tmp_path,
        MadeSignal("EEG Cz", ramp(3, 10)),
        times=[0, 1, 1.4],
        continuous=False,
    )
    with pytest.raises(SkipAsset, match="record 3 begins at 1.4 s, before"):
        read_edf(path, id="x")


def test_continuous_file_with_other_times_is_doubted(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", ramp(3, 10)), times=[0, 1, 9])
    recording = read_edf(path, id="x")
    assert "doubt: its records say other times" in recording.inventory.items[0].note
    assert recording.domain[1].tolist() == [3]


def test_units_that_cannot_be_are_doubted(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", ramp(3, 10), unit="V"))
    recording = read_edf(path, id="x")
    assert "V, which is much for eeg" in recording.inventory.items[1].note


def test_signals_can_be_renamed(tmp_path):
    path = edf(tmp_path, MadeSignal("EEG Cz", ramp(3, 10)))
    assert read_edf(path, id="x", rename={"eeg": "scalp"}).parts[0].name == "scalp"
    with pytest.raises(SettingsError, match="Nothing of the recording 'x' is named"):
        read_edf(path, id="x", rename={"ecg": "heart"})


def test_subject_has_no_name(tmp_path):
    path = edf(
        tmp_path, MadeSignal("ECG", ramp(3, 9)), patient="7 F 02-JAN-1990 Ann_Lee"
    )
    recording = read_edf(path, id="x")
    assert recording.subject["sex"] == "F" and recording.subject["age"] == 10957
    assert "Ann" not in str(recording.subject)


@pytest.mark.parametrize(
    "label, unit, leads, kind",
    [
        ("EEG Fpz-Cz", "V", False, "eeg"),
        ("Fc5.", "V", False, "eeg"),
        ("FP1-F7", "V", False, "eeg"),
        ("C3-M2", "V", False, "eeg"),
        ("C3", "mmHg", False, "misc"),
        ("EOG(L)", "V", False, "eog"),
        ("ECG ECG1", "V", False, "ecg"),
        ("Resp oro-nasal", "", False, "resp"),
        ("SaO2", "%", False, "spo2"),
        ("Status", "Boolean", False, "stim"),
        ("Event marker", "", False, "stim"),
        ("noise", "V", False, "misc"),
        ("V5", "V", False, "misc"),
        ("V5", "V", True, "ecg"),
        ("aVR", "V", True, "ecg"),
        ("ABP", "mmHg", True, "bp"),
        ("REF_EEG REF_EEG", "V", False, "misc"),
        ("A1", "V", False, "misc"),
    ],
)
def test_label_says_the_type_or_nothing_does(label, unit, leads, kind):
    assert channel_types([label], [unit], leads=leads) == [kind]


def test_rows_of_a_depth_electrode_are_no_scalp_electrodes():
    labels = [f"C{n}" for n in range(1, 13)]
    assert {*channel_types(labels, ["V"] * 12)} == {"misc"}


@pytest.mark.parametrize(
    "text, unit, scale",
    [
        ("uV", "V", 1e-6),
        ("\N{MICRO SIGN}V", "V", 1e-6),
        ("mV", "V", 1e-3),
        ("mv", "V", 1e-3),
        ("MV", "MV", 1.0),
        ("mmHg", "mmHg", 1.0),
        ("", "", 1.0),
    ],
)
def test_unit_is_si_where_there_is_no_doubt(text, unit, scale):
    assert si_unit(text) == (unit, scale)


@given(st.lists(st.sampled_from(["a", "a (2)", "", "b"]), max_size=9))
def test_ids_differ(labels):
    assert len({*unique_ids(labels)}) == len(labels)
