"""What killed processes have left half-written goes, and nothing else."""

import os

from brainsets.planning.cleanup import remove_partial_files
from brainsets.shared.files import write_atomically
from brainsets.shared.folders import BrainsetFolder

HEX = "0123456789abcdef" * 2


def test_only_what_nobody_has_written_to_lately_is_removed(tmp_path):
    folder = BrainsetFolder(tmp_path)
    write_atomically(folder.lock, b"")
    old = (".12-s1.DONE", f".{HEX}", ".hidden", "s1.DONE", "12-s1.DONE")
    for name in (*old, ".13-s2.DONE"):
        path = folder.status / name
        write_atomically(path, b"x")
        if name in old:
            os.utime(path, times=(0, 0))
    remove_partial_files(folder)
    assert {path.name for path in folder.status.iterdir()} == {
        ".hidden",
        "s1.DONE",
        "12-s1.DONE",
        ".13-s2.DONE",
    }


def test_a_folder_that_is_not_there_is_no_fault(tmp_path):
    remove_partial_files(BrainsetFolder(tmp_path / "none"))


def test_folders_of_killed_workers_go_and_links_are_not_followed(tmp_path):
    folder = BrainsetFolder(tmp_path / "brainset")
    write_atomically(folder.lock, b"")
    staging = folder.workflow / "staging"
    (tmp_path / "foreign" / "kept").mkdir(parents=True)
    for name in (f".{HEX}", "s1"):
        (staging / name / "_" / "_" / "brainset").mkdir(parents=True)
        os.utime(staging / name, times=(0, 0))
    (staging / f".{HEX[::-1]}").symlink_to(tmp_path / "foreign")
    os.utime(staging / f".{HEX[::-1]}", times=(0, 0), follow_symlinks=False)
    (folder.outputs / ".12-index").mkdir(parents=True)
    os.utime(folder.outputs / ".12-index", times=(0, 0))
    remove_partial_files(folder)
    assert [path.name for path in staging.iterdir()] == ["s1"]
    assert not [*folder.outputs.iterdir()]
    assert (tmp_path / "foreign" / "kept").exists()
