"""What killed processes have left half-written goes, and nothing else."""

import os

from brainsets.planning.partial_files import remove_partial_files
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
