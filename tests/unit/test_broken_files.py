"""Whatever is in a file of ours, it is read, and called broken where it is."""

import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.errors import ManifestError
from brainsets.planning.pending import outdated_listing, pending_assets
from brainsets.shared.locks import release_locks
from brainsets.shared.state.sentinels import read_sentinel, write_sentinel
from brainsets.shared.state.status import brainset_status
from brainsets.shared.state.summary import summary_rows
from tests.helpers.whole_brainset import (
    FILES,
    RECORD,
    SENTINELS,
    WRITTEN,
    look_at_all,
    make,
)

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(st.characters() | st.sampled_from("\0\ud800/.\n\x1b"), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
    ),
    max_leaves=4,
)
KEYS = [*RECORD, "columns", "format", "members", "retries", "reason", "key", "seen"]
ODD_VALUES = [5, "\ud800\0", [[1]], [{"path": 5}], {"a": [1]}, float("nan"), 10**400]


# A record of ours in which some keys hold anything.
ALIKE = st.dictionaries(st.sampled_from(KEYS), ANY, min_size=1, max_size=3).map(
    lambda changed: json.dumps({**RECORD, **changed}).encode()
)
ODD_CONTENTS = [
    b"",
    b"\0" * 512,
    b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 10_000,
    b'{"asset": "a", "outputs": []',
    b'{"outputs": [], "outputs": 5}\n',
    b'{"attempt": 1' + b"0" * 5000 + b"}",
    b"\xff\xfe{}",
]
CONTENTS = st.one_of(
    st.binary(max_size=20), ANY.map(lambda value: json.dumps(value).encode()), ALIKE
)


@settings(max_examples=30)
@given(data=st.data())
def test_any_content_of_any_file_is_borne(tmp_path_factory, data):
    run = make(tmp_path_factory.mktemp("brainset"))
    [brainset] = run.brainsets.values()
    files = data.draw(st.lists(st.sampled_from(FILES), min_size=1, max_size=3))
    for file in files:
        content = data.draw(CONTENTS)
        (brainset.folder.workflow / file).write_bytes(content)
    try:
        look_at_all(run)
    finally:
        release_locks()
        shutil.rmtree(brainset.processed_dir.parent)


@pytest.mark.parametrize("value", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_any_key_of_a_wrong_type_is_borne(tmp_path, value):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    workflow = brainset.folder.workflow
    whole = {file: (workflow / file).read_text() for file in WRITTEN}
    for key in RECORD:
        for file in SENTINELS:
            write_sentinel(workflow / file, {**RECORD, key: value})
            # As one that nobody has finished, and as a finished one.
            if file.endswith(".RUNNING"):
                look_at_all(run)
                for done in SENTINELS[::4]:
                    (workflow / done).unlink(missing_ok=True)
                look_at_all(run)
    for file in WRITTEN:
        record = json.loads(whole[file])
        for key in record:
            (workflow / file).write_text(json.dumps({**record, key: value}))
            look_at_all(run)
        (workflow / file).write_text(whole[file])
    release_locks()


@pytest.mark.parametrize("content", ODD_CONTENTS, ids=range(len(ODD_CONTENTS)))
def test_odd_content_of_each_file_is_borne(tmp_path, content):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    for file in FILES:
        path = brainset.folder.workflow / file
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(content)
        look_at_all(run)
        if before is not None:
            path.write_bytes(before)
    release_locks()


@pytest.mark.parametrize(
    "changed",
    [
        {"outputs": None},
        {"outputs": [{"path": "../../a.txt", "bytes": 1, "sha256": "0"}]},
        {"outputs": [{"path": "/a.txt", "bytes": 1, "sha256": "0"}]},
        {"outputs": [{"path": "a\0", "bytes": 1, "sha256": "0"}]},
        {"outputs": [{"path": "a.txt", "bytes": True, "sha256": "0"}]},
        {"outputs": [{"path": "a.txt"}]},
        {"wall_s": float("nan")},
        {"attempt": "1"},
        {"attempts": {"a": 1}},
        {"raw_files": 7},
        {"asset": 5},
    ],
)
def test_done_of_wrong_types_is_broken_and_no_done(tmp_path, changed):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    folder, manifest = brainset.folder, run.manifest(brainset)
    path = folder.sentinel("a", "DONE")
    whole = read_sentinel(path)
    write_sentinel(path, {**whole, "a_newer_key": [{}]})
    judge = {"download_only": False, "existing": {*os.listdir(folder.status)}}
    assert pending_assets(brainset, manifest, ["a"], **judge) == []
    write_sentinel(path, {**whole, **changed})
    [pending] = pending_assets(brainset, manifest, ["a"], **judge)
    assert pending.reason == "its status file is broken" and "DONE" in pending.stale
    assert next(summary_rows(folder))["state"] != "DONE"


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\n"])
def test_table_that_a_crash_left_empty_is_listed_anew(tmp_path, content):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    assert outdated_listing(brainset) is None
    brainset.folder.manifest.write_bytes(content)
    assert outdated_listing(brainset) == "its table is broken"
    # What an editor made of it is told, and stays.
    brainset.folder.manifest.write_text("id\tmore\na\tb\n")
    assert outdated_listing(brainset) is None
    with pytest.raises(ManifestError, match="names the columns"):
        run.manifest(brainset)


def test_folder_of_a_newer_version_is_left_alone(tmp_path):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    schema = brainset.folder.workflow / "manifest.schema.json"
    schema.write_text(schema.read_text().replace('"format": 1', '"format": 2'))
    for read in (outdated_listing, run.manifest):
        with pytest.raises(ManifestError, match="a newer version of this workflow"):
            read(brainset)
    [broken] = brainset_status(brainset.folder).broken
    assert "newer version" in broken["message"]
