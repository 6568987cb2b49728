"""Real WFDB records: samples by their headers' checksums, and as wfdb reads them."""

import h5py
import numpy as np
import pytest

from brainsets.conversion.checking import problems
from brainsets.conversion.parts import Samples, Signal
from brainsets.conversion.wfdb import add_annotations, look, read_wfdb
from brainsets.conversion.wfdb.formats import INVALID
from brainsets.conversion.wfdb.header import read_header
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset
from tests.helpers.workspace import SHARED_DATA

FILES = sorted(
    [
        *SHARED_DATA.glob("wfdb/**/*.hea"),
        *SHARED_DATA.glob("zoo/physionet/wfdb/*.hea"),
    ]
)
REFUSED = {
    "12726": "its signal file 12726.dat is missing",
    "n16": "its signal file n16.dat is missing",
    "3269321_layout": "it holds no samples",
    "p000878-2137-10-26-16-57": "of its 36 segments are missing, the first is 3269321",
}
ANNOTATIONS = sorted(
    [
        *SHARED_DATA.glob("wfdb/*.atr"),
        *SHARED_DATA.glob("zoo/physionet/wfdb/12726.[aw]*"),
        *SHARED_DATA.glob("physionet/eegmmidb/S001/*.event"),
    ]
)
SCALES = {"mV": 1e-3, "uV": 1e-6}
# Moved back here, or several samples in a frame that wfdb sums otherwise.
OTHER_SUMS = {
    "100skew": ["V5"],
    "mixedsignals": ["II", "III", "V", "ABP", "Pleth", "Resp"],
    "test01_00s_frame": ["ECG_3"],
}


def test_all_files_are_there():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    assert len(FILES) >= 21 and len(ANNOTATIONS) >= 10
    assert {*REFUSED} <= {path.stem for path in FILES}


def recorded(path, output):
    """Return a recording, written."""
    if "mixedsignals" in path.stem:
        pytest.importorskip("soundfile", reason="it is compressed by FLAC")
    recording = read_wfdb(path, id="x")
    recording.brainset, recording.subject = {"id": "b"}, {"id": "s"}
    write_recording(recording, output, block_bytes=100_000)
    assert problems(output) == []
    return recording


def columns(recording, output):
    """Yield the number of each signal in its record, and its values as written."""
    with h5py.File(output) as file:
        for part in recording.parts:
            if isinstance(part, Signal):
                values = file[part.name]["signal"][:]
                for column, number in enumerate(part.channels["source_index"].tolist()):
                    yield number, values[:, column].astype(np.float64)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_samples_have_the_checksum_of_the_header(path, tmp_path):
    if path.stem in REFUSED:
        with pytest.raises(SkipAsset) as skipped:
            read_wfdb(path, id="x")
        assert REFUSED[path.stem] in str(skipped.value)
        return
    header = read_header(path)
    recording = recorded(path, tmp_path / "x.h5")
    seen = []
    for number, values in columns(recording, tmp_path / "x.h5"):
        seen.append(number)
        if header.segments:
            continue
        line = header.signals[number]
        numbers = values / SCALES.get(line.unit, 1) * line.gain + line.baseline
        unknown = np.isnan(numbers)
        numbers[unknown] = INVALID.get(line.form, 0)
        # Of a signal in 32 bits a number may be off by one in 2**52 of its range.
        whole = np.round(numbers).astype(np.int64)
        if line.label in OTHER_SUMS.get(path.stem, ()):
            continue
        assert whole[0] == line.first
        assert whole.sum() % 65536 == line.checksum % 65536, line.label
    assert "checksum" not in str(recording.inventory.items)
    assert sorted(seen) == [*range(len(header.signals) or len(look(path)))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_record_agrees_with_wfdb(path, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    if path.stem in REFUSED:
        return
    other = wfdb.rdrecord(str(path.with_suffix("")), smooth_frames=False)
    recording = recorded(path, tmp_path / "x.h5")
    count = 0
    for number, values in columns(recording, tmp_path / "x.h5"):
        scale = SCALES.get(other.units[number], 1)
        expected = other.e_p_signal[number] * scale
        assert np.allclose(values, expected, rtol=1e-6, atol=1e-12, equal_nan=True)
        count += 1
    assert count == len(other.sig_name)


@pytest.mark.parametrize("path", ANNOTATIONS, ids=lambda path: path.name)
def test_annotations_agree_with_wfdb(path):
    wfdb = pytest.importorskip("wfdb")
    other = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    recording = read_wfdb(SHARED_DATA / "wfdb" / "100.hea", id="x")
    add_annotations(recording, [path], float(other.fs))
    [part] = [part for part in recording.parts if isinstance(part, Samples)]
    # A note at time 0 is a definition for wfdb, also where it is none.
    lost = 1 if path.suffix == ".event" else 0
    part.timestamps = part.timestamps[lost:]
    part.columns = {name: column[lost:] for name, column in part.columns.items()}
    assert np.allclose(part.timestamps, other.sample / other.fs)
    # Of a code that the file itself defines, wfdb gives nan here.
    symbols = [s if isinstance(s, str) else "CAL" for s in other.symbol]
    assert part.columns["symbol"].tolist() == symbols
    assert part.columns["subtype"].tolist() == [
        n - 256 if n > 127 else n for n in other.subtype.tolist()
    ]
    notes = [note.rstrip("\0").rstrip() for note in other.aux_note]
    assert [note.rstrip() for note in part.columns["note"].tolist()] == notes


def test_beats_are_those_that_are_known():
    path = SHARED_DATA / "wfdb" / "100.atr"
    if not path.exists():
        pytest.skip(f"no real recordings: {path} is not there")
    recording = read_wfdb(path.with_suffix(".hea"), id="x")
    add_annotations(recording, [path])
    beats = recording.parts[-1]
    assert beats.name == "annotations_atr" and len(beats.timestamps) == 2274
    symbols, counts = np.unique(beats.columns["symbol"], return_counts=True)
    assert dict(zip(symbols.tolist(), counts.tolist())) == {
        "+": 1,
        "A": 33,
        "N": 2239,
        "V": 1,
    }
    assert beats.timestamps[0] == 18 / 360
