"""A row's hash says whether that row has changed, and nothing of the others."""

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.shared.manifest import find_row, read_manifest
from tests.helpers.manifests import frames, write


def hashes(folder, frame):
    folder.mkdir(exist_ok=True)
    path, assets = write(folder, frame)
    manifest = read_manifest(path)
    found = {asset: manifest.row_hash(asset) for asset in assets}
    # Planning reads the whole table, a job one row of it: they must agree.
    for asset, name in manifest.names.items():
        assert find_row(path, name).hash == found[asset]
    return found


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
