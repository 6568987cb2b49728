"""A manifest that was written gives back the rows that the pipeline listed."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given

from brainsets.errors import ManifestError
from brainsets.shared.manifest import find_row, read_manifest
from brainsets.shared.manifest_schema import read_listing
from tests.helpers.manifests import frames, rows_read, write
from tests.helpers.workspace import ROOT


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
