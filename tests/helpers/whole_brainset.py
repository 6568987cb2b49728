"""A brainset in which there is one of each file, and whatever reads them."""

import json
import os
import socket
from pathlib import Path

from brainsets.display.status_table import status_table
from brainsets.errors import BatchError, ManifestError
from brainsets.jobs.attempts import Attempt
from brainsets.jobs.batches import _Batch
from brainsets.jobs.job import Job
from brainsets.planning.batches import Capacity, automatic_size, read_batch, write_batch
from brainsets.planning.pending import Pending, outdated_listing, pending_assets
from brainsets.planning.run import Run
from brainsets.planning.settings import read_settings
from brainsets.report.data.outputs import _is_cached, outputs_of
from brainsets.report.records import read_facts
from brainsets.shared.inputs.raw_data import (
    first_change,
    has_lost_its_data,
    recorded_raw_data,
)
from brainsets.shared.locks import conflicting_run
from brainsets.shared.manifest import read_manifest
from brainsets.shared.selection import Selection
from brainsets.shared.state.sentinels import write_sentinel
from brainsets.shared.state.status import STATES, AssetFilter, brainset_status
from brainsets.shared.state.summary import summary_rows, write_summary
from brainsets.shared.times import utc_timestamp

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
