"""Made WFDB records: converted as they were made, or refused with a reason."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion.checking import problems
from brainsets.conversion.wfdb import add_annotations, files_of, look, read_wfdb
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset

BITS = {
    "16": 16,
    "24": 24,
    "32": 32,
    "61": 16,
    "80": 8,
    "160": 16,
    "212": 12,
    "310": 10,
    "311": 10,
}


def encode(form, numbers):
    """Return numbers as the specification stores them, one by one."""
    found = bytearray()
    if form in ("16", "24", "32"):
        for number in numbers:
            found += number.to_bytes(int(form) // 8, "little", signed=True)
    elif form == "61":
        for number in numbers:
            found += number.to_bytes(2, "big", signed=True)
    elif form == "80":
        found += bytes(number + 128 for number in numbers)
    elif form == "160":
        for number in numbers:
            found += (number + 32768).to_bytes(2, "little")
    elif form == "212":
        for first, second in zip(numbers[::2], [*numbers[1::2], 0]):
            one, two = first & 0xFFF, second & 0xFFF
            found += bytes([one & 0xFF, one >> 8 | two >> 8 << 4, two & 0xFF])
    else:
        padded = [*numbers, 0, 0]
        for at in range(0, len(numbers), 3):
            a, b, c = (number & 0x3FF for number in padded[at : at + 3])
            if form == "311":
                word = a | b << 10 | c << 20
            else:
                low = a << 1 | (c & 0x1F) << 11
                word = low | (b << 1 | c >> 5 << 11) << 16
            found += word.to_bytes(4, "little")
    return bytes(found)


def write_record(folder, name, signals, frames, rate=100, skews=None):
    """Write a record; `signals` are (label, form, samples, unit, stored numbers)."""
    lines = [f"{name} {len(signals)} {rate} {frames}"]
    for number, form in enumerate(dict.fromkeys(s[1] for s in signals)):
        own = [s for s in signals if s[1] == form]
        stored = []
        for frame in range(frames):
            for _, _, samples, _, numbers in own:
                stored += numbers[frame * samples : (frame + 1) * samples]
        (folder / f"{name}_{number}.dat").write_bytes(encode(form, stored))
        for label, _, samples, unit, numbers in own:
            first = numbers[0] if numbers else 0
            skew = (skews or {}).get(label, 0)
            lines.append(
                f"{name}_{number}.dat {form}x{samples}:{skew} 200(3)/{unit} 12 0 "
                f"{first} {sum(numbers) % 65536} 0 {label}"
            )
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


@st.composite
def made_signals(draw, frames, labels):
    signals = []
    for label in labels:
        form = draw(st.sampled_from([*BITS]))
        samples = draw(st.integers(1, 4))
        top = 2 ** (BITS[form] - 1)
        seed = draw(st.integers(0, 2**31))
        # The lowest number stands for what is not known.
        low = -top if draw(st.booleans()) else 1 - top
        random = np.random.default_rng(seed)
        numbers = random.integers(low, top, frames * samples).tolist()
        unit = draw(st.sampled_from(["mV", "mmHg", "uV"]))
        signals.append((label, form, samples, unit, numbers))
    return signals


def expected(signal):
    label, form, _, unit, numbers = signal
    scale = {"mV": 1e-3, "uV": 1e-6}.get(unit, 1)
    values = (np.array(numbers, dtype=np.float64) - 3) / 200 * scale
    values[np.array(numbers) == -(2 ** (BITS[form] - 1))] = np.nan
    return values


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
        write_record(folder, "a", signals, frames)
        recording = read_wfdb(folder / "a.hea", id="x")
        found = found_channels(recording)
        recording.brainset = {"id": "b"}
        write_recording(recording, folder / "x.h5", block_bytes=64)
        assert problems(folder / "x.h5") == []
        assert len(look(folder / "a.hea")) == count
    for signal in signals:
        part, values = found[signal[0]]
        assert part.sampling_rate == 100 * signal[2]
        assert np.allclose(values, expected(signal), rtol=2e-7, equal_nan=True)


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
                (label, form, 1, kinds[label], numbers)
                for label, form, _, _, numbers in data.draw(
                    made_signals(length * 4, some)
                )
            ]
            signals = [(*s[:4], s[4][:length]) for s in signals]
            write_record(folder, f"p{number}", signals, length)
            lines.append(f"p{number} {length}")
            for signal in signals:
                truth.setdefault(signal[0], []).append((at, expected(signal)))
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
    numbers = [*range(10)]
    signals = [("s0", "16", 1, "mV", numbers), ("s1", "16", 1, "mV", numbers)]
    write_record(tmp_path, "a", signals, 10, skews={"s1": 2})
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


def test_unknown_format_is_refused(tmp_path):
    write_record(tmp_path, "a", [("s", "16", 1, "mV", [1, 2])], 2)
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
        write_record(folder, "a", [("s", "16", 1, "mV", [1, 2])], 2)
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
    write_record(tmp_path, "a", [("s", "16", 1, "mV", [1, 2])], 2)
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
