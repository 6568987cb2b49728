"""A run that Snakemake takes for a success, and what sentinels say of it."""

import json
import time
from types import SimpleNamespace

import pytest

from brainsets.errors import UnfinishedError
from brainsets.planning.final_check import check_nothing_undone
from brainsets.planning.run import Run
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest_schema import schema_path
from brainsets.shared.selection import Selection
from brainsets.shared.state.sentinels import DONE

ASSETS = ("a", "b")


class Checkpoints:
    """Of Snakemake: lists have been made."""

    write_manifest = SimpleNamespace(get=lambda brainset: None)


@pytest.fixture
def brainset(tmp_path):
    folder = BrainsetFolder(tmp_path / "mine")
    folder.status.mkdir(parents=True)
    folder.manifest.write_text("id\n" + "".join(f"{asset}\n" for asset in ASSETS))
    listing = {"columns": [{"name": "id", "type": "str"}], "args": [], "code": "c"}
    schema_path(folder.manifest).write_text(json.dumps(listing))
    return SimpleNamespace(
        id="mine",
        folder=folder,
        selection=Selection(),
        source=SimpleNamespace(code="c"),
        has_args_of=lambda record: record.get("args") == [],
        pipeline=tmp_path / "pipeline.py",
        is_isolated=False,
        batch_size=1,
        raw_dir=tmp_path,
    )


@pytest.fixture
def run(brainset):
    settings = SimpleNamespace(brainsets={"mine": brainset}, download_only=False)
    return Run(settings)


def finish(run, brainset, *assets, ended="now", **more):
    for asset in assets:
        row = run.manifest(brainset).row_hash(asset)
        record = {"row": row, "args": [], "code": "c", "outputs": [], "ended": ended}
        path = brainset.folder.sentinel(asset, DONE)
        path.write_text(json.dumps({**record, **more}))


def plan(run):
    run.targets("mine", Checkpoints, lambda files: None)


def test_what_was_planned_and_is_done_is_fine(run, brainset):
    plan(run)
    finish(run, brainset, *ASSETS)
    check_nothing_undone(run)


def test_what_was_planned_and_is_not_done_is_told(run, brainset):
    plan(run)
    finish(run, brainset, "a")
    with pytest.raises(
        UnfinishedError, match=r"left undone: mine b \(new\); run again"
    ):
        check_nothing_undone(run)


def test_what_was_done_before_under_other_code_is_told(run, brainset):
    finish(run, brainset, *ASSETS, ended="before", code="old")
    plan(run)
    finish(run, brainset, "a")
    with pytest.raises(UnfinishedError, match=r": mine b \(pipeline code changed\);"):
        check_nothing_undone(run)
    # Edited while it ran: as good as this run can do.
    finish(run, brainset, "b", code="edited while the step ran")
    check_nothing_undone(run)


def test_where_snakemake_has_planned_nothing_all_has_to_be_done(run, brainset):
    finish(run, brainset, "a")
    with pytest.raises(UnfinishedError, match="mine b"):
        check_nothing_undone(run)
    finish(run, brainset, "b")
    check_nothing_undone(run)


def test_sentinels_of_other_machines_may_be_seen_late(run, brainset, monkeypatch):
    plan(run)
    monkeypatch.setattr(time, "sleep", lambda s: finish(run, brainset, *ASSETS))
    check_nothing_undone(run, patience_s=60)
