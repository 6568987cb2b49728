"""What download returned reaches process as it was, as long as its files are there."""

import os
import subprocess
import sys
import threading
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs.handoff import (
    Handoff,
    write_handoff,
)
from brainsets.jobs.handoffs.instance_state import (
    changes,
    restore,
    snapshot,
)
from brainsets.shared.manifest import make_row
from tests.helpers.handoffs import KEY, handed_over, keep, read_handoff
from tests.helpers.workspace import ROOT

PIPELINE = """
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple


class Files(NamedTuple):
    recording: object
    note: str


@dataclass
class Result:
    files: Files
    lines: list


class Pipeline:
    def __init__(self, args=None):
        self.args = args

    def download(self, row):
        self.session = Result(Files(row.Index, "seen"), [1])
        return Files(row.Index, "é\\ud800"), Result, self.session
"""
DOWNLOAD = """
import sys
from pathlib import Path
from brainsets.jobs.handoffs.handoff import Handoff, write_handoff
from brainsets.jobs.handoffs.instance_state import changes, snapshot
from brainsets.jobs.code.loading import load_pipeline
from brainsets.shared.manifest import make_row

pipeline, handoff = map(Path, sys.argv[1:])
instance = load_pipeline(pipeline)(args="of this process")
before = snapshot(instance)
output = instance.download(make_row(["n"], ["a/b", 1]))
origin = Handoff({}, "/raw")
print(write_handoff(handoff, output, changes(instance, before), origin)[0].reason)
"""
PROCESS = """
import sys
from pathlib import Path
from brainsets.jobs.handoffs.handoff import Handoff
from brainsets.jobs.code.loading import load_pipeline

pipeline, handoff = map(Path, sys.argv[1:])
pipeline = load_pipeline(pipeline)
(files, result, session), attributes = Handoff.read(handoff, with_payload=True).value()
module = sys.modules[pipeline.__module__]
assert type(files) is module.Files and result is module.Result
assert type(session) is module.Result and attributes == {"session": session}
print(ascii(files), session)
"""


@pytest.mark.parametrize(
    "output",
    [
        None,
        0,
        "text",
        Path("/nowhere/at/all"),
        (Path("/nowhere/a"), Path("/nowhere/b")),
        {"a": [1, {2.5}], 3: None},
        b"\x00",
    ],
    ids=repr,
)
def test_what_download_returned_is_handed_over(tmp_path, output):
    found, attributes = handed_over(tmp_path, output)
    assert found == output
    assert type(found) is type(output)
    assert attributes == {}


@given(st.recursive(st.integers() | st.text() | st.none(), st.lists))
def test_any_plain_value_is_handed_over(tmp_path_factory, output):
    assert handed_over(tmp_path_factory.mktemp("h"), output) == (output, {})


def test_the_manifest_row_itself_is_handed_over(tmp_path):
    row = make_row(["class", "n"], ["a/b", "x", 1])
    found, _ = handed_over(tmp_path, row)
    assert found == row
    assert found._fields == ("Index", "_1", "n")
    assert type(found) is type(row)


def test_sizes_of_the_files_that_it_names_are_told_once_each(tmp_path, recording):
    other = recording.with_name("other.edf")
    other.write_bytes(b"012")
    path, origin = tmp_path / "asset.pkl", Handoff(KEY, str(recording.parent))
    attributes = {"again": recording, "more": [other]}
    kept, named = write_handoff(path, recording, attributes, origin)
    assert (kept.reason, named.size) == (None, 13)
    assert named.files == {str(recording): 10, str(other): 3}
    # What cannot be kept names nothing.
    kept, named = write_handoff(path, open(other), attributes, origin)
    assert kept.reason and not named.files
    assert named.as_record()["raw_bytes"] is None


def test_only_what_download_set_on_the_instance_is_handed_over():
    """What ``__init__`` has set may speak of folders that are those of one step."""
    instance = SimpleNamespace(raw_dir=Path("r"), out="staging/x", kept=[1], set=1)
    before = snapshot(instance)
    instance.session, instance.set = {"n": 1}, 2
    assert changes(instance, before) == {"session": {"n": 1}, "set": 2}


class Filled:
    """Has whatever a download can fill in its place."""

    __slots__ = ("slot", "__dict__")
    of_class = []
    left_alone = {}

    def __init__(self):
        self.found, self.deep = [], {"a": [1]}
        self.beside_a_lock = {"lock": threading.Lock(), "found": []}
        self.array = bytearray(10)
        self.lock = threading.Lock()
        self.args = Namespace(gain=1)


def test_what_download_has_filled_is_handed_over_as_well():
    """It is the same object as before, and process would get an empty one."""
    instance = Filled()
    before = snapshot(instance)
    assert changes(instance, before) == {}
    instance.found.append("a")
    instance.deep["a"][0] = 2
    instance.beside_a_lock["found"].append("b")
    instance.array[3] = 1
    instance.args.gain = 2
    instance.slot = "new"
    found = changes(instance, before)
    assert set(found) == {"found", "deep", "beside_a_lock", "array", "args", "slot"}
    try:
        Filled.of_class.append(1)
        assert "of_class" in changes(instance, before)
    finally:
        Filled.of_class.clear()
    other = Filled()
    restore(other, {"found": ["a"], "slot": "new"})
    assert (other.found, other.slot) == (["a"], "new")


def test_classes_of_the_pipeline_are_handed_over_to_another_process(tmp_path):
    pipeline = tmp_path / "pipeline of mine" / "pipeline.py"
    pipeline.parent.mkdir()
    pipeline.write_text(PIPELINE)
    printed = []
    for script in (DOWNLOAD, PROCESS):
        done = subprocess.run(
            [sys.executable, "-c", script, pipeline, tmp_path / "asset.pkl"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout.strip())
    assert printed == [
        "None",
        r"Files(recording='a/b', note='\xe9\ud800') "
        "Result(files=Files(recording='a/b', note='seen'), lines=[1])",
    ]


def places(path):
    """Return values in which a file is named."""
    return {
        "path": path,
        "text": str(path),
        "tuple": (1, (path, None)),
        "list in a dict": {"files": [{"edf": path}]},
        "set": {path},
        "object": SimpleNamespace(file=[path]),
        "row": make_row(["file"], ["a", str(path)]),
    }


@pytest.mark.parametrize("place", places(Path()))
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda path: path.unlink(), "recording.edf is gone"),
        (lambda path: path.write_bytes(b"0123"), "has 4 bytes instead of 10"),
        (lambda path: path.write_bytes(b""), "has 0 bytes instead of 10"),
    ],
    ids=["missing", "truncated", "empty"],
)
def test_a_file_that_is_gone_or_changed_is_noticed_wherever_it_is_named(
    tmp_path, recording, place, change, named
):
    path, _ = keep(tmp_path, places(recording)[place])
    read_handoff(path)
    change(recording)
    with pytest.raises(HandoffError, match=named):
        read_handoff(path)


def test_a_file_that_an_attribute_names_is_noticed_too(tmp_path, recording):
    path, _ = keep(tmp_path, None, edf=recording)
    recording.unlink()
    with pytest.raises(HandoffError, match="recording.edf is gone"):
        read_handoff(path)


def test_a_file_named_relative_to_the_working_folder_is_noticed_from_another(
    tmp_path, recording, monkeypatch
):
    monkeypatch.chdir(recording.parent)
    path, _ = keep(tmp_path, Path(recording.name))
    monkeypatch.chdir(tmp_path)
    read_handoff(path)
    recording.unlink()
    with pytest.raises(HandoffError, match="recording.edf is gone"):
        read_handoff(path)


def test_what_is_elsewhere_or_never_was_does_not_count(tmp_path, recording):
    raw_dir = recording.parent
    value = (raw_dir, tmp_path, tmp_path / "never", "/", "a\0b", "", "..", "." * 999)
    path, _ = keep(tmp_path, value)
    kept = Handoff.read(path)
    assert (kept.files, kept.folders) == ({}, {})
    (raw_dir / "more").touch()
    assert read_handoff(path)[0] == value


def test_a_value_that_holds_itself_is_handed_over(tmp_path, recording):
    value = [recording]
    value.append(value)
    found, _ = handed_over(tmp_path, value)
    assert found[1] is found


def test_a_handoff_replaces_the_one_before_and_leaves_nothing_beside(tmp_path):
    path, _ = keep(tmp_path, 1)
    assert keep(tmp_path, 2) == (path, None)
    assert read_handoff(path) == (2, {})
    assert list(path.parent.iterdir()) == [path]
