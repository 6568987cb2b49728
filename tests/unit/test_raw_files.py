"""Which raw data a download has named, and whether they are still there."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from brainsets.jobs import steps
from brainsets.jobs.handoffs.handoff import Handoff, write_handoff
from brainsets.jobs.handoffs.raw_files import raw_data
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.inputs import raw_data as shared
from brainsets.shared.inputs.raw_data import (
    first_change,
    has_lost_its_data,
    recorded_raw_data,
)
from brainsets.shared.manifest import make_row
from brainsets.supervision.run import Outcome


class Pair(NamedTuple):
    recording: object
    note: str


@dataclass
class Result:
    files: list


class Slotted:
    __slots__ = ("file",)


def slotted(path):
    value = Slotted()
    value.file = path
    return value


@pytest.fixture
def raw_dir(tmp_path):
    folder = tmp_path / "raw é" / "mine"
    folder.mkdir(parents=True)
    (folder / "a.edf").write_bytes(b"0123456789")
    return folder


NAMED = {
    "path": lambda path: path,
    "text": str,
    "tuple": lambda path: (1, Pair(path, "seen")),
    "dataclass": lambda path: Result([path]),
    "slots": slotted,
    "object in an object": lambda path: SimpleNamespace(a=SimpleNamespace(b=path)),
    "key of a dict": lambda path: {path: 3},
    "row": lambda path: make_row(["file"], ["s1", str(path)]),
    "name in the raw folder": lambda path: make_row(["file"], ["s1", path.name]),
    "url": lambda path: path.as_uri(),
    "cell of a table": lambda path: pd.DataFrame({"n": [1], "file": [str(path)]}),
    "index of a table": lambda path: pd.DataFrame({"n": [1]}, index=[str(path)]),
    "column": lambda path: pd.Series([path]),
    "array": lambda path: np.array([str(path)]),
    "array of objects": lambda path: np.array([path], dtype=object),
    "with a list that holds itself": lambda path: circular(path),
}


def circular(path):
    value = [path]
    value.append(value)
    return value


@pytest.mark.parametrize("how", NAMED)
def test_a_file_is_known_wherever_it_is_named(raw_dir, how):
    path = raw_dir / "a.edf"
    found = raw_data(NAMED[how](path), raw_dir)
    assert (found.files, found.size) == ({str(path): 10}, 10)


def test_a_file_below_the_home_folder_is_known(raw_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(raw_dir))
    assert list(raw_data("~/a.edf", raw_dir).files) == [str(raw_dir / "a.edf")]


class Proxy:
    def __getattr__(self, name):
        raise RuntimeError("closed")


def test_what_cannot_be_looked_at_names_nothing(raw_dir, capsys):
    value = ["a" * 9999, "\0", b"\xff", np.zeros(9), os, Path, lambda: 3, "~nobody/x"]
    assert not raw_data(value, raw_dir).files
    raw_data(Proxy(), raw_dir)


@pytest.fixture
def scan(raw_dir):
    """A recording that is a folder, as MEG systems write them."""
    folder = raw_dir / "s1.ds"
    (folder / "deep").mkdir(parents=True)
    for name in ("data.meg4", "head.res4", "deep/more"):
        (folder / name).write_bytes(name.encode())
    (folder / "link").symlink_to("nowhere")
    (folder / ".git").mkdir()
    (folder / ".git" / "pack").touch()
    return folder


@pytest.mark.parametrize("how", ["path", "text", "row", "name in the raw folder"])
def test_a_folder_is_known_by_what_is_in_it(raw_dir, scan, how):
    found = raw_data(NAMED[how](scan), raw_dir)
    assert found.folders == {str(scan): 4}
    sizes = {os.path.relpath(path, scan): n for path, n in found.files.items()}
    assert sizes == {"data.meg4": 9, "head.res4": 9, "deep/more": 9}
    record = found.as_record()
    assert record["raw_bytes"] == 27
    assert recorded_raw_data(record) == (found.files, found.folders)


LOSSES = {
    "": (lambda folder: None, None),
    "more": (lambda folder: (folder / "more").touch(), None),
    "packed": (lambda folder: (folder / ".git" / "pack").unlink(), None),
    "gone": (lambda folder: folder.rename(folder.with_name("other")), "is gone"),
    "emptied": (lambda folder: (folder / "data.meg4").unlink(), "is gone"),
    "cut": (lambda folder: os.truncate(folder / "data.meg4", 1), "1 bytes instead"),
    "link gone": (lambda folder: (folder / "link").unlink(), "3 files instead of 4"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_gone_from_a_folder_is_noticed(raw_dir, scan, loss):
    found = raw_data(scan, raw_dir)
    lose, told = LOSSES[loss]
    lose(scan)
    after = first_change(found.files, found.folders)
    assert (after is None) if told is None else (told in " ".join(after))


def test_any_file_of_a_large_folder_is_missed_at_little_cost(raw_dir, monkeypatch):
    folder = raw_dir / "frames"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}").write_bytes(b"1")
    found = raw_data(folder, raw_dir)
    assert (len(found.files), found.size) == (shared.MAX_LISTED_FILES, 300)
    looked_at = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda p, **k: looked_at.append(p) or stat(p, **k))
    assert first_change(found.files, found.folders) is None
    assert len(looked_at) == shared.MAX_LISTED_FILES
    (folder / "299").unlink()
    assert first_change(found.files, found.folders) is not None


def test_folders_that_all_share_are_not_looked_into(raw_dir, scan):
    for folder in (raw_dir, raw_dir.parent, Path("/"), "", ".", "..", "mine/.."):
        assert not raw_data(folder, raw_dir).folders


def test_what_may_not_be_looked_at_is_not_gone(monkeypatch):
    def refuse(path, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    assert first_change({"/raw/a": 3}, {"/raw/b": 3}) is None


@pytest.mark.parametrize(
    "told", [None, 3, {}, [3], [{"path": 3, "bytes": 3}], [{"path": "a"}]]
)
def test_a_sentinel_of_another_shape_names_nothing(told):
    assert recorded_raw_data({"raw_files": told, "raw_folders": told}) == ({}, {})


RAW_DIR = Path("/raw/mine")
MISSING = f"[Errno 2] No such file or directory: '{RAW_DIR}/a.edf'"


def failed(run, error="ValueError", message="", step="process", **more):
    attempts = [{"error": error, "message": message}]
    record = {"step": step, "run": run, "attempts": attempts, "download_run": "1"}
    return {**record, **more}


NOTHING, FILE = {"run": "1"}, {"run": "1", "raw_files": [{"path": "a", "bytes": 1}]}


@pytest.mark.parametrize(
    ("failure", "downloaded", "expected"),
    [
        (failed("2"), NOTHING, True),
        # It was there when it was downloaded: a fault of the code.
        (failed("1"), NOTHING, False),
        # It has been downloaded since.
        (failed("2"), {"run": "3"}, False),
        # What was downloaded is known, and there; but not all may be.
        (failed("2"), FILE, False),
        (failed("2", "FileNotFoundError", MISSING), FILE, True),
        (failed("2", "OSError", f"Unable to open file: {MISSING}"), FILE, True),
        (failed("1", "FileNotFoundError", MISSING), FILE, False),
        # Another file than one of raw data: no download brings it.
        (failed("2", "FileNotFoundError", "No such file: 'table.csv'"), FILE, False),
        (failed("2"), {**NOTHING, "raw_folders": [{"path": "a", "files": 0}]}, True),
        (failed("2"), {**NOTHING, "raw_folders": [{"path": "a", "files": 1}]}, False),
        # Of a step that was run by itself, and of a download by the version before.
        (failed(None), NOTHING, False),
        (failed("2", download_run=None), {}, True),
        ({"step": "process"}, {}, False),
        (failed("2", step="download"), NOTHING, False),
        # Process has fetched it itself.
        (failed("2"), {**NOTHING, "handoff": "TypeError"}, False),
        (failed("2", attempts=3), FILE, False),
    ],
)
def test_when_process_has_failed_for_want_of_raw_data(failure, downloaded, expected):
    assert has_lost_its_data(failure, downloaded, RAW_DIR) is expected


def test_a_file_is_known_by_either_name_of_a_linked_folder(raw_dir, scan):
    link = raw_dir.parent / "link"
    link.symlink_to(raw_dir)
    assert list(raw_data(scan, link).folders) == [str(scan)]
    assert list(raw_data("s1.ds", link).folders) == [str(link / "s1.ds")]


@pytest.mark.parametrize(
    ("kept", "failure", "expected"),
    [
        # As it was planned for another reason.
        ({"run": "1"}, {}, (False, False)),
        ({"run": "1"}, failed("2", "FileNotFoundError", MISSING), (False, True)),
        # To fetch what is missing has been tried, and was in vain.
        (
            {"run": "1", "is_repeat": True},
            failed("2", "FileNotFoundError", MISSING),
            (True, True),
        ),
        # More would not help a mistake in the code.
        ({"run": "1", "is_repeat": True}, failed("2"), (False, True)),
        ({"files": {"/raw/mine/gone": 3}}, {}, (True, False)),
        # As it was elsewhere, nobody knows what is here.
        ({"files": {"/gone": 3}, "raw_dir": "/elsewhere"}, {}, (False, False)),
    ],
)
def test_when_everything_is_fetched_anew(tmp_path, kept, failure, expected):
    started = []
    folder = BrainsetFolder(tmp_path)
    origin = replace(Handoff({}, str(RAW_DIR)), **kept)
    write_handoff(folder.handoff("a"), None, {}, origin)
    if origin.files:
        (line, _, rest) = folder.handoff("a").read_bytes().split(b"\n", 2)
        line = json.dumps({**json.loads(line), "files": origin.files}).encode() + b"\n"
        digest = hashlib.sha256(line).hexdigest().encode() + b"\n"
        folder.handoff("a").write_bytes(line + digest + rest)
    steps._download(
        SimpleNamespace(
            name="a",
            folder=folder,
            failed=failure,
            may_have_truncated=False,
            has_other_inputs=False,
            job=SimpleNamespace(raw_dir=RAW_DIR, download_only=False),
            remove_sentinels=lambda *states: None,
            run_in_child=lambda kind, task: started.append(task.args) or Outcome(),
        )
    )
    assert started[0][2:] == expected
