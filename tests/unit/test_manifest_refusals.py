"""What is no manifest is refused, and what people edit in one is read or named."""

import argparse
import array
import collections
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import uuid
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from brainsets.errors import ManifestError
from brainsets.jobs import listing
from brainsets.shared.manifest import Manifests, find_row, read_manifest
from brainsets.shared.manifest_schema import read_listing
from tests.helpers.manifests import rows_read, write


class Probe:
    """Something that a table cannot hold."""


REFUSED = {
    "list": ([1, 2], ["returned a list", "DataFrame"]),
    "none": (None, ["returned a NoneType", "DataFrame"]),
    "series": (pd.Series([1]), ["returned a Series", "DataFrame"]),
    "duplicate text": (
        pd.DataFrame(index=["a", "b", "a"]),
        ['"a"', "rows 1 and 3"],
    ),
    "duplicate number": (pd.DataFrame(index=[7, 7]), ['"7"', "rows 1 and 2"]),
    "number and text": (
        pd.DataFrame(index=pd.Index([1, "1"], dtype=object)),
        ["different types", "use text"],
    ),
    "number and flag": (
        pd.DataFrame(index=pd.Index([1, True], dtype=object)),
        ["different types"],
    ),
    "missing None": (pd.DataFrame(index=["a", None]), ["row 2", "no id"]),
    "missing NA": (
        pd.DataFrame(index=pd.Index(["a", pd.NA], dtype="string")),
        ["row 2", "no id"],
    ),
    "missing nan": (pd.DataFrame(index=[1.5, math.nan]), ["row 2", "no id", "nan"]),
    "missing NaT": (
        pd.DataFrame(index=pd.DatetimeIndex(["2020-01-01", None])),
        ["row 2", "no id"],
    ),
    "empty id": (pd.DataFrame(index=["", "a"]), ["row 1", "no id"]),
    "levels": (
        pd.DataFrame(index=pd.MultiIndex.from_tuples([("a", 1)], names=["s", "r"])),
        ["2 levels", "['s', 'r']"],
    ),
    "object as id": (pd.DataFrame(index=[Probe()]), ["index holds a Probe object"]),
    "object in a cell": (
        pd.DataFrame({"n": [1, 2], "probe": ["x", Probe()]}, index=["s1", "s2"]),
        ["'probe'", "'s2'", "a Probe object"],
    ),
    "object inside a cell": (
        pd.DataFrame({"probe": [[1], [{"a": Probe()}]]}, index=[7, 8]),
        ["'probe'", "'8'", "a Probe object"],
    ),
    "bytes": (
        pd.DataFrame({"raw": [b"x"]}, index=["new\nline"]),
        ["'raw'", "'new", "a bytes object"],
    ),
    "span": (
        pd.DataFrame({"t": [pd.Timedelta(1)]}, index=["s"]),
        ["'t'", "'s'", "a Timedelta object"],
    ),
}


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int


@dataclass
class Site:
    x: int


class Odd:
    @property
    def __class__(self):
        raise RuntimeError("no")


def itself():
    value = []
    value.append(value)
    return value


ADVICE = {
    "array": (np.zeros(3), "a list (`.tolist()`)"),
    "array in a dict": ({"a": [np.zeros(3)]}, "a list (`.tolist()`)"),
    "array of the standard library": (array.array("d", [1]), "a list (`.tolist()`)"),
    "Series": (pd.Series([1]), "a list (`.tolist()`)"),
    "Index": (pd.Index([1]), "a list (`.tolist()`)"),
    "Categorical": (pd.Categorical(["a"]), "a list (`.tolist()`)"),
    "DataFrame": (pd.DataFrame({"a": [1]}), 'lists by column (`.to_dict("list")`)'),
    "Period": (pd.Period("2020-01"), "its begin (`.start_time`) or text"),
    "Interval": (pd.Interval(0, 1), "its two ends (`.left`, `.right`)"),
    "Timedelta": (pd.Timedelta(1), "its seconds, as a number (`.total_seconds()`)"),
    "timedelta": (datetime.timedelta(1), "its seconds, as a number"),
    "timedelta64": (np.timedelta64(1, "s"), "its seconds, as a number (`... / np."),
    "datetime64": (np.datetime64("2020"), "a time (`pd.Timestamp(...)`)"),
    "time": (datetime.time(1), "text (`.isoformat()`)"),
    "set": ({1}, "a sorted list (`sorted(...)`)"),
    "frozenset": (frozenset({1}), "a sorted list (`sorted(...)`)"),
    "bytes": (b"a", "text (`.decode()` or `.hex()`)"),
    "decimal": (decimal.Decimal("1.10"), "a number (`float(...)`) or, if each digit"),
    "fraction": (fractions.Fraction(1, 3), "a number (`float(...)`)"),
    "complex": (1j, "its parts, as two numbers (`.real`, `.imag`)"),
    "complex of numpy": (np.complex64(1j), "its parts, as two numbers"),
    "long double": (np.longdouble(1), "a number (`float(...)`)"),
    "masked": (np.ma.masked, "None"),
    "enum": (Colour.RED, "its name or its value (`.name`, `.value`)"),
    "enum of numbers": (Level.LOW, "its name or its value"),
    "named tuple": (Point(1), "a dict (`._asdict()`)"),
    "dataclass": (Site(1), "a dict (`dataclasses.asdict(...)`)"),
    "counter": (collections.Counter("a"), "a plain dict (`dict(...)`)"),
    "namespace": (argparse.Namespace(a=1), "a dict (`vars(...)`)"),
    "range": (range(3), "a list (`list(...)`)"),
    "generator": ((x for x in "ab"), "a list (`list(...)`)"),
    "deque": (collections.deque("a"), "a list (`list(...)`)"),
    "path of another system": (pathlib.PureWindowsPath("a"), "a `pathlib.Path`"),
    "function": (itself, "its name, as text (`.__name__`)"),
    "class": (Probe, "its name, as text (`.__name__`)"),
    "module": (math, "its name, as text (`.__name__`)"),
    "uuid": (uuid.UUID(int=1), "text (`str(...)`)"),
    "object": (Probe(), "its name, id or path"),
    "object that cannot be looked at": (Odd(), "its name, id or path"),
    "long int": (10**5000, "text"),
    "holds itself": (itself(), "the values that it is made of"),
}


@pytest.mark.parametrize("case", ADVICE)
def test_the_advice_fits_what_a_cell_holds(case):
    value, advice = ADVICE[case]
    cell = np.empty(1, dtype=object)
    cell[0] = value
    frame = pd.DataFrame(index=["s1"])
    frame["probe"] = pd.Series(cell, index=["s1"], dtype=object)
    with pytest.raises(ManifestError) as refusal:
        listing.table(frame)
    sentence = str(refusal.value)
    assert f"store {advice}" in sentence
    assert sentence.startswith("manifest, asset 's1': column 'probe' holds a")
    assert sentence.endswith(" instead.") and len(sentence.splitlines()) == 1


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_manifest_is_refused_in_one_sentence(case):
    frame, named = REFUSED[case]
    with pytest.raises(ManifestError) as refusal:
        listing.table(frame)
    sentence = str(refusal.value)
    for word in named:
        assert word in sentence
    assert len(sentence.splitlines()) == 1
    assert sentence.endswith(".")


@pytest.fixture
def table(tmp_path):
    """A manifest of three assets, to be broken."""
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "text": ["x", "y", "z"]},
        index=pd.Index(["a", "b", "c"], name="id"),
    )
    return write(tmp_path, frame)[0]


def test_windows_line_ends_and_a_missing_last_one_are_read(table):
    before = rows_read(table)
    hashes_before = [read_manifest(table).row_hash(asset) for asset in "abc"]
    text = table.read_text().removesuffix("\n").replace("\n", "\r\n")
    table.write_bytes(text.encode())
    assert rows_read(table) == before
    assert [read_manifest(table).row_hash(a) for a in "abc"] == hashes_before


def test_empty_lines_are_no_assets(table):
    table.write_text(table.read_text().replace("b\t2", "\n\nb\t2") + "\n\n")
    assert list(read_manifest(table).rows) == ["a", "b", "c"]
    assert find_row(table, "b").row() == ("b", 2, "y")


def test_an_edited_value_is_what_counts(table):
    before = read_manifest(table)
    assert find_row(table, "b").row() == ("b", 2, "y")
    table.write_text(table.read_text().replace("b\t2", "b\t20"))
    assert find_row(table, "b").row() == ("b", 20, "y")
    after = read_manifest(table)
    assert after.row_hash("b") != before.row_hash("b")
    assert after.row_hash("a") == before.row_hash("a")


def test_a_manifest_is_read_again_only_when_it_changes(table):
    manifests = Manifests()
    first = manifests.read(table)
    assert manifests.read(table) is first
    table.write_text(table.read_text().replace("b\t2", "b\t20"))
    assert manifests.read(table).rows["b"] == ["b", "20", "y"]
    table.unlink()
    with pytest.raises(ManifestError, match="cannot be read: No such file.*; list the"):
        manifests.read(table)


BROKEN = {
    "dropped field": ("b\t2\ty", "b\t2", ["line 3", "2 fields instead of 3"]),
    "tab too many": ("b\t2\ty", "b\t2\t\ty", ["line 3", "4 fields instead of 3"]),
    "blanks for tabs": ("b\t2\ty", "b  2  y", ["line 3", "1 fields instead of 3"]),
    "duplicate line": ("c\t3", "b\t3", ["line 4", "'b' stands twice"]),
    "no id": ("b\t2", "\t2", ["line 3", "no id", "'id'"]),
    "lone backslash": ("b\t2", "b\\\t2", ["line 3", "'id'", "backslash"]),
    "other columns": ("id\tn", "id\tm", ["first line", "'m'", "'n'"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_edit_that_breaks_the_table_is_named_by_file_and_line(table, case):
    good, bad, named = BROKEN[case]
    assert good in table.read_text()
    table.write_text(table.read_text().replace(good, bad))
    with pytest.raises(ManifestError) as refusal:
        read_manifest(table)
    for word in [str(table), *named]:
        assert word in str(refusal.value)


@pytest.mark.parametrize("wrong", ["two", "2.0", "", "2 3"])
def test_a_wrong_number_is_named_by_file_line_and_column(table, wrong):
    table.write_text(table.read_text().replace("b\t2", f"b\t{wrong}"))
    read_manifest(table)
    with pytest.raises(ManifestError) as refusal:
        find_row(table, "b").row()
    for word in [str(table), "line 3", "'n'", repr(wrong)]:
        assert word in str(refusal.value)


def test_a_table_that_is_no_text_or_not_there_is_named(table):
    table.write_bytes(b"id\tn\ttext\n\xff\t1\tx\n")
    with pytest.raises(ManifestError, match="manifest.tsv is not UTF-8"):
        read_manifest(table)
    table.unlink()
    with pytest.raises(ManifestError, match="manifest.tsv cannot be read"):
        read_manifest(table)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"columns": 3}', '{"columns": [1]}']
)
def test_a_schema_that_describes_no_columns_is_named(table, content):
    table.with_name("manifest.schema.json").write_text(content)
    with pytest.raises(ManifestError, match="manifest.schema.json does not describe"):
        read_manifest(table)


def test_what_the_schema_says_is_kept_whatever_the_text(tmp_path):
    # Arguments that are no UTF-8 reach Python with lone surrogates in them.
    columns, lines, _ = listing.table(pd.DataFrame(index=["a"]))
    path = tmp_path / "manifest.tsv"
    listing._write(path, {"columns": columns, "args": ["--é\udcff"]}, lines)
    assert read_listing(path)["args"] == ["--é\udcff"]
    assert json.loads(json.dumps(read_listing(path)))["columns"] == columns
