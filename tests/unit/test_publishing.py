"""Only what is whole, and nobody else's, appears in the brainset's folder."""

import hashlib
import os
import sys

import pytest

from brainsets.errors import OutputError
from brainsets.jobs.outputs.inspection import inspected_outputs
from brainsets.jobs.outputs.publishing import publish
from brainsets.shared.state.sentinels import DONE
from tests.helpers.publishing import (
    finish,
    list_assets,
    listed_brainset,
    published,
    stage,
)

h5py = pytest.importorskip("h5py", reason="writes HDF5 files")


@pytest.fixture
def folder(tmp_path):
    return listed_brainset(tmp_path)


def write_h5(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["values"] = list(range(1000))


def test_what_was_staged_is_described_and_published(folder):
    outputs = finish(folder, "a", {"b.txt": b"second", "a.txt": b"first"})
    assert outputs == [
        {"path": "a.txt", "bytes": 5, "sha256": hashlib.sha256(b"first").hexdigest()},
        {"path": "b.txt", "bytes": 6, "sha256": hashlib.sha256(b"second").hexdigest()},
    ]
    assert published(folder) == {"a.txt": b"first", "b.txt": b"second"}


def test_subfolders_are_kept(folder):
    outputs = finish(
        folder, "a", {"sub/deep/x.txt": b"x", "sub/y.txt": b"y", "z.txt": b"z"}
    )
    assert [output["path"] for output in outputs] == [
        "sub/deep/x.txt",
        "sub/y.txt",
        "z.txt",
    ]
    assert published(folder) == {
        "sub/deep/x.txt": b"x",
        "sub/y.txt": b"y",
        "z.txt": b"z",
    }


def test_nothing_written_is_nothing_published(folder):
    staging = stage(folder, "a")
    (staging / "empty").mkdir()
    assert inspected_outputs(staging) == []
    publish(folder, "a", "a", staging, [])
    assert published(folder) == {}


def test_nothing_is_visible_before_it_is_published(folder):
    inspected_outputs(stage(folder, "a", {"x.txt": b"x"}))
    assert published(folder) == {}


def test_an_empty_file_and_a_large_one_have_their_checksums(folder):
    large = os.urandom(1 << 20) + b"and more"
    outputs = finish(folder, "a", {"a.txt": b"", "b.txt": large})
    assert [output["sha256"] for output in outputs] == [
        hashlib.sha256(b"").hexdigest(),
        hashlib.sha256(large).hexdigest(),
    ]


@pytest.mark.parametrize("suffix", [".h5", ".H5", ".hdf5", ".nwb"])
def test_a_whole_hdf5_file_is_published(folder, suffix):
    staging = stage(folder, "a")
    write_h5(staging / f"x{suffix}")
    publish(folder, "a", "a", staging, inspected_outputs(staging))
    with h5py.File(folder.root / f"x{suffix}", "r") as file:
        assert len(file["values"]) == 1000


@pytest.mark.parametrize("suffix", [".h5", ".H5", ".hdf5", ".nwb"])
@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_a_truncated_hdf5_file_is_refused(folder, suffix, kept):
    staging = stage(folder, "a", {"good.txt": b"good"})
    path = staging / "sub" / f"x{suffix}"
    write_h5(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept == 0.5 else kept])
    with pytest.raises(OutputError, match=f"sub/x{suffix} cannot be opened again"):
        inspected_outputs(staging)


def test_a_file_that_is_only_called_hdf5_is_refused(folder):
    staging = stage(folder, "a")
    (staging / "x.h5").write_text("not at all")
    with pytest.raises(OutputError, match="x.h5 cannot be opened again"):
        inspected_outputs(staging)


def test_without_h5py_a_file_that_is_only_called_hdf5_is_refused(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    staging = stage(folder, "a")
    (staging / "x.h5").write_text("not at all")
    with pytest.raises(OutputError, match="x.h5 is not an HDF5 file"):
        inspected_outputs(staging)


@pytest.mark.parametrize("user_block", [0, 512, 1024, 2048, 65536])
def test_without_h5py_a_whole_hdf5_file_is_published(folder, monkeypatch, user_block):
    staging = stage(folder, "a")
    with h5py.File(staging / "x.h5", "w", userblock_size=user_block) as file:
        file["values"] = [1.0, 2.0]
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert [output["path"] for output in inspected_outputs(staging)] == ["x.h5"]


def test_what_is_not_called_hdf5_is_not_opened(folder):
    assert finish(folder, "a", {"x.txt": b"\x89HDF\r\n\x1a\n and no more"})


def link_to_file(path, target):
    target.write_text("x")
    path.symlink_to(target)


def link_to_folder(path, target):
    target.mkdir()
    path.symlink_to(target)


@pytest.mark.parametrize(
    "make",
    [
        link_to_file,
        link_to_folder,
        lambda path, target: path.symlink_to(target),
        lambda path, target: os.mkfifo(path),
    ],
    ids=["link to a file", "link to a folder", "link to nothing", "pipe"],
)
@pytest.mark.parametrize("parent", ["", "sub/"])
def test_a_link_or_device_is_refused(folder, tmp_path, make, parent):
    staging = stage(folder, "a")
    path = staging / parent / "x"
    path.parent.mkdir(exist_ok=True)
    make(path, tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=f"{parent}x, which is a link or a device"):
        inspected_outputs(staging)


def test_the_folder_of_the_workflow_is_refused(folder):
    staging = stage(folder, "a", {"_workflow/manifest.tsv": b"mine"})
    with pytest.raises(OutputError, match="_workflow belongs to the workflow"):
        inspected_outputs(staging)


def test_a_folder_of_that_name_further_down_is_fine(folder):
    finish(folder, "a", {"sub/_workflow/x.txt": b"x"})
    assert published(folder) == {"sub/_workflow/x.txt": b"x"}


def test_an_asset_replaces_its_own_output(folder):
    finish(folder, "a", {"x.txt": b"old"})
    finish(folder, "a", {"x.txt": b"new"})
    assert published(folder) == {"x.txt": b"new"}


@pytest.mark.parametrize("output", ["x.txt", "sub/x.txt"])
def test_an_output_of_another_asset_is_refused_and_left_as_it_is(folder, output):
    finish(folder, "first/1", {output: b"of the first"})
    before = published(folder)
    with pytest.raises(OutputError) as refusal:
        finish(folder, "second", {"a.txt": b"own", output: b"of the second"})
    assert published(folder) == before
    assert not folder.sentinel("second", DONE).exists()
    for word in ("x.txt", "'first/1'", "'second'", "name of its own"):
        assert word in str(refusal.value)


def test_an_output_that_another_asset_no_longer_lists_is_free(folder):
    finish(folder, "first", {"x.txt": b"of the first"})
    finish(folder, "first", {"y.txt": b"of the first"})
    finish(folder, "second", {"x.txt": b"of the second"})
    assert published(folder) == {"x.txt": b"of the second", "y.txt": b"of the first"}
    with pytest.raises(OutputError, match="'second'"):
        finish(folder, "first", {"x.txt": b"again"})


def test_an_output_of_an_asset_that_has_left_the_manifest_is_free(folder):
    finish(folder, "first", {"x.txt": b"of the first"})
    list_assets(folder, ["sub-first"])
    finish(folder, "sub-first", {"x.txt": b"new name, same data"})
    assert published(folder) == {"x.txt": b"new name, same data"}


def test_a_file_and_a_folder_of_two_assets_with_one_name_are_refused(folder):
    finish(folder, "a", {"x": b"a file"})
    with pytest.raises(OutputError, match="x/y.txt cannot be published beside x"):
        finish(folder, "b", {"x/y.txt": b"in a folder"})
    finish(folder, "b", {"z/y.txt": b"in a folder"})
    with pytest.raises(OutputError, match="z cannot be published beside z/y.txt"):
        finish(folder, "first", {"z": b"a file"})
    assert published(folder) == {"x": b"a file", "z/y.txt": b"in a folder"}


@pytest.mark.parametrize("link", [False, True])
def test_what_stands_in_the_way_of_an_output_is_named(folder, link):
    finish(folder, "a", {"old.txt": b"old"})
    (folder.root / "z").mkdir()
    (folder.root / "z" / "notes.txt").write_text("of a person")
    with pytest.raises(OutputError, match="z cannot be published"):
        finish(folder, "a", {"new.txt": b"new", "z": b"a file"})
    if link:
        (folder.root / "z").rename(folder.root / "elsewhere")
        (folder.root / "z").symlink_to("elsewhere")
        with pytest.raises(OutputError, match="z cannot be published"):
            finish(folder, "a", {"new.txt": b"new", "z/y.txt": b"through a link"})
    assert not (folder.root / "new.txt").exists()
    assert (folder.root / "old.txt").read_bytes() == b"old"


def test_empty_folders_give_way_to_a_file(folder):
    finish(folder, "a", {"new.txt": b"old", "other.txt": b"old"})
    (folder.root / "new.txt").unlink()
    (folder.root / "new.txt/in/it").mkdir(parents=True)
    finish(folder, "a", {"new.txt": b"new", "other.txt": b"new"})
    assert published(folder) == {"new.txt": b"new", "other.txt": b"new"}


def test_an_output_of_an_asset_that_is_not_done_is_free(folder):
    staging = stage(folder, "first", {"x.txt": b"of the first"})
    publish(folder, "first", "first", staging, inspected_outputs(staging))
    finish(folder, "second", {"x.txt": b"of the second"})
    assert published(folder) == {"x.txt": b"of the second"}


@pytest.mark.parametrize("output", ["x.h5", "sub/x.h5", "a b.h5", "é.h5", ".h5"])
def test_no_record_is_found_by_who_looks_for_data(folder, output):
    # Users collect what is there with a glob over the whole folder.
    finish(folder, "a", {"y.txt": b"y", output.replace("h5", "txt"): b"x"})
    names = {path.suffix for path in folder.workflow.rglob("*") if path.is_file()}
    assert names <= {".json", ".tsv", ".DONE", ""}
