"""What a manifest holds comes back from its text as the identical value."""

import datetime
import decimal
import json
import math
import zoneinfo
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brainsets.shared.text import manifest_cells as cells

# Time says nothing here: the machine may be busy with whole runs of Snakemake.

ZONES = [zoneinfo.ZoneInfo(name) for name in ("Europe/Paris", "UTC", "Asia/Kolkata")]
OFFSETS = [
    datetime.timezone(datetime.timedelta(hours=hours, minutes=minutes))
    for hours, minutes in ((0, 0), (1, 0), (-3, -30), (5, 45))
]
# str.splitlines() ends a line at each of these.
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

texts = st.text(st.characters()) | st.sampled_from(
    [
        "",
        "NA",
        "nan",
        "None",
        "True",
        "\\N",
        "\\NA",
        "\\NaT",
        "\\",
        "\\t",
        "\t",
        "007",
        " a ",
        '"quoted"',
        "a\u200bb",
        "\ufeff",
        LINE_ENDS,
        "\ud800",
        "\ud83d\ude00",
        "😀",
        "$path",
    ]
)
numbers = st.integers() | st.integers(-(10**300), 10**300)
floats = st.floats() | st.sampled_from([0.1, 1e300, 5e-324, -0.0, 2.0**53])
dates = st.dates()
naive_datetimes = st.datetimes(allow_imaginary=False)
zoned_datetimes = st.datetimes(
    timezones=st.sampled_from([*ZONES, *OFFSETS]), allow_imaginary=True
)
# The range of nanoseconds in 64 bits, and of any zone's clock around it. A zone is
# given by name because pandas before 3 makes it a zone of pytz, and so reads it.
timestamps = st.builds(
    lambda nanoseconds, zone: pd.Timestamp(nanoseconds, tz="UTC").tz_convert(zone),
    st.integers(-9_200_000_000_000_000_000, 9_200_000_000_000_000_000),
    st.sampled_from([None, *map(str, ZONES), *OFFSETS]),
)
paths = st.builds(Path, texts.filter(lambda text: "\0" not in text))
missing = st.sampled_from([None, pd.NA, pd.NaT])
scalars = st.one_of(
    texts,
    numbers,
    floats,
    st.booleans(),
    missing,
    timestamps,
    naive_datetimes,
    zoned_datetimes,
    dates,
    paths,
)
keys = st.one_of(
    texts, st.sampled_from(["$path", "$", "$tuple"]), numbers, st.booleans(), dates
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys | st.tuples(keys), inner, max_size=4),
    ),
    max_leaves=8,
)


def identical(one, other):
    """Whether two values are of one type and say the same, nan included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return identical(list(one.items()), list(other.items()))
    if isinstance(one, float):
        return one.hex() == other.hex()
    if one is None or one is pd.NA or one is pd.NaT:
        return one is other
    if isinstance(one, datetime.datetime):
        zones = [getattr(value.tzinfo, "key", None) for value in (one, other)]
        is_same = one == other and one.isoformat() == other.isoformat()
        return is_same and zones[0] == zones[1]
    return one == other


def written_and_read(column):
    """Return the values of a column after they were text, and that text."""
    kind = cells.column_type(column)
    fields = [cells.write(value, kind) for value in column]
    return [cells.parse(field, kind) for field in fields], fields


@given(st.lists(values, max_size=5))
@example([{1: "a", "$path": (None, math.nan)}, [], {}, (), {"": ""}])
@example(["\ud83d\ude00", [Path("\ud83d\ude00")], {"\ud83d\ude00": "😀"}])
def test_a_column_of_anything_comes_back_identical(column):
    found, _ = written_and_read(column)
    assert identical(found, column)


OF_ONE_TYPE = {
    "str": texts,
    "int": numbers,
    "float": floats.filter(lambda number: not math.isnan(number)),
    "bool": st.booleans(),
    "timestamp": timestamps,
    "datetime": naive_datetimes | zoned_datetimes,
    "date": dates,
    "path": paths,
}


@pytest.mark.parametrize("kind", OF_ONE_TYPE)
@given(data=st.data())
def test_a_column_of_one_type_keeps_it_with_its_gaps(kind, data):
    column = data.draw(st.lists(OF_ONE_TYPE[kind], min_size=1, max_size=4))
    column += data.draw(st.lists(missing | st.just(math.nan), max_size=3))
    assert cells.column_type(column) == kind
    found, _ = written_and_read(column)
    assert identical(found, column)


@given(
    st.one_of(
        [st.lists(kind, max_size=5) for kind in (values, texts, numbers, floats)]
        + [st.lists(st.booleans(), max_size=5)]
    )
)
@example([math.nan, math.nan])
@example([10**5000])
def test_a_column_at_once_is_what_its_values_are_one_by_one(column):
    try:
        kind = cells.column_type(column)
        expected = kind, [cells.write(value, kind) for value in column]
    except cells.CellError:
        with pytest.raises(cells.CellError):
            cells.column(column)
    else:
        assert cells.column(column) == expected


@given(st.lists(values, min_size=1, max_size=5))
@example([LINE_ENDS, "\t"])
@example([[LINE_ENDS, "\t", {"\t": "\n"}], Path(LINE_ENDS)])
def test_nothing_in_a_field_ends_the_field_or_its_line(column):
    _, fields = written_and_read(column)
    for field in fields:
        assert "\t" not in field
        assert len(f"{field}|".splitlines()) == 1
        # What an editor would show as nothing, or could not save.
        assert field.isprintable()
        field.encode()


@pytest.mark.parametrize("gap", [None, pd.NA, pd.NaT, math.nan])
@pytest.mark.parametrize(
    "text", ["", "NA", "nan", "None", "NaT", "null", "\\N", "\\NA", "\\NaT", "\\NaN"]
)
def test_a_gap_is_never_taken_for_text_nor_text_for_a_gap(gap, text):
    found, fields = written_and_read([gap, text])
    assert identical(found, [gap, text])
    assert fields[0] != fields[1]


@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [
        ("a b", "str", "a b"),
        ("a\tb", "str", "a\\tb"),
        ("é", "str", "é"),
        ("a\\b", "str", "a\\\\b"),
        ("\u200b", "str", "\\u200b"),
        (42, "int", "42"),
        (0.1, "float", "0.1"),
        (math.nan, "float", "nan"),
        (-math.inf, "float", "-inf"),
        (True, "bool", "True"),
        (None, "str", "\\N"),
        (Path("a/b"), "path", "a/b"),
        (datetime.date(2020, 2, 1), "date", "2020-02-01"),
        (
            pd.Timestamp("2020-02-01T10:00", tz="Europe/Paris"),
            "timestamp",
            "2020-02-01T10:00:00+01:00[Europe/Paris]",
        ),
        ((1, Path("a")), "mixed", '{"$tuple": [1, {"$path": "a"}]}'),
        ([math.inf, None], "mixed", '[{"$float": "inf"}, null]'),
    ],
)
def test_the_text_is_what_the_format_says(value, kind, field):
    assert cells.column_type([value]) == kind
    assert cells.write(value, kind) == field


@pytest.mark.parametrize(
    "moment",
    [
        pd.Timestamp("1890-01-01", tz="Europe/Paris"),
        pd.Timestamp("1890-01-01T00:00:00.123456789", tz="Europe/Paris"),
        pd.Timestamp("2020-10-25T00:30Z").tz_convert("Europe/Paris"),
        pd.Timestamp("2020-10-25T01:30Z").tz_convert("Europe/Paris"),
        pd.Timestamp("2020-02-01T10:00:00.123456789"),
        datetime.datetime(1890, 1, 1, tzinfo=ZONES[0]),
        datetime.datetime(2020, 3, 29, 2, 30, tzinfo=ZONES[0]),
        datetime.datetime(2020, 3, 29, 2, 30, tzinfo=ZONES[0], fold=1),
        datetime.datetime(2020, 10, 25, 2, 30, tzinfo=ZONES[0]),
        datetime.datetime(2020, 10, 25, 2, 30, tzinfo=ZONES[0], fold=1),
        datetime.datetime(1, 1, 1, tzinfo=ZONES[0]),
        datetime.datetime.max.replace(tzinfo=zoneinfo.ZoneInfo("America/New_York")),
    ],
    ids=str,
)
def test_a_time_keeps_its_zone_and_its_clock(moment):
    (found,), _ = written_and_read([moment])
    assert identical(found, moment)
    assert str(found.tzinfo) == str(moment.tzinfo)
    assert found.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(0.1), 0.1),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_a_scalar_of_numpy_comes_back_as_the_value_it_stands_for(value, plain):
    found, _ = written_and_read([value, [value]])
    assert identical(found, [plain, [plain]])


class Probe:
    """Something that a table cannot hold."""


class Label(str):
    """Text that would come back as less than it was."""


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Probe(), "Probe"),
        (Label("a"), "Label"),
        (b"raw", "bytes"),
        (1j, "complex"),
        ({1, 2}, "set"),
        (frozenset(), "frozenset"),
        (decimal.Decimal("0.1"), "Decimal"),
        (datetime.timedelta(1), "timedelta"),
        (datetime.time(1), "time"),
        (pd.Timedelta(1), "Timedelta"),
        (pd.Period("2020"), "Period"),
        (np.array([1]), "ndarray"),
        (np.datetime64("2020-01-01", "ns"), "datetime64"),
        (np.timedelta64(1, "ns"), "timedelta64"),
        (len, "builtin_function_or_method"),
        pytest.param(10**5000, "int of more than 4000 digits", id="int"),
    ],
)
def test_a_value_that_cannot_be_written_is_refused_by_the_name_of_its_type(
    value, named
):
    for column in ([value], [None, value], [[value]], [{"a": (value,)}]):
        with pytest.raises(cells.CellError) as refusal:
            written_and_read(column)
        assert named in str(refusal.value)


def test_a_time_in_a_zone_that_cannot_be_named_is_refused():
    class Nowhere(datetime.tzinfo):
        def utcoffset(self, moment):
            return datetime.timedelta(hours=1)

        def __repr__(self):
            return "Nowhere()"

    moment = datetime.datetime(2020, 1, 1, tzinfo=Nowhere())
    with pytest.raises(cells.CellError, match=r"zone without a name \(Nowhere\(\)\)"):
        written_and_read([moment])


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("int", ""),
        ("int", "1.5"),
        ("int", "one"),
        ("float", "0,1"),
        ("bool", "true"),
        ("bool", ""),
        ("date", "2020-13-01"),
        ("timestamp", ""),
        ("timestamp", "now"),
        ("timestamp", "2020-01-01T00:00:00[Europe/Paris]"),
        ("timestamp", "2020-01-01T00:00:00+01:00[No/Where]"),
        ("datetime", "2020-01-01T00:00:00[Europe/Paris]"),
        ("datetime", "2020-01-01T00:00:00+01:00[No/Where]"),
        ("datetime", "2020-01-01T99:00:00"),
        ("str", "a\\b"),
        ("str", "a\\"),
        ("str", "\\x4"),
        ("str", "\\U99999999"),
        ("str", "\\Nothing"),
        ("path", "\\x"),
        ("mixed", ""),
        ("mixed", '"a'),
        ("mixed", "1 2"),
        ("mixed", '{"$tuple": 3}'),
        ("mixed", '{"$dict": [1]}'),
        ("mixed", '{"$dict": [[[1], 2]]}'),
        ("mixed", '{"$missing": 5}'),
        ("mixed", '{"$missing": "Nope"}'),
        ("mixed", '{"$path": 5}'),
        ("mixed", '{"$float": 1}'),
        ("mixed", '{"$nothing": "a"}'),
        ("mixed", "[" * 100_000),
        ("nothing", "a"),
    ],
)
def test_what_an_edit_has_broken_is_refused_as_a_cell_error(kind, field):
    with pytest.raises(cells.CellError):
        cells.parse(field, kind)


@pytest.mark.parametrize("kind", [*OF_ONE_TYPE, "mixed"])
@given(field=st.text(st.characters(), max_size=20))
def test_any_text_is_read_or_refused(kind, field):
    try:
        cells.parse(field, kind)
    except cells.CellError:
        pass


@given(values, st.lists(values, max_size=3))
@example(1, ["a"])
@example(0.5, ["a"])
@example(math.nan, [1.5])
@example("\U0001fae8", [1])
@example(Path("a\tb"), [1])
@example(None, [[1]])
@example("\ud83d\ude00", [1])
@example(Path("\ud83d\ude00"), [1])
def test_content_of_a_cell_is_the_same_whatever_else_its_column_holds(value, others):
    alone, together = cells.column_type([value]), cells.column_type([value, *others])
    assert cells.content(cells.write(value, alone), alone) == cells.content(
        cells.write(value, together), together
    )


@given(values, values)
@example(1, 1.0)
@example(1, "1")
@example(1, True)
@example("a", Path("a"))
@example((), [])
@example(None, math.nan)
@example(None, "\\N")
@example("nan", math.nan)
@example("missing", None)
def test_content_differs_where_values_differ(one, other):
    def content(value):
        kind = cells.column_type([value])
        return json.dumps(cells.content(cells.write(value, kind), kind))

    assert (content(one) == content(other)) == identical(one, other)
