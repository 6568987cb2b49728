"""What download returned reaches process as it was, or is known not to."""

import contextlib
import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import tracemalloc
from argparse import Namespace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs.handoff import (
    Handoff,
    handoff_key,
    write_handoff,
)
from brainsets.jobs.handoffs.instance_state import (
    MissingAttributes,
    changes,
    restore,
    snapshot,
)
from brainsets.shared.manifest import make_row

# Time says nothing here: the machine may be busy with whole runs of Snakemake.
from tests.helpers.workspace import ROOT

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


def read_handoff(path):
    """Return what download returned, and the attributes it set, as process does."""
    found = Handoff.read(path, with_payload=True)
    if found.payload is not None and (change := found.change()):
        raise HandoffError(change)
    return found.value()


def keep(folder, output, **attributes):
    """Write a handoff; return its path and why it was not kept."""
    path = folder / "handoff" / "asset.pkl"
    origin = Handoff(KEY, str(folder / "raw"))
    return path, write_handoff(path, output, attributes, origin)[0].reason


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


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("not me")


class Forgetful:
    """Can be pickled, and then not be read."""

    def __init__(self, needed):
        self.needed = needed

    def __reduce__(self):
        return Forgetful, ()


WHAT_CANNOT_BE_KEPT = pytest.mark.parametrize(
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


@WHAT_CANNOT_BE_KEPT
def test_what_cannot_be_kept_says_why_and_is_not_handed_over(
    tmp_path, recording, make, named
):
    path, reason = keep(tmp_path, make(recording), kept=1)
    assert re.search(named, reason)
    with pytest.raises(HandoffError, match="could not be kept"):
        read_handoff(path)
    # Why it was not kept does not change what it was downloaded for.
    assert handoff_key(path) == KEY


@WHAT_CANNOT_BE_KEPT
def test_an_attribute_that_cannot_be_kept_keeps_nothing_else_back(
    tmp_path, recording, make, named
):
    held = make(recording)
    found, attributes = handed_over(tmp_path, recording, client=held, n=[1])
    assert (found, attributes) == (recording, {"n": [1]})
    kept = Handoff.read(tmp_path / "handoff" / "asset.pkl")
    assert list(kept.left_out) == ["client"]
    assert re.search(named, kept.left_out["client"])


class Computes:
    @cached_property
    def lock(self):
        return threading.Lock()


def missing_client():
    kind = type("Pipeline", (Computes,), {})
    instance = kind()
    instance.client = None
    return instance, MissingAttributes(instance, {"client": "why", "lock": "why"})


def test_whoever_asks_for_what_was_left_out_is_noticed():
    instance, absent = missing_client()
    assert absent.names == ["client"] and not absent.is_noticed
    # Computed anew, as it was in the download.
    assert instance.lock is instance.lock and not absent.is_noticed
    assert getattr(instance, "client", 3) == 3
    assert absent.is_noticed


def test_what_was_left_out_can_be_set_anew():
    instance, absent = missing_client()
    instance.client = "mine"
    assert instance.client == "mine" and not absent.is_noticed


def test_whoever_asks_in_a_forked_process_is_noticed():
    instance, absent = missing_client()
    if not (pid := os.fork()):
        hasattr(instance, "client")
        os._exit(0)
    os.waitpid(pid, 0)
    assert absent.is_noticed


def test_an_error_that_names_what_was_left_out_is_known():
    _, absent = missing_client()
    # As it comes from a process that was spawned.
    inner = AttributeError("'Pipeline' object has no attribute 'client'")
    outer = RuntimeError("a worker failed")
    outer.__cause__ = inner
    assert absent.is_cause(outer)
    assert not absent.is_cause(AttributeError("... has no attribute 'clients'"))
    assert not absent.is_cause(KeyError("client"))


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


def refused(path):
    """Whether a handoff is told as broken, by all who read it, and by nothing else."""
    for with_payload in (False, True):
        with pytest.raises(HandoffError, match="asset.pkl cannot be read"):
            Handoff.read(path, with_payload=with_payload)
    return handoff_key(path) is None


@pytest.mark.parametrize("content", [None, b"", b"no pickle", pickle.dumps({})[:-1]])
def test_a_handoff_that_is_missing_or_broken_is_said_to_be(tmp_path, content):
    path = tmp_path / "asset.pkl"
    if content is not None:
        path.write_bytes(content)
    assert refused(path)


@pytest.mark.parametrize(
    "make",
    [
        os.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("/dev/zero"),
    ],
    ids=["folder", "pipe", "circle", "endless"],
)
def test_what_is_no_file_is_no_handoff(tmp_path, make):
    path = tmp_path / "asset.pkl"
    make(path)
    assert refused(path)


@pytest.mark.parametrize("start", [b"", b"{", b"\x80\x04"], ids=["", "new", "old"])
def test_what_is_far_too_large_is_not_read(tmp_path, start):
    path = tmp_path / "asset.pkl"
    path.write_bytes(start)
    os.truncate(path, 10 << 30)
    tracemalloc.start()
    assert refused(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=9,
)
FIELDS = "format key raw_dir run is_repeat files folders left_out reason bytes sha256"


@given(st.binary() | st.binary().map(lambda content: b"\x80\x04" + content))
def test_any_bytes_are_told_as_broken(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("h") / "asset.pkl"
    path.write_bytes(content)
    assert refused(path)


@given(JSON | st.dictionaries(st.sampled_from(FIELDS.split()), JSON, max_size=12))
def test_a_first_line_of_any_shape_is_told_as_broken(tmp_path_factory, header):
    folder = tmp_path_factory.mktemp("h")
    path, _ = keep(folder, "value")
    whole = json.loads(path.read_bytes().partition(b"\n")[0])
    if isinstance(header, dict):
        header = {**whole, **header}
    if header == whole:
        return
    line = json.dumps(header).encode() + b"\n"
    content = hashlib.sha256(line).hexdigest().encode() + b"\n"
    path.write_bytes(line + content + path.read_bytes().split(b"\n", 2)[2])
    try:
        kept = Handoff.read(path, with_payload=True)
    except HandoffError:
        return
    # Other values, but of the right types: nobody trips over them later.
    kept.change()
    with contextlib.suppress(HandoffError):
        kept.value()
    assert all(type(why) is str for why in kept.left_out.values())


# Modulo its size, which depends on the length of the folder's path.
@given(st.integers(0, 1 << 20))
def test_a_flipped_bit_is_noticed_anywhere(tmp_path_factory, bit):
    path, _ = keep(tmp_path_factory.mktemp("h"), {"samples": [1, 2, 3]}, n="text")
    content = bytearray(path.read_bytes())
    bit %= 8 * len(content)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with pytest.raises(HandoffError):
        read_handoff(path)


@given(st.integers(0, 1 << 20))
def test_a_handoff_that_was_cut_is_noticed(tmp_path_factory, size):
    path, _ = keep(tmp_path_factory.mktemp("h"), {"samples": [1, 2, 3]}, n="text")
    os.truncate(path, size % path.stat().st_size)
    with pytest.raises(HandoffError):
        read_handoff(path)


def old_handoff(path, output, files):
    """Write a handoff as the version before this format did."""
    payload = pickle.dumps((output, {"session": 3}))
    content = {"key": KEY, "payload": payload, "files": files}
    path.write_bytes(pickle.dumps(content))


def test_a_handoff_of_the_version_before_is_read(tmp_path, recording):
    path = tmp_path / "asset.pkl"
    many = {f"{recording}{number}": number for number in range(2000)}
    old_handoff(path, recording, {str(recording): 10, **many})
    kept = Handoff.read(path)
    assert kept.payload is None and kept.key == KEY and len(kept.files) == 2001
    old_handoff(path, recording, {str(recording): 10})
    assert read_handoff(path) == (recording, {"session": 3})
    recording.unlink()
    with pytest.raises(HandoffError, match="recording.edf is gone"):
        read_handoff(path)
    path.write_bytes(pickle.dumps({"key": KEY, "payload": None, "files": {}}))
    with pytest.raises(HandoffError, match="could not be kept"):
        read_handoff(path)


class Evil:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nobody_but_process_unpickles_what_a_handoff_holds(tmp_path):
    trap, path = Evil(), tmp_path / "asset.pkl"
    trap.path = str(tmp_path / "sprung")
    old = {"key": KEY, "payload": b"", "files": {}}
    for content in (trap, {**old, "key": trap}, {**old, "files": {"a": trap}}):
        path.write_bytes(pickle.dumps(content))
        assert refused(path)
    # Instructions by which a few bytes take gigabytes of memory.
    path.write_bytes(b"\x80\x04Nr\xff\xff\xff\x7f.")
    assert refused(path)
    old_handoff(path, trap, {})
    assert handoff_key(path) == KEY
    assert not Path(trap.path).exists()


def test_a_handoff_replaces_the_one_before_and_leaves_nothing_beside(tmp_path):
    path, _ = keep(tmp_path, 1)
    assert keep(tmp_path, 2) == (path, None)
    assert read_handoff(path) == (2, {})
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_in_place_of_a_handoff_is_replaced(tmp_path):
    path = tmp_path / "handoff" / "asset.pkl"
    (path / "of somebody").mkdir(parents=True)
    assert keep(tmp_path, 2) == (path, None)
    assert read_handoff(path) == (2, {})


def test_a_link_in_place_of_a_handoff_is_replaced_and_not_followed(tmp_path):
    path = tmp_path / "handoff" / "asset.pkl"
    path.parent.mkdir()
    other = tmp_path / "precious"
    other.write_text("mine")
    path.symlink_to(other)
    keep(tmp_path, 2)
    assert other.read_text() == "mine" and not path.is_symlink()
