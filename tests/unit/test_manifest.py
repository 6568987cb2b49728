"""A manifest that was written gives back the rows that the pipeline listed."""

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from brainsets.errors import ManifestError
from brainsets.jobs import listing
from brainsets.shared.manifest import find_row, read_listing, read_manifest

# Time says nothing here: the machine may be busy with whole runs of Snakemake.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ROOT = Path(__file__).resolve().parents[2]

COLUMN_NAMES = [
    "class",
    "my col",
    "Index",
    "_x",
    "plain",
    "plain",
    "count",
    "é",
    "a\tb",
    "",
    "\ud800",
    0,
    7,
    None,
    1.5,
    ("a", "b"),
]
ZONED = st.datetimes(
    min_value=pd.Timestamp("1970-01-01").to_pydatetime(),
    max_value=pd.Timestamp("2030-01-01").to_pydatetime(),
).map(lambda moment: pd.Timestamp(moment, tz="UTC").tz_convert("Europe/Paris"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
OBJECTS = st.one_of(
    TEXTS,
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just(pd.NA),
    ZONED,
    st.dates(),
    st.builds(Path, TEXTS.filter(lambda text: "\0" not in text)),
    st.lists(st.integers(), max_size=2).map(tuple),
    st.dictionaries(st.integers() | TEXTS, st.none() | st.floats(), max_size=2),
)
# What a column holds, by the dtype that pandas is asked for.
COLUMNS = {
    "object": OBJECTS,
    "str": TEXTS,
    "string": TEXTS | st.none(),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "int8": st.integers(-128, 127),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "float64": st.floats(),
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "boolean": st.booleans() | st.none(),
    "datetime64[ns, Europe/Paris]": ZONED | st.none(),
    "datetime64[ns]": ZONED.map(lambda moment: moment.tz_localize(None)) | st.none(),
    "category": TEXTS | st.none(),
}
IDS = {
    "text": st.text(st.characters(), min_size=1, max_size=8).filter("nan".__ne__),
    "object": st.text(st.characters(), min_size=1, max_size=8).filter("nan".__ne__),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "Int64": st.integers(0, 2**40),
    "timestamps": ZONED,
}


@st.composite
def frames(draw):
    """Return a DataFrame such as a pipeline could list."""
    kind = draw(st.sampled_from([*IDS, "range"]))
    if kind == "range":
        index = pd.RangeIndex(draw(st.integers(0, 5)), name=draw(NAMES))
    else:
        values = draw(st.lists(IDS[kind], unique=True, max_size=5))
        dtype = kind if kind in ("object", "int64", "Int64") else None
        index = pd.Index(values, dtype=dtype, name=draw(NAMES))
    count = len(index)
    titles = draw(st.lists(st.sampled_from(COLUMN_NAMES), max_size=5))
    columns = []
    for _ in titles:
        dtype = draw(st.sampled_from(list(COLUMNS)))
        values = draw(st.lists(COLUMNS[dtype], min_size=count, max_size=count))
        columns.append(pd.Series(values, index=index, dtype=dtype))
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    frame.columns = pd.Index(titles, dtype=object, tupleize_cols=False)
    return frame


NAMES = st.none() | st.sampled_from(["session", "my id", "a\tb", 3])


def write(folder, frame):
    """Write a manifest as the job does; return the path of the table."""
    columns, lines, assets = listing.table(frame)
    path = folder / "manifest.tsv"
    listing._write(path, {"columns": columns}, lines)
    return path, assets


def rows_read(path):
    """Return all rows of a written manifest, in the order of the table."""
    manifest = read_manifest(path)
    return [find_row(path, name).row() for name in manifest.names.values()]


def as_python(value):
    return value.item() if isinstance(value, np.generic) else value


def same(one, other):
    """Whether two cells are of one type and say the same, nan included."""
    one, other = as_python(one), as_python(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if one is pd.NA or one is pd.NaT:
        return one is other
    return one == other


def assert_same_rows(found, frame):
    wanted = list(frame.itertuples())
    assert len(found) == len(wanted)
    for row, itself in zip(found, wanted, strict=True):
        assert row._fields == itself._fields
        assert type(row).__name__ == type(itself).__name__
        assert same(tuple(row), tuple(itself)), (row, itself)


MIXED = pd.DataFrame(
    {
        "class": ["a", None, "NA"],
        "my col": [1, 2.5, "x"],
        "Index": [None, True, False],
        "_x": pd.Series([1, None, 3], dtype="Int64"),
        0: pd.Series(["a", None, ""], dtype="string"),
        "when": pd.to_datetime(["2020-02-01", None, "2020-07-01"]).tz_localize(
            "Europe/Paris"
        ),
        "kind": pd.Categorical(["u", "v", None]),
        "small": np.array([0.1, np.nan, np.inf], dtype="float32"),
        "tiny": np.array([-128, 0, 127], dtype="int8"),
    },
    index=["00", "a/b", "é\t"],
)


@unhurried
@given(frame=frames())
@example(MIXED)
@example(MIXED.iloc[:0])
@example(pd.DataFrame(index=["a", "b"]))
@example(pd.DataFrame())
@example(pd.DataFrame({"n": [1, 2]}))
@example(pd.DataFrame([[1, "a"]], columns=["twice", "twice"], index=["s"]))
def test_rows_come_back_as_itertuples_gives_them(tmp_path_factory, frame):
    path, assets = write(tmp_path_factory.mktemp("m"), frame)
    assert_same_rows(rows_read(path), frame)
    assert list(read_manifest(path).rows) == assets


def test_a_text_id_of_digits_stays_text(tmp_path):
    frame = pd.DataFrame({"n": [1, 2]}, index=["00", "717913184"])
    path, assets = write(tmp_path, frame)
    assert assets == ["00", "717913184"]
    assert [row.Index for row in rows_read(path)] == ["00", "717913184"]


def test_whole_numbers_are_selected_by_their_text_and_stay_numbers(tmp_path):
    path, assets = write(tmp_path, pd.DataFrame({"n": ["a", "b"]}, index=[7, 8]))
    assert assets == ["7", "8"]
    assert find_row(path, "8").row() == (8, "b")


def test_the_table_is_one_that_a_person_can_read(tmp_path):
    day = pd.Series(["Mo\tTu", None], dtype=object)
    frame = pd.DataFrame({"day": day, "n": [1, 2]})
    frame.index = pd.Index(["a/b", "é"], name="id")
    path, _ = write(tmp_path, frame)
    assert path.read_text("utf-8") == "id\tday\tn\na/b\tMo\\tTu\t1\né\t\\N\t2\n"
    assert read_listing(path)["columns"] == [
        {"name": "id", "type": "str"},
        {"name": "day", "type": "str"},
        {"name": "n", "type": "int"},
    ]


def test_a_row_is_found_by_name_without_reading_the_others(tmp_path):
    path, _ = write(tmp_path, pd.DataFrame({"n": [1, 2]}, index=["a", "b/c"]))
    path.write_text(path.read_text().replace("a\t1", "a\tbroken"))
    assert find_row(path, "b%2Fc").row() == ("b/c", 2)
    with pytest.raises(ManifestError):
        find_row(path, "a").row()


def test_each_of_two_ids_that_differ_in_case_is_found(tmp_path):
    path, _ = write(tmp_path, pd.DataFrame({"n": [1, 2]}, index=["A", "a"]))
    names = read_manifest(path).names
    assert find_row(path, names["A"]).row() == ("A", 1)
    assert find_row(path, names["a"]).row() == ("a", 2)


def test_an_asset_that_the_manifest_does_not_have_is_named(tmp_path):
    path, _ = write(tmp_path, pd.DataFrame({"n": [1]}, index=["a"]))
    with pytest.raises(ManifestError, match="manifest.tsv has no asset .*'gone'"):
        find_row(path, "gone")


def test_a_row_can_be_pickled(tmp_path):
    path, _ = write(tmp_path, MIXED)
    for row in rows_read(path):
        twin = pickle.loads(pickle.dumps(row))
        assert same(tuple(twin), tuple(row))
        assert type(twin) is type(row)


def test_a_row_can_be_unpickled_in_another_process(tmp_path):
    path, _ = write(tmp_path, MIXED)
    row = rows_read(path)[0]
    (tmp_path / "row.pkl").write_bytes(pickle.dumps({"row": row}))
    script = """
        import pickle, sys
        row = pickle.load(open(sys.argv[1], "rb"))["row"]
        print(type(row).__name__, row._fields, row.Index, row.tiny)
    """
    done = subprocess.run(
        [sys.executable, "-c", script.replace("        ", ""), tmp_path / "row.pkl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"Pandas {row._fields} 00 -128\n", done.stderr


def hashes(folder, frame):
    folder.mkdir(exist_ok=True)
    path, assets = write(folder, frame)
    manifest = read_manifest(path)
    found = {asset: manifest.row_hash(asset) for asset in assets}
    # Planning reads the whole table, a job one row of it: they must agree.
    for asset, name in manifest.names.items():
        assert find_row(path, name).hash == found[asset]
    return found


@unhurried
@given(frame=frames(), data=st.data())
def test_a_row_keeps_its_hash_whatever_happens_to_others(tmp_path_factory, frame, data):
    folder = tmp_path_factory.mktemp("m")
    before = hashes(folder, frame)
    kept = data.draw(st.permutations(range(len(frame))))
    kept = kept[: data.draw(st.integers(0, len(frame)))]
    after = hashes(folder, frame.iloc[kept])
    assert after == {asset: before[asset] for asset in after}


ONE = {"n": 1, "text": "x", "gap": None, "list": [1], "share": 0.5}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"n": "many"},
        {"n": 2.5},
        {"text": 3},
        {"text": None},
        {"gap": 5},
        {"gap": [1]},
        {"list": None},
        {"list": "x"},
        {"share": None},
        {"share": "half"},
        {"share": pd.NA},
    ],
    ids=str,
)
def test_a_new_row_with_other_types_changes_no_other_hash(tmp_path, other):
    columns = list(ONE)

    def frame(**rows):
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=columns, dtype=object
        )

    one = list(ONE.values())
    alone = hashes(tmp_path / "a", frame(s1=one))
    both = hashes(tmp_path / "b", frame(s2=list({**ONE, **other}.values()), s1=one))
    assert both["s1"] == alone["s1"]


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2},
        {"n": "1"},
        {"n": 1.0},
        {"n": True},
        {"text": "X"},
        {"text": Path("x")},
        {"text": "x "},
        {"gap": ""},
        {"gap": math.nan},
        {"gap": "\\N"},
        {"list": (1,)},
        {"list": [1, 1]},
        {"share": 0.5000000000000001},
    ],
    ids=str,
)
def test_any_change_of_a_row_changes_its_hash_alone(tmp_path, change):
    rows = pd.DataFrame([ONE, ONE], index=["s1", "s2"], dtype=object)
    before = hashes(tmp_path / "before", rows)
    ((column, value),) = change.items()
    rows.at["s1", column] = value
    after = hashes(tmp_path / "after", rows)
    assert after["s1"] != before["s1"]
    assert after["s2"] == before["s2"]


def test_another_column_or_another_name_of_one_changes_the_hash(tmp_path):
    frame = pd.DataFrame({"a": [1], "b": [2]}, index=["s"])
    found = [
        hashes(tmp_path / str(number), changed)["s"]
        for number, changed in enumerate(
            [
                frame,
                frame[["b", "a"]],
                frame[["a"]],
                frame.rename(columns={"a": "c"}),
                frame.set_axis(["b", "a"], axis=1),
                frame.assign(c=None),
            ]
        )
    ]
    assert len(set(found)) == len(found)


def test_the_name_of_the_index_is_not_in_a_row_so_not_in_its_hash(tmp_path):
    frame = pd.DataFrame({"a": [1]}, index=["s"])
    named = frame.rename_axis("session")
    assert hashes(tmp_path / "a", frame) == hashes(tmp_path / "b", named)


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
    table.write_text(table.read_text().replace("b\t2", "b\t20"))
    assert find_row(table, "b").row() == ("b", 20, "y")
    after = read_manifest(table)
    assert after.row_hash("b") != before.row_hash("b")
    assert after.row_hash("a") == before.row_hash("a")


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
