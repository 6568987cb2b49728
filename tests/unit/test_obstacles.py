"""What stands in place of our files and folders, or among them, does no harm."""

import os
import shutil
import socket
import time
from pathlib import Path

import pytest

from brainsets.errors import BrainsetError
from brainsets.planning.cleanup import remove_obstacles
from brainsets.shared.files import read_regular, write_atomically, write_over
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.locks import current_run, lock_run, release_locks
from brainsets.shared.state.sentinels import read_sentinel, write_sentinel
from brainsets.shared.state.status import brainset_status
from tests.helpers.whole_brainset import FILES, RECORD, look_at_all, make


def put(kind: str, path: Path, elsewhere: Path) -> None:
    """Have something that is no file of ours stand at a path."""
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            here = os.getcwd()
            os.chdir(path.parent)
            bound.bind(path.name[-90:])
            os.chdir(here)
            os.rename(path.with_name(path.name[-90:]), path)
    elif kind == "folder":
        path.mkdir()
        (path / "kept.txt").write_text("kept")
    elif kind == "empty folder":
        path.mkdir()
    else:
        targets = {
            "dangling link": "/nowhere/at/all",
            "circular link": path.name,
            "link to elsewhere": str(elsewhere),
            "link to a device": "/dev/zero",
        }
        path.symlink_to(targets[kind])


KINDS = ["pipe", "socket", "folder", "empty folder", "dangling link", "circular link"]
KINDS += ["link to elsewhere", "link to a device"]


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_stands_for_a_file_is_borne_and_then_cleared_away(
    tmp_path, kind, capsys
):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    folder, elsewhere = brainset.folder, tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    began = time.monotonic()
    for number, file in enumerate(FILES):
        alone = make(tmp_path / f"{number}")
        put(kind, alone.brainsets["mine"].folder.workflow / file, elsewhere)
        look_at_all(alone)
        put(kind, folder.workflow / file, elsewhere)
    look_at_all(run)
    release_locks()
    try:
        assert lock_run(folder.lock) is None
        assert current_run(folder.lock)
    finally:
        release_locks()
    remove_obstacles(folder)
    capsys.readouterr()
    for file in FILES:
        path = folder.workflow / file
        if file == "lock":
            continue
        # A link to a file is one that a version control keeps, but not to write into.
        kept = kind == "link to elsewhere" and not file.startswith("logs/")
        if not file.startswith("report/"):
            assert os.path.lexists(path) == kept, file
        write_atomically(path, b"ours")
        assert not path.is_symlink() and path.read_bytes() == b"ours"
    remove_obstacles(folder)
    assert capsys.readouterr().err == ""
    assert elsewhere.read_text() == "theirs"
    if kind == "folder":
        aside = folder.workflow / "status/a.DONE.broken/kept.txt"
        assert aside.read_text() == "kept"
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("kind", ["pipe", "dangling link", "link to elsewhere"])
def test_folders_of_ours_that_are_none_are_made_anew(tmp_path, kind, capsys):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    folder, elsewhere = brainset.folder, tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    for name in ("status", "handoff", "batches", "logs/process_asset"):
        put(kind, folder.workflow / name, elsewhere)
    look_at_all(run)
    release_locks()
    remove_obstacles(folder)
    assert capsys.readouterr().err.count("is made anew") == 4
    write_sentinel(folder.sentinel("a", "DONE"), RECORD)
    assert read_sentinel(folder.sentinel("a", "DONE")) == RECORD
    assert elsewhere.read_text() == "theirs"


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_workflow_folder_that_is_none_is_told(tmp_path, kind):
    folder = BrainsetFolder(tmp_path)
    if kind == "file":
        folder.workflow.write_text("theirs")
    else:
        folder.workflow.symlink_to("/nowhere/at/all")
    with pytest.raises(BrainsetError, match="a folder has to be there"):
        lock_run(folder.lock)
    assert brainset_status(folder).total is None


def test_names_of_no_asset_in_the_status_folder_are_borne(tmp_path):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    status = brainset.folder.status
    for name in (".DS_Store", "._a.DONE", "a.DONE~", "a.DONE.swp", "%ff.DONE", "DONE"):
        (status / name).write_bytes(b"\xff")
    (status / os.fsdecode(b"\xff\xfe.DONE")).touch()
    look_at_all(run)
    counts = brainset_status(brainset.folder).counts
    assert counts == {"DONE": 2}


def test_large_file_and_pipe_are_refused_at_once(tmp_path):
    path = tmp_path / "large.DONE"
    with open(path, "wb") as file:
        file.truncate(500_000_000)
    began = time.monotonic()
    assert read_sentinel(path) is None
    assert time.monotonic() - began < 5
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a named pipe"):
        read_regular(tmp_path / "pipe")


def test_file_that_has_become_a_link_is_not_written_over(tmp_path):
    running, elsewhere = tmp_path / "a.RUNNING", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    for put_there in (running.symlink_to, lambda to: os.link(to, running)):
        put_there(elsewhere)
        with pytest.raises(FileNotFoundError):
            write_over(running, tmp_path / "a.FAILED", b"ours")
        assert elsewhere.read_text() == "theirs"
    assert [*tmp_path.iterdir()] == [elsewhere]


def test_partial_file_that_is_a_link_is_not_written_through(tmp_path):
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "a.DONE"
    elsewhere.write_text("theirs")
    (tmp_path / f".{os.getpid()}-a.DONE").symlink_to(elsewhere)
    write_atomically(path, b"ours")
    assert path.read_bytes() == b"ours" and elsewhere.read_text() == "theirs"
