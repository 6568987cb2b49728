"""Tables of BIDS, with everything that people do to them."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.conversion.bids.tables.electrodes import (
    coordinate_system,
    read_electrodes,
)
from brainsets.conversion.bids.tables.events import read_events
from brainsets.conversion.bids.tables.matching import match
from brainsets.conversion.bids.tables.people import (
    scan_row,
    session_row,
    subject_row,
)
from brainsets.conversion.bids.tables.text import TextTable, numbers, read_table
from brainsets.conversion.bids.tables.types import signal_type, unit_of
from brainsets.conversion.parts import Samples, Table


@pytest.fixture
def table(tmp_path):
    def made(content):
        path = tmp_path / "table.tsv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path)

    return made


def made_table(**columns):
    texts = {name: [str(value) for value in values] for name, values in columns.items()}
    return TextTable(texts, len(next(iter(texts.values()))))


# Text


@pytest.mark.parametrize(
    "content",
    [
        "a\tb\n1\tx\n2\ty\n",
        "a\tb\r\n1\tx\r\n2\ty",
        "a\tb\r1\tx\r2\ty\r",
        "\ufeffa\tb\n1\tx\n2\ty\n",
        "a\tb\n1\tx\n\n2\ty\n\n",
        "a\tb\t\n1\tx\t\n2\ty\t\n",
        " a \tb\n 1\tx \n2\ty\n",
        'a\tb\n"1"\t"x"\n2\ty\n',
        "a\tb\n1\tx\n2\ty\n".encode("utf-16"),
    ],
)
def test_table_is_the_same_however_it_is_written(table, content):
    found = table(content)
    assert found.columns == {"a": ["1", "2"], "b": ["x", "y"]}
    assert found.size == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        ("a\tb\0", "no text"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1", "placeholder"),
        ("../.git/annex/objects/ab/cd/x.tsv", "placeholder"),
        ("a\tb\n1\t2\t3\n1\t2\t3\n", "2 of its 2 lines"),
        ("a\tb\tc\n1\n2\n3\n", "3 of its 3 lines"),
    ],
)
def test_what_is_no_table_says_why(table, content, said):
    with pytest.raises(ValueError, match=said):
        table(content)


def test_latin_1_is_read_and_told(table):
    found = table("a\tb\n1\tµV\n".encode("latin-1"))
    assert found.columns["b"] == ["µV"]
    assert "Latin-1" in found.notes[0]


def test_uneven_lines_are_told(table):
    found = table("a\tb\n1\tx\n2\n3\ty\tz\n4\tw\n5\tv\n")
    assert found.columns == {"a": ["1", "2", "4", "5"], "b": ["x", "", "w", "v"]}
    assert found.notes == [
        "1 lines with too many values are left out",
        "1 lines have too few values: the last are missing",
    ]


def test_names_that_are_there_twice_stay_apart(table):
    found = table("a\ta\t\n1\t2\n")
    assert found.columns == {"a": ["1"], "a (2)": ["2"]}
    assert "more than once" in found.notes[0]


@pytest.mark.parametrize("sign", [",", ";", " "])
def test_other_signs_than_tabs_are_read_where_all_lines_agree(table, sign):
    found = table(f"onset{sign}value\n1{sign}2\n3{sign}4\n")
    assert found.columns == {"onset": ["1", "3"], "value": ["2", "4"]}
    assert "not by tabs" in found.notes[0]
    assert [*table("one, two\nx\n").columns] == ["one, two"]


def test_header_alone_has_no_rows(table):
    assert table("onset\tduration\n").size == 0


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("n", ["1", "2"], np.array([1, 2])),
        ("n", ["1", ""], np.array([1.0, np.nan])),
        ("n", ["1.5", "-2e3"], np.array([1.5, -2000.0])),
        ("n", ["001", "2"], np.array(["001", "2"])),
        ("trial_id", ["1", "2"], np.array(["1", "2"])),
        ("n", ["1", "x"], np.array(["1", "x"])),
        ("n", ["", ""], np.array(["", ""])),
        ("n", ["1,5", "2,5"], np.array(["1,5", "2,5"])),
        ("n", ["12345678901234567890", "1"], np.array(["12345678901234567890", "1"])),
        ("n", ["nan", "1"], np.array([np.nan, 1.0])),
        ("n", ["NA", "x"], np.array(["NA", "x"])),
        ("n", ["0x10", "inf"], np.array(["0x10", "inf"])),
    ],
)
def test_columns_are_numbers_or_stay_text(name, texts, expected):
    columns, _ = TextTable({name: texts}, 2).as_columns()
    [values] = columns.values()
    assert values.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("texts", "expected", "noted"),
    [
        (["1,5", "2"], [1.5, 2.0], True),
        (["1,5", "2.5"], [math.nan, 2.5], True),
        (["1", "2"], [1.0, 2.0], False),
        (["n/a", ""], [math.nan, math.nan], True),
        (["1,234,567", "1"], [math.nan, 1.0], True),
        (["1e999", "1"], [math.nan, 1.0], True),
        (["NaN", "1"], [math.nan, 1.0], False),
    ],
)
def test_commas_are_decimal_points_if_all_agree(texts, expected, noted):
    found, notes = numbers(texts if "n/a" not in texts else ["", "x"])
    np.testing.assert_array_equal(found, expected)
    assert bool(notes) == noted


# Events


def events(given, *, rate=None, first=0.0, last=100.0):
    return read_events(given, "events", rate=rate, first=first, last=last)


def test_events_have_all_columns_in_order_of_onsets():
    found = events(
        made_table(
            onset=[2, 1, 3],
            duration=[0.5, "", -1],
            trial_type=["go", "stop", ""],
            value=[1, 2, 3],
            response_time=[0.1, "", 0.3],
            stim_type=["a", "b", "c"],
            start=[7, 8, 9],
        ),
        first=10.0,
    )
    part = found.part
    assert isinstance(part, Table)
    assert part.start.tolist() == [11, 12, 13]
    assert part.end.tolist() == [11, 12.5, 13]
    np.testing.assert_array_equal(part.columns["duration"], [np.nan, 0.5, -1])
    assert part.columns["trial_type"].tolist() == ["stop", "go", ""]
    assert part.columns["stim_type"].tolist() == ["b", "a", "c"]
    assert part.columns["value"].dtype.kind == "i"
    np.testing.assert_array_equal(part.columns["response_time"], [np.nan, 0.1, 0.3])
    assert part.columns["start_"].tolist() == [8, 7, 9]
    said = "; ".join(found.notes)
    assert "sorted by onset" in said
    assert "1 of 3 durations are missing" in said
    assert "1 durations are negative" in said
    assert "start is named start_" in said


def test_rows_without_an_onset_are_left_out_and_counted():
    found = events(made_table(onset=["", 1, "soon"], duration=[1, 1, 1]))
    assert found.part.start.tolist() == [1]
    assert "2 rows without an onset are left out" in found.notes
    assert any("'soon'" in note for note in found.notes)


def test_onsets_outside_of_the_recording_are_kept_and_told():
    found = events(made_table(onset=[-1, 5, 200], duration=[0, 0, 0]))
    assert found.part.start.tolist() == [-1, 5, 200]
    said = "; ".join(found.notes)
    assert "1 onsets are before the first sample" in said
    assert "1 onsets are after the last sample" in said


def test_sample_numbers_are_onsets_where_there_are_none():
    given = made_table(sample=[0, 50], value=[1, 2])
    found = events(given, rate=100.0, first=1.0)
    assert found.part.start.tolist() == [1.0, 1.5]
    assert found.part.columns["sample"].tolist() == [0, 50]
    assert any("counted from 0, at 100 Hz" in note for note in found.notes)
    assert events(given).reason == "no times"


def test_intervals_within_others_are_events_at_their_starts():
    found = events(made_table(onset=[0, 1], duration=[10, 1]))
    assert isinstance(found.part, Samples)
    assert found.part.timestamps.tolist() == [0, 1]
    assert found.part.columns["duration"].tolist() == [10, 1]
    assert any("within others" in note for note in found.notes)


def test_rows_of_one_onset_can_be_intervals():
    found = events(made_table(onset=[1, 1, 2], duration=[3, 0, 5], v=[0, 1, 2]))
    assert isinstance(found.part, Table)
    assert found.part.columns["v"].tolist() == [1, 0, 2]


def test_rows_of_one_onset_stay_in_their_order():
    count = 200
    onsets = [5, *[n // 50 for n in range(count - 1)]]
    found = events(made_table(onset=onsets, n=range(count)))
    assert found.part.columns["n"].tolist() == [*range(1, count), 0]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (TextTable({"onset": []}, 0), "placeholder"),
        (made_table(value=[1]), "no times"),
        (made_table(onset=["x"]), "no times"),
    ],
)
def test_events_without_times_say_why(given, reason):
    found = events(given)
    assert (found.part, found.reason) == (None, reason)


ONSETS = st.one_of(
    st.floats(-10, 200).map(lambda v: f"{v:.3f}"),
    st.integers(0, 50).map(str),
    st.sampled_from(["n/a", "", "nan", "x", "-0.0", "1e2"]),
)
DURATIONS = st.sampled_from(["0", "0.5", "n/a", "", "-1", "2.25", "long", "100"])
LABELS = st.sampled_from(["go", "stop", "n/a", "", "ä", "1", "002", 'say "x"'])


def plain(text):
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def as_said(texts):
    """Read numbers, with commas if all that are there are whole or have one."""
    there = [text for text in texts if text not in ("", "n/a", "nan")]
    with_comma = all(
        "." not in t
        and not math.isnan(plain(t.replace(",", ".")))
        and ("," in t or "e" not in t)
        for t in there
    )
    return [plain(t.replace(",", ".") if with_comma else t) for t in texts]


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.tuples(ONSETS, DURATIONS, LABELS), min_size=1, max_size=12),
    comma=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    first=st.sampled_from([0.0, 2.5]),
)
def test_events_are_those_of_a_plain_reading(
    rows, comma, encoding, end, first, tmp_path_factory
):
    """What csv reads of the file, row by row, is what the events are."""
    if comma:
        rows = [(o.replace(".", ","), d.replace(".", ","), t) for o, d, t in rows]
    onsets = as_said([onset for onset, _, _ in rows])
    durations = as_said([duration for _, duration, _ in rows])
    path = tmp_path_factory.mktemp("events") / "events.tsv"
    lines = ["onset\tduration\ttrial_type", *("\t".join(row) for row in rows)]
    path.write_bytes((end.join(lines) + end).encode(encoding))
    with open(path, encoding=encoding, newline="") as file:
        read = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        texts = [label.strip() for *_, label in [*read][1:]]
    assert len(texts) == len(rows)
    texts = ["" if text == "n/a" else text for text in texts]
    expected = [
        (first + onset, duration, text)
        for onset, duration, text in zip(onsets, durations, texts)
        if not math.isnan(onset)
    ]
    found = events(read_table(path), first=first)
    if not expected:
        assert found.part is None
        assert found.reason in ("no times", "placeholder")
        return
    part = found.part
    is_table = isinstance(part, Table)
    starts = part.start if is_table else part.timestamps
    labels = [str(value) for value in part.columns["trial_type"].tolist()]
    if part.columns["trial_type"].dtype.kind != "U":
        # All labels are numbers.
        labels = [str(plain(value)) for value in labels]
        expected = [(o, d, str(plain(t))) for o, d, t in expected]
    assert (np.diff(starts) >= 0).all()
    ours = sorted(zip(starts, np.nan_to_num(part.columns["duration"], nan=-9), labels))
    expected = [
        (o, -9 if math.isnan(d) else d, t.encode("ascii", "backslashreplace").decode())
        for o, d, t in expected
    ]
    assert len(ours) == len(expected)
    for (start, duration, label), (onset, seconds, text) in zip(
        ours, sorted(expected), strict=True
    ):
        assert start == pytest.approx(onset, abs=1e-12)
        assert duration == pytest.approx(seconds)
        assert label == text
    if is_table:
        lengths = np.nan_to_num(part.columns["duration"])
        np.testing.assert_allclose(
            part.end, starts + np.where(lengths > 0, lengths, 0), rtol=0, atol=1e-12
        )
        assert (np.diff(part.end) >= 0).all()
    # A line of tabs alone is no row.
    count = sum(any(row) for row in rows) - len(expected)
    if count:
        assert f"{count} rows without an onset are left out" in found.notes


# Names and types


@pytest.mark.parametrize(
    ("labels", "names", "expected", "said"),
    [
        (["a", "b"], ["a", "b"], {0: 0, 1: 1}, ""),
        (["a", "b"], ["b", "a"], {0: 1, 1: 0}, "in another order"),
        (["Fp1", "Fp2"], ["FP1", "fp 2"], {0: 0, 1: 1}, "2 names differ"),
        (["EEG Fp1", "x"], ["Fp1", "y"], {0: 0}, "1 names differ"),
        (["a", "A"], ["A", "a"], {0: 1, 1: 0}, "in another order"),
        (["a", "a"], ["a", "a"], {0: 0, 1: 1}, ""),
        (["a", "a", "b"], ["b", "a", "a"], {2: 0}, "'a' more than once"),
        (["a", "a"], ["a", "b"], {}, ""),
        (["a"], ["a", "a"], {}, "'a' more than once"),
        (["a", "b"], ["c", "d"], {}, ""),
        (["a" * 16], ["a" * 20], {0: 0}, "1 names differ"),
        (["", "a"], ["", "a"], {0: 0, 1: 1}, ""),
    ],
)
def test_rows_are_matched_by_name(labels, names, expected, said):
    ids = [f"{label}#{n}" for n, label in enumerate(labels)]
    found, notes = match(labels, ids, names)
    assert found == expected
    assert said in "; ".join(notes)
    assert bool(said) == bool(notes)


@settings(max_examples=200, deadline=None)
@given(
    labels=st.lists(st.sampled_from(["a", "A", "b", "c ", "EEG a", "d"]), max_size=6),
    names=st.lists(st.sampled_from(["a", "A", "b", "c", "d", "e"]), max_size=6),
)
def test_no_row_and_no_channel_is_matched_twice(labels, names):
    found, _ = match(labels, [f"#{n}" for n in range(len(labels))], names)
    assert len({*found.values()}) == len(found)
    for number, row in found.items():
        said = labels[number].lower().removeprefix("eeg ").strip()
        assert said == names[row].lower()
        if labels[number] in names and labels.count(labels[number]) == 1:
            if names.count(labels[number]) == 1:
                assert names[row] == labels[number]


def test_types_and_units_of_bids():
    assert signal_type("VEOG") == signal_type("heog") == "eog"
    assert {signal_type(n) for n in ("SEEG", "ECOG", "DBS")} == {"ieeg"}
    assert signal_type("MEGGRADPLANAR") == "meg_grad"
    assert signal_type("TRIG") == "stim"
    assert signal_type("ekg") == "ecg"
    assert signal_type("strange") is None
    assert unit_of("\u00b5V") == unit_of("uV") == unit_of("\u03bcV") == ("V", 1e-6)
    assert unit_of("fT/cm") == ("T/m", 1e-13)
    assert unit_of("n/a") is None


# Positions


def test_positions_are_in_metres():
    given = made_table(
        name=["a", "b", "c"],
        x=[10, 20, ""],
        y=[1, 2, 3],
        z=["1,5", 2, 3],
        size=[4, 5, 6],
    )
    said = {"iEEGCoordinateSystem": "ACPC", "iEEGCoordinateUnits": "mm"}
    found = read_electrodes(given, "electrodes", {"": said}, "")
    assert found.part.columns["id"].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found.part.columns["x"], [0.01, 0.02, np.nan])
    np.testing.assert_allclose(found.part.columns["z"], [0.0015, 0.002, 0.003])
    assert found.part.columns["size"].tolist() == [4, 5, 6]
    assert found.by_name == {
        "a": pytest.approx((0.01, 0.001, 0.0015)),
        "b": pytest.approx((0.02, 0.002, 0.002)),
    }
    assert found.system == "ACPC"


@pytest.mark.parametrize("unit", ["n/a", "pixels", None])
def test_positions_in_no_known_unit_are_kept_and_told(unit):
    said = {} if unit is None else {"EEGCoordinateUnits": unit}
    given = made_table(name=["a"], x=[10], y=[1], z=[1])
    found = read_electrodes(given, "electrodes", {"": said}, "")
    assert found.part.columns["x"].tolist() == [10]
    assert found.by_name == {}
    assert any("as the table has them" in note for note in found.notes)


def test_positions_that_are_too_far_are_doubted():
    given = made_table(name=["a"], x=[45.0], y=[1], z=[1])
    found = read_electrodes(given, "electrodes", {"": {"EEGCoordinateUnits": "m"}}, "")
    assert any("far for electrodes" in note for note in found.notes)
    assert coordinate_system({"EMGCoordinateUnits": "Millimeters"}) == ("", "mm")


# People


@pytest.mark.parametrize(
    ("age", "units", "days"),
    [
        ("29", None, 29 * 365.25),
        ("29,5", "years", 29.5 * 365.25),
        ("6", "months", 6 * 30.4375),
        ("90", "days", 90.0),
        ("89+", None, None),
        ("20-25", None, None),
        ("999", None, None),
        ("-3", None, None),
        ("3", "moons", None),
    ],
)
def test_age_is_in_days_beside_what_is_said(age, units, days):
    given = made_table(participant_id=["sub-02", "sub-01"], age=[1, age])
    meanings = {} if units is None else {"age": {"Units": units}}
    found, notes = subject_row(given, "01", meanings)
    assert found["age_text"] == age
    assert found.get("age") == (None if days is None else pytest.approx(days))
    assert any("age" in note for note in notes) == (days is None)


def test_subject_has_what_its_row_says_and_nothing_made_up():
    given = made_table(
        participant_id=["sub-01"], age=[""], sex=["male"], hand=["R"], file=["x"]
    )
    found, notes = subject_row(given, "01", {})
    assert found == {
        "id": "01",
        "species": "homo sapiens",
        "sex": "M",
        "hand": "R",
        "file_": "x",
    }
    assert any("by default" in note for note in notes)
    given = made_table(participant_id=["sub-1"], species=["mus musculus"], sex=["?"])
    found, notes = subject_row(given, "1", {})
    assert found == {"id": "1", "species": "mus musculus", "sex_text": "?"}
    assert notes == []


def test_subject_that_has_no_row_or_two_is_told():
    given = made_table(participant_id=["sub-01", "sub-01"], sex=["F", "M"])
    assert "it has no row for sub-1" in subject_row(given, "1", {})[1]
    found, notes = subject_row(given, "01", {})
    assert found["sex"] == "F"
    assert "it has 2 rows for sub-01: the first is taken" in notes
    assert subject_row(None, "01", {})[0] == {"id": "01", "species": "homo sapiens"}


def test_scan_is_that_of_the_file():
    given = made_table(
        filename=["eeg/sub-01_task-a_eeg.edf", "eeg/sub-01_task-b_eeg.edf"],
        acq_time=["2001-01-01T00:00:00", "1899-06-05T10:11:12"],
        operator=["x", "y"],
    )
    found, notes = scan_row(given, "sub-01", ["sub-01/eeg/sub-01_task-b_eeg.edf"])
    assert found == {"operator": "y", "recording_date": "1899-06-05T10:11:12"}
    assert any("shifted" in note for note in notes)
    found, notes = scan_row(given, "sub-01", ["sub-01/eeg/sub-01_task-c_eeg.edf"])
    assert found == {}
    assert notes == ["it has no row for this recording"]


def test_session_is_found_with_and_without_its_key():
    given = made_table(session_id=["ses-a", "b"], acq_time=["", "soon"], score=[1, 2])
    assert session_row(given, "a")[0] == {"score": "1"}
    found, notes = session_row(given, "b")
    assert found == {"score": "2", "recording_date": "soon"}
    assert any("no date" in note for note in notes)
