"""Ids of recordings by their paths, and the version that is taken of a dataset."""

import pytest

pytest.importorskip("pandas", reason="manifests are written with pandas")

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from brainsets.archives.dandi.recordings import without_ending
from brainsets.archives.recording_ids import is_like, recording_ids
from brainsets.archives.versions import chosen_version, earlier_version
from brainsets.errors import DownloadError
from tests.helpers.manifests import write

ID = "000140"
PATHS = ["sub-Jenkins/sub-Jenkins_ses-small_desc-test_behavior+ecephys.nwb"]


def ids_of(paths):
    return recording_ids(paths, without_ending)


def test_id_is_the_name_of_the_file():
    assert ids_of(PATHS) == {
        PATHS[0]: "sub-Jenkins_ses-small_desc-test_behavior+ecephys"
    }
    assert ids_of(["a/x.NWB", "y.nwb.zarr"]) == {
        "a/x.NWB": "x",
        "y.nwb.zarr": "y",
    }


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["a/x.nwb", "b/x.nwb", "b/y.nwb"], ["a_x", "b_x", "y"]),
        (["a/x.nwb", "a/X.nwb"], None),
        (["a/b_x.nwb", "a_b/x.nwb", "x.nwb"], None),
        (["x.nwb", "x.nwb.zarr", "X.NWB"], None),
        (["a/.nwb", ".nwb"], None),
        (["a/b/x.nwb", "a_b/x.nwb", "c/a_b_x.nwb"], None),
        (["x" * 300 + ".nwb", "x" * 300 + "1.nwb"], None),
    ],
)
def test_ids_of_files_with_one_name_differ(paths, ids):
    found = ids_of(paths)
    assert [*found] == paths
    if ids:
        assert [*found.values()] == ids
    assert_different(found)


def assert_different(found):
    ids = [*found.values()]
    assert len({id.lower() for id in ids}) == len(ids)
    assert all(id and "/" not in id and len(id.encode()) <= 200 for id in ids)


@given(st.lists(st.from_regex(r"([aA_]{0,2}/)?[aA_]{0,2}\.nwb", fullmatch=True)))
def test_ids_differ_for_any_paths(paths):
    unique = [*dict.fromkeys(paths)]
    assert_different(ids_of(unique))
    assert ids_of(unique[::-1]) == ids_of(unique)


def test_without_an_ending_to_leave_out_the_whole_name_is_the_id():
    assert recording_ids(["a/100", "b/101.x"]) == {"a/100": "100", "b/101.x": "101.x"}


def test_one_name_like_one_pattern_is_enough():
    assert is_like("S001", []) and is_like([], [])
    assert is_like("S001", ["x", "S*"]) and is_like(["a", "S001"], ["S*"])
    assert not is_like("S001", ["s*"]) and not is_like([], ["*"])


def earlier(tmp_path, rows, dandiset=ID):
    path, _ = write(tmp_path, pd.DataFrame(rows).set_index("id"))
    return earlier_version(path, "dandiset", dandiset)


def test_version_of_the_last_time_is_read_of_its_manifest(tmp_path):
    row = {"id": "a", "dandiset": ID, "version": "0.1.0"}
    assert earlier(tmp_path, [row, {**row, "id": "b"}]) == "0.1.0"
    assert earlier(tmp_path, [row], "000141") is None
    assert earlier(tmp_path, [{"id": "a", "x": 1}]) is None
    assert earlier_version(None, "dandiset", ID) is None
    assert earlier_version(tmp_path / "no such", "dandiset", ID) is None


def test_version_stays_though_the_archive_does_not_answer():
    def newest():
        raise DownloadError("no answer")

    told = []
    names = {"asked": None, "newest": newest, "tell": told.append}
    assert chosen_version("x", "a:x", earlier="1.0", **names) == "1.0"
    assert told == ["whether there is a newer version cannot be said: no answer"]
    with pytest.raises(DownloadError, match="no answer"):
        chosen_version("x", "a:x", earlier=None, **names)
