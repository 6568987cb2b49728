"""Real EDF and BDF files: each signal and annotation compared with what edfio reads."""

import edfio
import h5py
import numpy as np
import pytest

from brainsets.conversion.checking import problems
from brainsets.conversion.edf import look, read_edf
from brainsets.conversion.parts import Samples, Signal
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset
from tests.helpers.workspace import SHARED_DATA

FILES = sorted([*SHARED_DATA.rglob("*.edf"), *SHARED_DATA.rglob("*.bdf")])
REFUSED = {
    "sub-cbm001_task-protmap_eeg": "the file is empty",
    "sub-cbm002_task-protmap_eeg": "the file is empty",
    "sub-01_task-pullstand_eeg": "its header is damaged: it says '31 E'",
    "sub-01_task-pullstand_emg": "its header is damaged: it says '0  E'",
    "zero-data-records": "it holds no data records",
}
SCALES = {"uV": ("V", 1e-6), "mV": ("V", 1e-3), "V": ("V", 1.0)}


def test_all_files_are_there():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    assert len(FILES) >= 36
    assert {*REFUSED} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.stem}{path.suffix}")
def test_file_agrees_with_edfio(path, tmp_path):
    if path.stem in REFUSED:
        with pytest.raises(SkipAsset) as skipped:
            read_edf(path, id="x")
        assert REFUSED[path.stem] in str(skipped.value)
        return
    content = path.read_bytes()
    is_bdf = content[:1] == b"\xff"
    other = (edfio.read_bdf if is_bdf else edfio.read_edf)(content)
    recording = read_edf(path, id="x")
    recording.brainset = {"id": "b"}
    recording.subject = {"id": "s"}
    output = tmp_path / "x.h5"
    write_recording(recording, output)
    assert problems(output) == []
    signals = [part for part in recording.parts if isinstance(part, Signal)]
    with h5py.File(output) as file:
        compared = sum(compare(file, signal, other) for signal in signals)
    assert compared == len(other.signals)
    compare_annotations(recording, other)
    # Every signal of the header has its line.
    count = int(content[252:256])
    items = recording.inventory.items
    assert len(items) == count + 1
    assert len(look(path)) == count


def compare(file, signal, other):
    """Compare a written signal with what edfio reads; return how many channels."""
    written = file[signal.name]["signal"]
    firsts = [first for first, _ in signal.segments or [(0, signal.start)]]
    starts = [start for _, start in signal.segments or [(0, signal.start)]]
    ends = [*firsts[1:], signal.shape[0]]
    numbers = [n for n, s in enumerate(other.signals)]
    at = 0
    # The places of edfio's signals in the file: it leaves annotations out.
    places = dict(zip(data_signals(other), numbers))
    for column, index in enumerate(signal.channels["source_index"].tolist()):
        theirs = other.signals[places[index]]
        assert signal.channels["label"][column] == theirs.label
        assert np.isclose(theirs.sampling_frequency, signal.sampling_rate)
        unit, scale = SCALES.get(theirs.physical_dimension, (None, 1.0))
        if signal.channels["type"][column] == "stim":
            scale = 1.0
        elif unit is not None:
            assert signal.unit == unit
        expected = np.asarray(theirs.data, dtype=np.float64) * scale
        # float32 tells all stored numbers apart; so do half steps of them.
        step = abs(theirs.physical_max - theirs.physical_min) * scale
        step /= theirs.digital_max - theirs.digital_min
        for first, start, end in zip(firsts, starts, ends):
            place = round((start - signal.start) * signal.sampling_rate)
            ours = written[place : place + end - first, column]
            assert np.abs(ours - expected[first:end]).max() < 0.25 * step
        at += 1
    return at


def data_signals(other):
    labels = ("EDF Annotations", "BDF Annotations")
    # Annotations are the last ones in all files here.
    assert not {*labels} & {signal.label for signal in other.signals}
    return range(len(other.signals))


def compare_annotations(recording, other):
    parts = [part for part in recording.parts if isinstance(part, Samples)]
    theirs = sorted(other.annotations, key=lambda one: one.onset)
    if not theirs:
        assert parts == []
        return
    [part] = parts
    assert np.allclose(part.timestamps, [one.onset for one in theirs], atol=1e-6)
    # edfio sorts by more than the onset where onsets are the same.
    ours = zip(
        part.timestamps.round(6).tolist(),
        part.columns["description"].tolist(),
        np.nan_to_num(part.columns["duration"]).tolist(),
    )
    expected = [
        (round(one.onset, 6), one.text.strip(), one.duration or 0.0) for one in theirs
    ]
    assert sorted(ours) == sorted(expected)


def test_gaps_are_gaps_in_the_file(tmp_path):
    path = SHARED_DATA / "zoo/physionet/edf/edfPlusD.edf"
    if not path.exists():
        pytest.skip(f"no real recordings: {path} is not there")
    recording = read_edf(path, id="x")
    recording.brainset = {"id": "b"}
    write_recording(recording, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        ecg = file["ecg"]
        assert ecg["domain/start"][:].tolist() == [0, 2, 4, 12, 15, 19]
        assert ecg["domain/end"][:].tolist() == [1, 3, 10, 13, 16, 20]
        assert np.isnan(ecg["signal"][200:400]).all()
        assert not np.isnan(ecg["signal"][400:600]).any()
