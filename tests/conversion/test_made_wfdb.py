"""Made WFDB records: converted as they were made, or refused with a reason."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion.checking import problems
from brainsets.conversion.wfdb import add_annotations, files_of, look, read_wfdb
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset
from tests.helpers.made_wfdb import BITS, MadeSignal, encode, write_record

pytest.importorskip("soundfile", reason="some formats are compressed by FLAC")


@st.composite
def made_signals(draw, frames, labels, samples=4):
    signals = []
    compressed = draw(st.integers(1, samples))
    for label in labels:
        form = draw(st.sampled_from([*BITS]))
        # Channels of one FLAC stream have one rate.
        count = compressed if form[0] == "5" else draw(st.integers(1, samples))
        top = 2 ** (BITS[form] - 1)
        # The lowest number stands for what is not known.
        low = -top if draw(st.booleans()) else 1 - top
        random = np.random.default_rng(draw(st.integers(0, 2**31)))
        numbers = random.integers(low, top, frames * count).tolist()
        signals.append(
            MadeSignal(
                label,
                form,
                count,
                draw(st.sampled_from(["mV", "mmHg", "uV"])),
                numbers,
                draw(st.sampled_from(["200(3)", "1.5", "-50(-7)", "0", "1e3"])),
                draw(st.integers(-99, 99)),
                draw(st.integers(0, 2)) if samples > 1 else 0,
            )
        )
    return signals


def found_channels(recording):
    found = {}
    for part in recording.parts:
        values = part.read(0, part.shape[0])
        at = part.shape[0] // 3
        pieces = [part.read(0, at), part.read(at, at), part.read(at, part.shape[0])]
        assert np.array_equal(values, np.concatenate(pieces), equal_nan=True)
        for column, label in enumerate(part.channels["label"].tolist()):
            found[label] = (part, values[:, column])
    return found


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_made_record_is_converted_as_it_was_made(data):
    frames = data.draw(st.integers(1, 30))
    count = data.draw(st.integers(1, 5))
    signals = data.draw(made_signals(frames, [f"s{n}" for n in range(count)]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_record(folder, "a", signals, frames, offset=data.draw(st.integers(0, 9)))
        recording = read_wfdb(folder / "a.hea", id="x")
        found = found_channels(recording)
        recording.brainset = {"id": "b"}
        write_recording(recording, folder / "x.h5", block_bytes=64)
        assert problems(folder / "x.h5") == []
        assert len(look(folder / "a.hea")) == count
    for signal in signals:
        part, values = found[signal.label]
        assert part.sampling_rate == 100 * signal.samples
        assert np.allclose(values, signal.values(), rtol=2e-7, equal_nan=True)
    notes = " ".join(item.note for item in recording.inventory.items)
    assert "checksum" not in notes
    assert ("its gain is not known" in notes) == any(s.gain == "0" for s in signals)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_segments_are_where_they_were(data):
    labels = ["s0", "s1", "s2"]
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    kinds = {label: data.draw(st.sampled_from(["mV", "mmHg"])) for label in labels}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout = [f"l {len(labels)} 100 0"]
        layout += [f"~ 0 200(3)/{kinds[n]} 12 0 0 0 0 {n}" for n in labels]
        (folder / "l.hea").write_text("\n".join(layout))
        lines, at, truth = ["l 0"], 0, {}
        for number, length in enumerate(lengths):
            if data.draw(st.booleans()):
                lines.append("~ 5")
                at += 5
            some = data.draw(st.lists(st.sampled_from(labels), min_size=1, unique=True))
            signals = [
                replace(signal, unit=kinds[signal.label])
                for signal in data.draw(made_signals(length, some, samples=1))
            ]
            write_record(folder, f"p{number}", signals, length)
            lines.append(f"p{number} {length}")
            for signal in signals:
                truth.setdefault(signal.label, []).append((at, signal.values()))
            at += length
        head = f"a/{len(lines)} 3 100 {at}"
        (folder / "a.hea").write_text("\n".join([head, *lines]))
        recording = read_wfdb(folder / "a.hea", id="x")
        assert files_of(folder / "a.hea")[0] == "l.hea"
        assert {*truth} == {*found_channels(recording)}
        for label, (part, values) in found_channels(recording).items():
            whole = np.full(at, np.nan)
            for first, expected_values in truth[label]:
                whole[first : first + len(expected_values)] = expected_values
            segments = part.segments or [(0, part.start)]
            ends = [*[first for first, _ in segments[1:]], len(values)]
            ours = np.full(at, np.nan)
            for (first, start), end in zip(segments, ends):
                place = round(start * 100)
                assert abs(place - start * 100) < 1e-6
                ours[place : place + end - first] = values[first:end]
            assert np.allclose(ours, whole, rtol=2e-7, equal_nan=True)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_broken_record_is_refused_with_a_reason(data):
    signals = data.draw(made_signals(10, ["s0", "s1"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_record(folder, "a", signals, 10)
        path = data.draw(st.sampled_from(sorted(folder.iterdir())))
        whole = path.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        put = b"" if path.suffix == ".dat" else data.draw(st.binary(max_size=4))
        path.write_bytes(whole[:at] + put)
        try:
            recording = read_wfdb(folder / "a.hea", id="x")
            for part in recording.parts:
                assert len(part.read(0, part.shape[0])) == part.shape[0]
        except SkipAsset as why:
            assert str(why) and "\n" not in str(why)
        else:
            # A signal file that is cut is never taken for a whole one.
            assert path.suffix == ".hea" or len(whole) - at < 3


def test_skewed_signal_is_moved_back(tmp_path):
    one = MadeSignal("s0", "16", 1, "mV", [*range(10)])
    write_record(tmp_path, "a", [one, replace(one, label="s1", skew=2)], 10)
    found = found_channels(read_wfdb(tmp_path / "a.hea", id="x"))
    values = found["s1"][1] * 200e3 + 3
    assert np.round(values[:8]).tolist() == [*range(2, 10)]
    assert np.isnan(values[8:]).all()


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "says nothing"),
        ("a 1 100 10\n", "is no header of WFDB, or is damaged"),
        ("a x 100\n", "is no header of WFDB"),
        ("a 1 100 10\nb.dat 16\n", "b.dat is missing"),
        (f"a/1 1 100 10\n{'b' * 300} 5\n", "1 of its 1 segments are missing"),
        (f"a 1 100 10\n{'b' * 300} 16\n", "b is missing"),
        ("a 1 1e300 10\nb.dat 16\n", "its rate is 1e300"),
        ("a/1 1 100 10\nb 5\n", "1 of its 1 segments are missing, the first is b"),
        ("a 1 100 10\n~ 16\n", "it holds no samples"),
        ("a 1 100 10\n../b.dat 16\n", "which is not beside it"),
        ("a/2 1 100 10\nb 5\nc 5\n", "2 of its 2 segments are missing, the first is b"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, text, words):
    path = tmp_path / "a.hea"
    path.write_text(text)
    with pytest.raises(SkipAsset) as skipped:
        read_wfdb(path, id="x")
    assert words in str(skipped.value)


def test_other_checksum_is_told(tmp_path):
    signals = [MadeSignal(f"s{n}", "212", 1, "mV", [n, 2, 3]) for n in range(2)]
    write_record(tmp_path, "a", signals, 3)
    path = tmp_path / "a_0.dat"
    path.write_bytes(b"\x07" + path.read_bytes()[1:])
    items = read_wfdb(tmp_path / "a.hea", id="x").inventory.items
    assert [item.note for item in items] == [
        *("", "doubt: the checksum of its samples is 12 in a.hea, which says 5", "")
    ]


@pytest.mark.parametrize(
    "form, samples, size",
    [
        *(("212", n, size) for n, size in ((7, 11), (7, 12), (8, 12))),
        *(("310", n, size) for n, size in ((7, 10), (7, 11), (7, 12), (8, 12))),
        *(("311", n, size) for n, size in ((7, 10), (7, 11), (8, 11), (8, 12))),
    ],
)
def test_last_bytes_of_a_file_need_not_be_there_if_no_sample_is_in_them(
    tmp_path, form, samples, size
):
    signal = MadeSignal("s", form, 1, "mmHg", [*range(-3, samples - 3)], "1")
    write_record(tmp_path, "a", [signal], samples)
    path = tmp_path / "a_0.dat"
    content = path.read_bytes()
    assert len(content) >= size
    path.write_bytes(content[:size])
    [(_, values)] = found_channels(read_wfdb(tmp_path / "a.hea", id="x")).values()
    assert values.tolist() == [*range(-3, samples - 3)]


def test_differences_go_on_from_what_the_header_says(tmp_path):
    # As the programs of PhysioNet read it: also the first one is a difference.
    signal = MadeSignal("s", "8", 1, "mmHg", [5, -2, 0], "1", first=100)
    write_record(tmp_path, "a", [signal], 3)
    [(_, values)] = found_channels(read_wfdb(tmp_path / "a.hea", id="x")).values()
    assert values.tolist() == [105, 103, 103]


def test_text_of_a_header_is_utf_8_or_latin_1(tmp_path):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    path = tmp_path / "a.hea"
    for form in ("utf-8", "latin-1"):
        path.write_bytes(path.read_bytes() + "# \xe9t\xe9\n".encode(form))
        comments = read_wfdb(path, id="x").session["comments"]
        assert comments == "\xe9t\xe9"
        write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)


def test_annotations_out_of_the_recorded_time_are_kept_and_told(tmp_path):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    words = [1 << 10 | 1, 1 << 10 | 900, 0]
    (tmp_path / "a.atr").write_bytes(b"".join(w.to_bytes(2, "little") for w in words))
    recording = read_wfdb(tmp_path / "a.hea", id="x")
    add_annotations(recording, [tmp_path / "a.atr"])
    assert recording.parts[-1].timestamps.tolist() == [0.01, 9.01]
    note = recording.inventory.items[-1].note
    assert note == "1 of 2 are not in the time that was recorded"


def test_signal_that_is_not_there_is_left_out(tmp_path):
    signals = [MadeSignal(f"s{n}", "16", 1, "mV", [n, 2]) for n in range(2)]
    write_record(tmp_path, "a", signals, 2)
    path = tmp_path / "a.hea"
    lines = path.read_text().splitlines()
    (tmp_path / "a_0.dat").write_bytes(encode("16", [1, 2]))
    path.write_text("\n".join([lines[0], lines[1].replace("a_0.dat", "~"), lines[2]]))
    recording = read_wfdb(path, id="x")
    assert [*found_channels(recording)] == ["s1"]
    assert [item.reason for item in recording.inventory.items] == [
        "",
        "placeholder",
        "",
    ]


def test_samples_after_the_last_frame_of_the_header_are_told(tmp_path):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2, 3])], 3)
    path = tmp_path / "a.hea"
    path.write_text(path.read_text().replace("a 1 100 3", "a 1 100 2"))
    recording = read_wfdb(path, id="x")
    assert recording.parts[0].shape == (2, 1)
    note = recording.inventory.items[0].note
    assert note == "1 frames follow those that the header counts, and are left out"


def test_comments_are_those_of_the_record_and_of_its_segments(tmp_path):
    for name, comment in (("a", "32 F x"), ("b", "y")):
        write_record(tmp_path, name, [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
        with open(tmp_path / f"{name}.hea", "a") as file:
            file.write(f"# {comment}\n# both\n")
    (tmp_path / "m.hea").write_text("m/2 1 100 4\na 2\nb 2\n# all\n")
    recording = read_wfdb(tmp_path / "m.hea", id="x")
    assert recording.session["comments"] == "all; 32 F x; both; y"
    assert recording.subject["sex"] == "F"


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        (
            "<age>: 25  <sex>: M",
            {"age": 25 * 365.25, "age_text": "25 years", "sex": "M"},
        ),
        ("age: 89+ sex: female", {"age_text": "89+ years", "sex": "F"}),
        ("Age: >89", {"age_text": ">89 years"}),
        ("age: 300", {"age_text": "300 years"}),
        ("69 M 1085", {"age": 69 * 365.25, "age_text": "69 years", "sex": "M"}),
        ("average: 12", {}),
    ],
)
def test_age_is_taken_where_it_is_one(tmp_path, comment, said):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    with open(tmp_path / "a.hea", "a") as file:
        file.write(f"# {comment}\n")
    assert read_wfdb(tmp_path / "a.hea", id="x").subject == said


@pytest.mark.parametrize("form", ["16", "516"])
def test_signal_that_is_skewed_beyond_its_end_is_not_known(tmp_path, form):
    write_record(tmp_path, "a", [MadeSignal("s", form, 1, "mV", [5], skew=2)], 1)
    [(_, values)] = found_channels(read_wfdb(tmp_path / "a.hea", id="x")).values()
    assert np.isnan(values).all() and len(values) == 1


def test_compressed_file_that_was_cut_is_refused(tmp_path):
    numbers = np.random.default_rng(1).integers(-99, 99, 20_000).tolist()
    write_record(tmp_path, "a", [MadeSignal("s", "516", 1, "mV", numbers)], 20_000)
    path = tmp_path / "a_0.dat"
    content = path.read_bytes()
    for size in (1, 42, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:size])
        with pytest.raises(SkipAsset, match="as FLAC|is shorter than its header"):
            read_wfdb(tmp_path / "a.hea", id="x")


def test_gap_of_years_is_refused(tmp_path):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    text = "m/3 1 100\na 2\n~ 9999999999\na 2\n"
    (tmp_path / "m.hea").write_text(text)
    with pytest.raises(SkipAsset, match="says that it lasts 1157 days"):
        read_wfdb(tmp_path / "m.hea", id="x")


def test_unknown_format_is_refused(tmp_path):
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    path = tmp_path / "a.hea"
    path.write_text(path.read_text().replace("16x1", "999x1"))
    with pytest.raises(SkipAsset, match="in the format 999, which cannot be read"):
        read_wfdb(path, id="x")


def test_files_outside_are_not_named(tmp_path):
    (tmp_path / "a.hea").write_text("a 1 100 10\n../../b.dat 16\n")
    with pytest.raises(SkipAsset, match="which is not beside it"):
        files_of(tmp_path / "a.hea")


@given(content=st.binary(max_size=60))
def test_any_file_is_annotations_or_left_out(content):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_record(folder, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
        (folder / "a.atr").write_bytes(content)
        recording = read_wfdb(folder / "a.hea", id="x")
        add_annotations(recording, [folder / "a.atr"])
        assert recording.inventory.items[-1].path == "a.atr"
        recording.brainset = {"id": "b"}
        write_recording(recording, folder / "x.h5")


def test_own_codes_and_resolution_are_kept(tmp_path):
    def aux(text):
        content = text.encode()
        pair = (63 << 10 | len(content)).to_bytes(2, "little")
        return pair + content + bytes(len(content) % 2)

    def word(code, value):
        return (code << 10 | value).to_bytes(2, "little")

    texts = (
        "## time resolution: 1000",
        "## annotation type definitions",
        "42 Sz seizure",
        "## end of definitions",
    )
    content = b"".join(word(22, 0) + aux(text) for text in texts)
    content += word(42, 500) + word(62, 2) + aux("left") + word(1, 250) + word(0, 0)
    write_record(tmp_path, "a", [MadeSignal("s", "16", 1, "mV", [1, 2])], 2)
    (tmp_path / "a.sz").write_bytes(content)
    recording = read_wfdb(tmp_path / "a.hea", id="x")
    rename = {"annotations_sz": "seizures"}
    add_annotations(recording, [tmp_path / "a.sz"], rename=rename)
    part = recording.parts[-1]
    assert part.name == "seizures" and part.timestamps.tolist() == [0.5, 0.75]
    assert part.columns["symbol"].tolist() == ["Sz", "N"]
    assert part.columns["meaning"].tolist() == ["seizure", "normal beat"]
    assert part.columns["note"].tolist() == ["left", ""]
    assert part.columns["channel"].tolist() == [2, 2]
