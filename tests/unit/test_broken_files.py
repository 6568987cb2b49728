"""Whatever stands where a file of ours belongs is read at once, and called broken."""

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.display.status_table import status_table
from brainsets.errors import BatchError, BrainsetError, ManifestError
from brainsets.jobs.attempts import Attempt
from brainsets.jobs.batches import _Batch
from brainsets.jobs.job import Job
from brainsets.planning.batches import Capacity, automatic_size, read_batch, write_batch
from brainsets.planning.cleanup import remove_obstacles
from brainsets.planning.pending import Pending, outdated_listing, pending_assets
from brainsets.planning.run import Run
from brainsets.planning.settings import read_settings
from brainsets.report.data.outputs import _cache, _is_cached, outputs_of
from brainsets.report.records import read_facts
from brainsets.shared.files import read_regular, write_atomically, write_over
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.inputs.raw_data import (
    first_change,
    has_lost_its_data,
    recorded_raw_data,
)
from brainsets.shared.locks import conflicting_run, current_run, lock_run, release_locks
from brainsets.shared.manifest import read_manifest
from brainsets.shared.selection import Selection
from brainsets.shared.state.sentinels import read_sentinel, write_sentinel
from brainsets.shared.state.status import STATES, AssetFilter, brainset_status
from brainsets.shared.state.summary import summary_rows, write_summary
from brainsets.shared.text.lines import asset_title
from brainsets.shared.times import utc_timestamp
from brainsets.warm.server import _remove_leftovers

ASSETS = ("a", "b")
PIPELINE = 'class Pipeline:\n    brainset_id = "mine"\n'
RECORD = {
    "asset": "a",
    "brainset": "mine",
    "step": "process",
    "row": "0" * 16,
    "args": [],
    "code": "0" * 16,
    "pipeline": "/nowhere/pipeline.py",
    "attempt": 1,
    "log": "/nowhere/a.log",
    "run": utc_timestamp(),
    "status": "",
    "started": utc_timestamp(),
    "ended": utc_timestamp(),
    "wall_s": 1.0,
    "cpu_s": 1.0,
    "max_rss_mb": 1.0,
    "host": socket.gethostname(),
    "pid": os.getpid(),
    "slurm_job": None,
    "versions": {"python": "3.11"},
    "handoff": None,
    "left_out": {},
    "raw_bytes": 1,
    "raw_files": [{"path": "/nowhere/a", "bytes": 1}],
    "raw_folders": [{"path": "/nowhere", "files": 1}],
    "outputs": [{"path": "a.txt", "bytes": 1, "sha256": "0"}],
    "attempts": [
        {"time": utc_timestamp(), "error": "E", "message": "m", "transient": False}
    ],
}
SENTINELS = [
    f"status/{name}.{state}"
    for name in ASSETS
    for state in ("DONE", "DOWNLOADED", "FAILED", "RUNNING")
]
WRITTEN = ["manifest.schema.json", "batches/0123456789abcdef.json"]
FILES = [
    *SENTINELS,
    "manifest.tsv",
    "manifest.schema.json",
    "manifest.FAILED",
    "environment.FAILED",
    "batches/0123456789abcdef.json",
    "lock",
    "summary.tsv",
    "handoff/a.pkl",
    "report/a.txt.json",
    "logs/process_asset/a.log",
]

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


def make(place: Path) -> Run:
    """Write a brainset in which there is one of each file, and return a run over it."""
    pipeline = place / "code/pipeline.py"
    pipeline.parent.mkdir(parents=True)
    pipeline.write_text(PIPELINE)
    config = {"raw_dir": str(place / "raw"), "processed_dir": str(place / "done")}
    config["brainsets"] = [str(pipeline)]
    run = Run(read_settings(config))
    [brainset] = run.brainsets.values()
    folder = brainset.folder
    for each in ("status", "handoff", "report", "batches", "logs/process_asset"):
        (folder.workflow / each).mkdir(parents=True)
    schema = {"format": 1, "columns": [{"name": "id", "type": "str"}], "args": []}
    schema |= {"code": brainset.source.code, "brainset": "mine"}
    write_sentinel(folder.workflow / "manifest.schema.json", schema)
    folder.manifest.write_text("id\na\nb\n")
    manifest = read_manifest(folder.manifest)
    (folder.root / "a.txt").write_text("x")
    for asset in ASSETS:
        record = {**RECORD, "asset": asset, "row": manifest.row_hash(asset)}
        record |= {"code": brainset.source.code, "raw_files": [], "raw_folders": []}
        for state in ("DONE", "DOWNLOADED"):
            write_sentinel(folder.sentinel(asset, state), record)
        folder.handoff(asset).write_bytes(b"x")
    members = [Pending("a", "a", "new"), Pending("b", "b", "new")]
    write_batch(folder, manifest, "0123456789abcdef", members, Capacity())
    return run


def look_at_all(run: Run) -> None:
    """Do whatever reads files of a brainset; only sentences may come of it."""
    [brainset] = run.brainsets.values()
    folder = brainset.folder
    conflicting_run(folder.lock)
    for only in (None, AssetFilter()):
        status = brainset_status(folder, only)
        json.dumps(status.as_json())
        list(status_table([status], whole=True))
        assert sum(status.counts.values()) == (status.total or 0)
        assert {*status.counts} <= {*STATES}
    try:
        outdated_listing(brainset)
        manifest = read_manifest(folder.manifest)
        rows = list(summary_rows(folder))
        assert [row["asset"] for row in rows] == list(manifest.rows)
        write_summary(folder)
        is_there = folder.status.is_dir()
        existing = {*os.listdir(folder.status)} if is_there else set()
        for download_only in (False, True):
            pending_assets(
                brainset,
                manifest,
                list(manifest.rows),
                download_only=download_only,
                existing=existing,
            )
        automatic_size(folder, manifest, 5, Capacity())
    except ManifestError:
        pass
    facts = read_facts(folder)
    [asset.spans for asset in facts.assets]
    for output in outputs_of(folder, facts.done):
        _is_cached(folder, output)
    for step in ("download", "process"):
        job = job_of(run)
        attempt = Attempt(job, step, None)
        assert attempt.number >= 1 and attempt.may_have_truncated in (True, False)
        downloaded = attempt.read("DOWNLOADED")
        first_change(*recorded_raw_data(downloaded))
        has_lost_its_data(attempt.failed, downloaded, brainset.raw_dir)
    try:
        read_batch(folder, "0123456789abcdef")
        _Batch(job_of(run), lambda job, forkers: 0, None)
    except BatchError:
        pass


def job_of(run: Run) -> Job:
    [brainset] = run.brainsets.values()
    folder = brainset.folder
    return Job(
        brainset="mine",
        code="0",
        code_stamp="0",
        pipeline=brainset.pipeline,
        raw_dir=brainset.raw_dir,
        folder=folder,
        asset="a",
        timeout_s=None,
        isolated=False,
        arguments=[],
        selection=Selection(),
        download_only=False,
        batch=folder.batch("0123456789abcdef"),
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


def test_odd_names_beside_the_sockets_of_warm_processes_are_borne(tmp_path):
    for name in ("a-b-c", "1-2-3-4", "x--", "999999999-١-d", "-1-2-3", "5-6-new"):
        (tmp_path / name).touch()
    (tmp_path / "4194305-1-folder").mkdir()
    _remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert {"a-b-c", "x--", "-1-2-3", "4194305-1-folder"} <= left
    assert "5-6-new" not in left


def test_what_a_report_remembers_is_what_it_has_seen(tmp_path):
    run = make(tmp_path)
    [brainset] = run.brainsets.values()
    [output, *_] = outputs_of(brainset.folder, read_facts(brainset.folder).done)
    output.bytes, output.is_drawn, output.seen = 1, False, {"fields": []}
    _cache(brainset.folder, output)
    assert _is_cached(brainset.folder, output)
    file = brainset.folder.workflow / "report/a.txt.json"
    file.write_text(file.read_text().replace("[]", "5"))
    assert not _is_cached(brainset.folder, output)


def test_lock_whose_content_is_anything_names_nobody(tmp_path):
    for content in (b"", b"[[", b"5", b'{"since": [1], "pid": {}}', b"[" * 5000):
        path = tmp_path / "lock"
        path.write_bytes(content)
        assert current_run(path) is None
        release_locks()


def test_long_ids_are_shown_by_their_ends():
    shown = asset_title("a" * 10**7 + "\x1b" * 3 + "z")
    assert len(shown) <= 120 and shown[0] == "a" and shown[-1] == "z"
    assert "\x1b" not in shown and "…" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="counts files as Linux shows them")
def test_a_worker_that_runs_many_batches_keeps_no_file_open(tmp_path):
    def download_asset(job, forkers):
        return 0

    def run_batch():
        batch = _Batch(job_of(run), download_asset, None)
        assert batch.members and all(map(batch.run, batch.members))

    run = make(tmp_path)
    run_batch()
    before = os.listdir("/proc/self/fd")
    run_batch()
    assert len(os.listdir("/proc/self/fd")) == len(before)
