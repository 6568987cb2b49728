"""How many assets a job gets, what a plan says, and what is left of following it."""

import json
import os
import sys

import pytest

from brainsets.errors import BatchError
from brainsets.jobs.batches import _Batch
from brainsets.planning.batches import (
    Batch,
    Capacity,
    automatic_size,
    cut,
    leftovers,
    planned_batch,
    read_batch,
    remove_batches,
    write_batch,
)
from brainsets.planning.pending import Pending
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.manifest_schema import schema_path
from tests.helpers.whole_brainset import job_of, make


@pytest.fixture
def folder(tmp_path):
    folder = BrainsetFolder(tmp_path)
    folder.workflow.mkdir()
    folder.manifest.write_text("id\n" + "".join(f"s{n}\n" for n in range(6)))
    schema = {"columns": [{"name": "id", "type": "str"}]}
    schema_path(folder.manifest).write_text(json.dumps(schema))
    return folder


def finish(folder, *durations_s):
    folder.status.mkdir()
    for number, wall_s in enumerate(durations_s):
        record = json.dumps({"wall_s": wall_s, "outputs": []})
        folder.sentinel(f"s{number}", "DONE").write_text(record)


@pytest.mark.parametrize(
    "pending, slots, typical_s, size",
    [
        # A slot each, and a minute of work.
        (200, 4, 1.0, 50),
        # More slots than there is work for: jobs of a minute, evenly.
        (200, 100, 1.0, 50),
        (1000, 4, 1.0, 250),
        # Not more than ten minutes at a time.
        (100_000, 4, 1.0, 599),
        (100, 4, 120.0, 5),
        (100, 4, 3600.0, 1),
        # What takes no time is not cut into more jobs than needed.
        (1000, 2, 0.0, 1000),
        (1, 10, 1.0, 1),
    ],
)
def test_automatic_size_keeps_slots_busy_with_minutes(
    folder, pending, slots, typical_s, size
):
    finish(folder, typical_s, typical_s)
    manifest = read_manifest(folder.manifest)
    capacity = Capacity(slots=slots, min_job_s=60)
    assert automatic_size(folder, manifest, pending, capacity) == size


def test_automatic_size_is_small_while_nothing_is_known(folder):
    manifest = read_manifest(folder.manifest)
    assert automatic_size(folder, manifest, 1000, Capacity(slots=4)) == 10
    assert automatic_size(folder, manifest, 8, Capacity(slots=4)) == 2


def test_batches_follow_the_manifest_and_are_named_by_their_members():
    pending = [Pending(f"s{n}", f"s{n}", "new") for n in range(5)]
    batches = cut(pending, 2)
    assert [[p.asset for p in part] for _, part in batches] == [
        ["s0", "s1"],
        ["s2", "s3"],
        ["s4"],
    ]
    assert cut(pending[:2], 2)[0][0] == batches[0][0]
    assert len({name for name, _ in batches}) == 3


def test_a_plan_is_read_by_jobs_as_it_was_made(folder):
    members = [
        Pending("s1", "s1", "failed before", fetch=False),
        Pending("s2", "s2", "new"),
    ]
    manifest = read_manifest(folder.manifest)
    write_batch(folder, manifest, "a" * 16, members, Capacity(retries=2))
    planned = Batch("a" * 16, ["s1", "s2"], True, "failed before, new")
    assert read_batch(folder, "a" * 16) == planned == planned_batch("a" * 16, members)
    assert leftovers(folder, ["a" * 16]) == []
    folder.batch("a" * 16, "DONE").touch()
    assert leftovers(folder, ["a" * 16, "b" * 16]) == [folder.batch("a" * 16, "DONE")]
    remove_batches(folder, {"a" * 16})
    assert len(list(folder.batches.iterdir())) == 2
    remove_batches(folder, set())
    with pytest.raises(BatchError, match="a later run has planned its assets anew"):
        read_batch(folder, "a" * 16)


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
