"""A handoff that is missing, broken, old or odd is known as that, and does no harm."""

import contextlib
import hashlib
import json
import os
import pickle
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs.handoff import (
    Handoff,
    handoff_key,
)
from tests.helpers.handoffs import KEY, keep, read_handoff


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
