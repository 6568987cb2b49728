"""The header of an EDF file says more than the libraries that read it."""

import contextlib
import gzip
import runpy
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.archives.edf import check_edf, read_units
from brainsets.errors import RecordingError
from tests.helpers.edf import ANNOTATIONS, FIELDS, Edf, read_edf, write_edf
from tests.helpers.workspace import ROOT

# The functions of shipped pipelines that read such a file.
PIPELINES = {
    "schalk_bci2000_motor_2004": "read_eeg",
    "zyma_mental_arithmetic_2019": "read_signals",
}


def fixed(signals):
    header = b"0".ljust(236) + b"1".ljust(8) + b"1".ljust(8)
    return header + f"{signals:<4}".encode()


@pytest.mark.parametrize(
    "units",
    [["uV"], ["uV", "mV", "", "uV RMSx"], [f"{n} V" for n in range(65)]],
)
def test_units_are_those_of_the_header_in_its_order(tmp_path, units):
    # Other fields are full, so that a unit is found at its place alone.
    full = {field: "x" * width for field, width in FIELDS.items()}
    signals = [{**full, "unit": unit, "samples": "1"} for unit in units]
    content = np.zeros((1, len(units)), dtype="<i2")
    path = tmp_path / "é" / "a.edf"
    write_edf(path, Edf(fixed(len(units)), signals, content), 1, 1, [])
    assert read_units(path) == units


@pytest.mark.parametrize("name", ["eegmmidb/S001/S001R03", "eegmat/Subject00_2"])
def test_units_of_a_real_recording_are_those_that_it_has(shared_data, name):
    path = shared_data / "physionet" / f"{name}.edf"
    units = [signal["unit"] for signal in read_edf(path).signals]
    assert "uV" in units
    assert read_units(path) == units


def made_file(path, *, notes=True, records=4, rate=10, reserved="EDF+C"):
    """Write a small file of two signals, and annotations if wanted."""
    signal = {
        **dict.fromkeys(FIELDS, ""),
        **{"unit": "uV", "physical_min": "-100", "physical_max": "100"},
        **{"digital_min": "-2048", "digital_max": "2047", "samples": str(rate)},
    }
    signals = [{**signal, "label": name} for name in ("EEG Fp1", "EEG Fp2")]
    if notes:
        signals.append({**signal, "label": ANNOTATIONS})
    header = fixed(len(signals))
    length = f"{256 * (len(signals) + 1):<8}"
    parts = (header[:184], length.encode(), reserved.ljust(44).encode(), header[236:])
    # With what converts to something else, if taken for text.
    content = np.arange(records * rate * len(signals), dtype="<i2") % 7 + 0x0D09
    like = Edf(b"".join(parts), signals, content.reshape(records, -1))
    write_edf(path, like, records, rate, [])
    return path.read_bytes()


PAGE = b"<!DOCTYPE html>\n<html><body>log in</body></html>" * 20


def changed(at, text):
    return lambda content: content[:at] + text + content[at + len(text) :]


def field(name, signal, text, signals=3):
    """Return what writes a field of a signal."""
    widths = [*FIELDS.items()]
    before = sum(width for _, width in widths[: [*FIELDS].index(name)])
    at = 256 + signals * before + signal * FIELDS[name]
    return changed(at, text.ljust(FIELDS[name]).encode("latin-1"))


BROKEN = {
    "cut": (
        lambda c: c[:-7],
        "promises 1264 bytes, 4 data records of 60 .* 1257, 7 too",
    ),
    "cut to half": (lambda c: c[: 256 * 4 + 120], "there are 1144, 120 too few"),
    "longer": (lambda c: c + b"\n", "there are 1265, 1 too many"),
    "twice": (lambda c: c + c, "there are 2528, 1264 too many"),
    "cut in its header": (lambda c: c[:700], "3 signals, .* there are 700 bytes"),
    "cut at its start": (lambda c: c[:100], "the whole file has 100 bytes"),
    "of nothing": (lambda c: b"", "the file is empty"),
    "of zeros": (lambda c: bytes(len(c)), "begins with zero bytes alone"),
    "with zeros at its start": (lambda c: bytes(300) + c[300:], "zero bytes alone"),
    "LF to CRLF": (lambda c: c.replace(b"\n", b"\r\n"), "line ends had been converted"),
    "CRLF to LF": (lambda c: c.replace(b"\r\n", b"\n"), "too few"),
    "web page": (lambda c: PAGE, "but it is a web page"),
    "gzip": (gzip.compress, "but it is compressed by gzip"),
    "BDF": (lambda c: b"\xffBIOSEMI" + c[8:], "but it is a BDF file, with 24 bits"),
    "text": (lambda c: b"time;value\n" * 90, "something else, beginning with b'time;v"),
    "LFS": (
        lambda c: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n" * 9,
        "a pointer of Git LFS",
    ),
    "records unknown": (
        changed(236, b"-1      "),
        "-1 data records, and 240 bytes fol",
    ),
    "records none": (changed(236, b"0       "), "promises 0 data records"),
    "records what": (changed(236, b"many    "), "'many' where the number of data rec"),
    "records more": (changed(236, b"5       "), "promises 1324 bytes, 5 .* 60 too few"),
    "records half": (changed(236, b"4.5     "), "4.5 where the number of data records"),
    "header length": (
        changed(184, b"768     "),
        "768 bytes for itself; with its 3 signals it has 1024",
    ),
    "header length what": (
        changed(184, b"\xe9       "),
        "where the length of the head",
    ),
    "signals none": (changed(252, b"0   "), "promises 0 signals"),
    "signals more": (changed(252, b"9999"), "promises 9999 signals"),
    "signals what": (changed(252, b"1_0 "), "'1_0' where the number of signals"),
    "duration zero": (changed(244, b"0       "), "data records of 0 s"),
    "duration below": (changed(244, b"-1      "), "data records of -1 s"),
    "duration nan": (changed(244, b"nan     "), "'nan' where the duration"),
    "samples none": (field("samples", 1, "0"), "0 samples in each data record of sign"),
    "samples below": (field("samples", 0, "-5"), "-5 samples .* signal 1 .'EEG Fp1'"),
    "samples what": (field("samples", 2, "x"), "'x' where the number of samples of s"),
    "digital what": (field("digital_max", 0, "2,5"), "2.5 where the digital maximum"),
    "physical what": (field("physical_min", 1, "low"), "'low' where the physical min"),
    "duration endless": (changed(244, b"inf     "), "'inf' where the duration"),
    "duration not ASCII": (changed(244, b"1\xa0      "), "where the duration"),
    "gaps in small letters": (changed(192, b"edf+d"), "a recording with gaps"),
    "gaps": (changed(192, b"EDF+D"), "the header says EDF.D, a recording with gaps"),
}
WHOLE = {
    "as it is": lambda content: content,
    "plain": changed(192, b"     "),
    "with commas": field("physical_max", 0, "100,5"),
    "duration with a comma": changed(244, b"0,5     "),
    "names that are not ASCII": changed(8, "J\u00f6rg \u00df".encode("latin-1")),
    "labels that are not ASCII": field("label", 1, "EEG \u00b5"),
    "with NULs for blanks": changed(0, b"0\0\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_file_that_is_not_what_its_header_promises_is_told(tmp_path, kind):
    path, (broken, sentence) = tmp_path / "a.edf", BROKEN[kind]
    path.write_bytes(broken(made_file(path)))
    with pytest.raises(RecordingError, match=sentence) as refusal:
        check_edf(path)
    text = str(refusal.value)
    assert text.startswith(f"{path}: ") and text.endswith((".", "?"))
    assert text.isprintable() and len(text) < 400 + len(str(path))


@pytest.mark.parametrize("kind", WHOLE)
def test_file_that_is_what_its_header_promises_is_let_through(tmp_path, kind):
    path = tmp_path / "a.EDF"
    path.write_bytes(WHOLE[kind](made_file(path)))
    check_edf(path)


def test_line_ends_that_were_converted_in_a_large_file_are_told(tmp_path):
    path = tmp_path / "a.edf"
    made_file(path, records=3)
    # Such a pair stands in one of 65536 places of a recording.
    content = path.read_bytes().replace(b"\n", b"\x0b").replace(b"\r", b"\x0c")
    at = 256 * 4 + 50
    content = content[:at] + b"\r\n" + content[at + 2 :]
    path.write_bytes(content.replace(b"\r\n", b"\n"))
    with pytest.raises(RecordingError, match="line ends had been converted"):
        check_edf(path)
    # The pair may be read in two pieces.
    content = made_file(path, records=200, rate=1000)
    content = content[:1024].ljust((1 << 20) - 1, b"x") + b"\n" + content[1 << 20 :]
    content = content[: 1 << 20] + bytes(len(content) - (1 << 20))
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    with pytest.raises(RecordingError, match="line ends had been converted"):
        check_edf(path)


def test_gaps_are_let_through_where_they_are_wanted(tmp_path):
    path = tmp_path / "a.edf"
    made_file(path, reserved="EDF+D")
    check_edf(path, gaps=True)


def test_annotations_alone_need_no_duration(tmp_path):
    path = tmp_path / "a.edf"
    content = made_file(path)
    for signal in range(3):
        content = field("label", signal, ANNOTATIONS)(content)
    path.write_bytes(changed(244, b"0       ")(content))
    check_edf(path)


def test_bdf_has_three_bytes_a_sample(tmp_path):
    path = tmp_path / "a.bdf"
    content = made_file(path)
    with pytest.raises(RecordingError, match="it is an EDF file, with 16 bits"):
        check_edf(path)
    path.write_bytes(b"\xffBIOSEMI" + content[8:] + content[256 * 4 :][:120])
    check_edf(path)
    path.write_bytes(changed(192, b"BDF+D")(path.read_bytes()))
    with pytest.raises(RecordingError, match="says BDF.D, a recording with gaps"):
        check_edf(path)


@given(st.binary(max_size=600), st.booleans())
def test_any_bytes_are_let_through_or_told(tmp_path_factory, content, starts_well):
    path = tmp_path_factory.mktemp("edf") / "a.edf"
    path.write_bytes((b"0".ljust(184) if starts_well else b"") + content)
    for look in (check_edf, read_units):
        with contextlib.suppress(RecordingError):
            look(path)


@pytest.mark.parametrize("name", [*PIPELINES])
@pytest.mark.parametrize("kind", ["cut", "web page", "gaps", "LF to CRLF"])
def test_shipped_pipeline_refuses_it_before_it_is_read(
    tmp_path, monkeypatch, name, kind
):
    pytest.importorskip(
        "temporaldata", reason="the pipelines make temporaldata's files"
    )
    path = tmp_path / "a.edf"
    path.write_bytes(BROKEN[kind][0](made_file(path)))
    # Whatever the library would do with it, it is not asked.
    monkeypatch.setitem(sys.modules, "mne", types.ModuleType("mne"))
    monkeypatch.setitem(sys.modules, "h5py", types.ModuleType("h5py"))
    source = ROOT / "brainsets" / "pipelines" / name / "pipeline.py"
    names = runpy.run_path(str(source))
    with pytest.raises(RecordingError, match=BROKEN[kind][1]):
        names[PIPELINES[name]](path)


REFUSED_OF_SHARED = {
    "sub-cbm001_task-protmap_eeg.edf": "the file is empty",
    "sub-cbm002_task-protmap_eeg.edf": "the file is empty",
    "sub-01_task-pullstand_eeg.edf": "'31 E' where the number of signals",
    "sub-01_task-pullstand_emg.edf": "'0  E' where the number of signals",
    "test_uneven_samp.edf": "25585, 1 too many",
    "edfPlusD.edf": "EDF.D, a recording with gaps",
    "zero-data-records.edf": "promises 0 data records",
}


def test_real_files_are_let_through_unless_they_are_broken(shared_data):
    seen = set()
    for path in sorted(shared_data.rglob("*.[eb]df")):
        sentence = REFUSED_OF_SHARED.get(path.name)
        if sentence is None:
            check_edf(path)
            continue
        seen.add(path.name)
        with pytest.raises(RecordingError, match=sentence):
            check_edf(path)
    assert seen == set(REFUSED_OF_SHARED)
