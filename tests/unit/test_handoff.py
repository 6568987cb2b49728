"""What download returned reaches process as it was, or is known not to."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import HandoffError
from brainsets.jobs.handoff import handoff_key, read_handoff, write_handoff
from brainsets.shared.manifest import make_row

# Time says nothing here: the machine may be busy with whole runs of Snakemake.

ROOT = Path(__file__).resolve().parents[2]
KEY = {"row": "0123456789abcdef", "args": ["--subject", "3"]}

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
from brainsets.jobs.handoff import write_handoff
from brainsets.jobs.loading import load_pipeline
from brainsets.shared.manifest import make_row

pipeline, handoff = map(Path, sys.argv[1:])
instance = load_pipeline(pipeline)(args="of this process")
before = dict(vars(instance))
output = instance.download(make_row(["n"], ["a/b", 1]))
print(write_handoff(handoff, output, instance, before, {})[0])
"""
PROCESS = """
import sys
from pathlib import Path
from brainsets.jobs.handoff import read_handoff
from brainsets.jobs.loading import load_pipeline

pipeline, handoff = map(Path, sys.argv[1:])
pipeline = load_pipeline(pipeline)
(files, result, session), attributes = read_handoff(handoff)
module = sys.modules[pipeline.__module__]
assert type(files) is module.Files and result is module.Result
assert type(session) is module.Result and attributes == {"session": session}
print(ascii(files), session)
"""


def keep(folder, output, **attributes):
    """Write a handoff; return its path and why it was not kept."""
    path = folder / "handoff" / "asset.pkl"
    instance = SimpleNamespace(**attributes)
    return path, write_handoff(path, output, instance, {}, KEY)[0]


def handed_over(folder, output, **attributes):
    path, reason = keep(folder, output, **attributes)
    assert reason is None
    return read_handoff(path)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "raw" / "recording.edf"
    path.parent.mkdir()
    path.write_bytes(b"0123456789")
    return path


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
    path = tmp_path / "handoff" / "asset.pkl"
    instance = SimpleNamespace(again=recording, more=[other])
    sizes = {str(recording): 10, str(other): 3}
    assert write_handoff(path, recording, instance, {}, KEY) == (None, sizes)
    # What cannot be kept names nothing.
    reason, files = write_handoff(path, open(other), instance, {}, KEY)
    assert reason and not files


def test_only_what_download_set_on_the_instance_is_handed_over(tmp_path):
    """What ``__init__`` has set may speak of folders that are those of one step."""
    before = {"raw_dir": Path("r"), "out": Path("staging/x"), "kept": [1], "set": 1}
    after = {**before, "session": {"n": 1}, "set": 2}
    path = tmp_path / "handoff" / "asset.pkl"
    kept = write_handoff(path, None, SimpleNamespace(**after), before, KEY)
    assert kept == (None, {})
    _, attributes = read_handoff(path)
    assert attributes == {"session": {"n": 1}, "set": 2}


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


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("not me")


class Forgetful:
    """Can be pickled, and then not be read."""

    def __init__(self, needed):
        self.needed = needed

    def __reduce__(self):
        return Forgetful, ()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda path: open(path), "TypeError: .*TextIOWrapper"),
        (lambda path: (path, open(path, "rb")), "TypeError: .*BufferedReader"),
        (lambda path: lambda: path, "lambda"),
        (lambda path: (line for line in "ab"), "TypeError: .*generator"),
        (lambda path: Stubborn(), "RuntimeError: not me"),
        (lambda path: Forgetful(path), "TypeError: .*needed"),
    ],
    ids=["handle", "handle in a tuple", "lambda", "generator", "refuses", "forgets"],
)
@pytest.mark.parametrize("place", ["output", "attribute"])
def test_what_cannot_be_kept_says_why_and_is_not_handed_over(
    tmp_path, recording, make, named, place
):
    value = make(recording)
    if place == "output":
        path, reason = keep(tmp_path, value)
    else:
        path, reason = keep(tmp_path, recording, held=value)
    assert re.search(named, reason)
    with pytest.raises(HandoffError, match="could not be kept"):
        read_handoff(path)
    # Why it was not kept does not change what it was downloaded for.
    assert handoff_key(path) == KEY


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


def test_folders_and_files_that_never_were_do_not_count(tmp_path, recording):
    path, _ = keep(
        tmp_path, (recording.parent, tmp_path / "never", "a\0b", "", "." * 999)
    )
    (recording.parent / "more").touch()
    assert read_handoff(path)[0][0] == recording.parent


def test_a_value_that_holds_itself_is_handed_over(tmp_path, recording):
    value = [recording]
    value.append(value)
    found, _ = handed_over(tmp_path, value)
    assert found[1] is found


@pytest.mark.parametrize("content", [None, b"", b"no pickle", pickle.dumps({})[:-1]])
def test_a_handoff_that_is_missing_or_broken_is_said_to_be(tmp_path, content):
    path = tmp_path / "asset.pkl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HandoffError, match="asset.pkl cannot be read"):
        read_handoff(path)
    assert handoff_key(path) is None


def test_a_handoff_replaces_the_one_before_and_leaves_nothing_beside(tmp_path):
    path, _ = keep(tmp_path, 1)
    assert keep(tmp_path, 2) == (path, None)
    assert read_handoff(path) == (2, {})
    assert list(path.parent.iterdir()) == [path]
