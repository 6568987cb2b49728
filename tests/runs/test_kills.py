"""Killed at any moment, a run leaves no broken file, and the next one finishes."""

import hashlib
import json
import os
import random
import signal
import time

import h5py
import pytest

from tests.helpers.dry_runs import planned_assets
from tests.helpers.sizes import full_size
from tests.helpers.waiting import wait_for

ROWS = [{"id": f"s{number}", "seconds": 0.4, "value": number} for number in range(6)]


def check_what_is_visible(workspace):
    """Every data file opens; every DONE has its files, with their checksums."""
    root = workspace.folder().root
    for path in root.glob("**/*"):
        if path.is_file() and "_workflow" not in path.relative_to(root).parts:
            assert path.suffix == ".h5", path
            with h5py.File(path) as file:
                assert file["samples"].shape == (20_000,)
                assert file["samples"][-1] == 9 * int(file.attrs["id"][1:])
    for path in workspace.folder().status.glob("*.DONE"):
        for output in json.loads(path.read_text())["outputs"]:
            content = (root / output["path"]).read_bytes()
            assert len(content) == output["bytes"]
            assert hashlib.sha256(content).hexdigest() == output["sha256"]


def kill_group(run):
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def test_sigkill_of_the_group_at_any_moment_leaves_nothing_broken(recorder):
    recorder.write_rows(ROWS)
    seed = int(os.environ.get("KILL_SEED", "20061"))
    chance = random.Random(seed)
    for _ in range(int(os.environ.get("KILLS", full_size(4, 10)))):
        run = recorder.start(str(recorder.pipeline))
        time.sleep(chance.uniform(0.8, 3.0))
        kill_group(run)
        # What the killed run leaves behind ends within moments, by itself.
        time.sleep(0.2)
        check_what_is_visible(recorder)
    run = recorder.run(str(recorder.pipeline))
    assert run.returncode == 0, run.stdout
    check_what_is_visible(recorder)
    for row in ROWS:
        assert recorder.sentinel(row["id"], "DONE")
        assert recorder.sentinel(row["id"], "RUNNING") is None


def test_raw_file_truncated_by_a_kill_is_fetched_again(recorder):
    recorder.write_rows([{"id": "a", "behave": "slow download"}])
    run = recorder.start(str(recorder.pipeline))
    raw = recorder.raw_dir / "recorder" / "61.raw"
    wait_for(lambda: raw.exists() and raw.stat().st_size >= 4_000)
    kill_group(run)
    assert raw.stat().st_size < 20_000
    assert recorder.sentinel("a", "DOWNLOADED") is None
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    assert raw.stat().st_size == 20_000
    assert recorder.sentinel("a", "DONE")


def test_raw_file_that_changed_since_its_download_is_fetched_again(recorder):
    recorder.write_rows([{"id": "a", "behave": "raise"}])
    recorder.run(str(recorder.pipeline))
    recorder.events()
    raw = recorder.raw_dir / "recorder" / "61.raw"
    raw.write_bytes(raw.read_bytes()[:100])
    recorder.run(str(recorder.pipeline))
    assert recorder.events() == ["download 'a'", "process 'a'"]
    assert raw.stat().st_size == 20_000


def test_only_snakemake_killed_its_jobs_end_well_and_are_not_repeated(recorder):
    recorder.write_rows([{"id": "s1", "seconds": 3.0}])
    run = recorder.start(str(recorder.pipeline))
    running = recorder.folder().sentinel("s1", "RUNNING")

    def processes():
        record = recorder.sentinel("s1", "RUNNING") if running.exists() else None
        return record is not None and record["status"] == "PROCESSING"

    wait_for(processes)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    again = recorder.run(str(recorder.pipeline))
    assert again.returncode == 0, again.stdout
    assert recorder.events().count("process 's1'") == 1
    check_what_is_visible(recorder)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_taken_up_again(recorder, signum):
    recorder.write_rows([{"id": "a", "seconds": 6.0}, {"id": "b"}])
    run = recorder.start(str(recorder.pipeline))
    wait_for(lambda: recorder.sentinel("b", "DONE"))
    wait_for(lambda: recorder.sentinel("a", "RUNNING"))
    os.killpg(run.pid, signum)
    run.wait(timeout=60)
    assert recorder.sentinel("a", "DONE") is None
    recorder.events()
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    assert "process 'a'" in recorder.events()


def test_a_run_that_plans_when_it_is_told_to_end_ends(recorder):
    # Enough to be planning for seconds once they are listed.
    recorder.write_rows([{"id": f"s{n}"} for n in range(3000)])
    run = recorder.start(str(recorder.pipeline))
    try:
        wait_for(recorder.folder().manifest.exists)
        time.sleep(2)
        os.kill(run.pid, signal.SIGTERM)
        run.communicate(timeout=120)
    finally:
        if run.returncode is None:
            kill_group(run)
    assert run.returncode > 0
    assert len(recorder.events()) < 100


def test_second_run_stops_at_once_and_names_the_first(recorder):
    recorder.write_rows([{"id": "a", "seconds": 4.0}])
    first = recorder.start(str(recorder.pipeline))
    try:
        wait_for(lambda: recorder.sentinel("a", "RUNNING"))
        second = recorder.run(str(recorder.pipeline))
        assert second.returncode == 1
        [sentence] = [x for x in second.stdout.splitlines() if "another run" in x]
        assert f"process {first.pid} on {os.uname().nodename}" in sentence
        assert "Traceback" not in second.stdout
    finally:
        assert first.wait(timeout=60) == 0
    assert recorder.events().count("process 'a'") == 1
    assert recorder.run(str(recorder.pipeline)).returncode == 0


def test_dry_run_and_status_are_possible_during_a_run(recorder):
    recorder.write_rows([{"id": "a", "seconds": 5.0}, {"id": "b", "seconds": 5.0}])
    run = recorder.start(str(recorder.pipeline), cores=1)
    try:
        wait_for(lambda: recorder.sentinel("a", "RUNNING"))
        dry = recorder.run(str(recorder.pipeline), "--dry-run")
        assert dry.returncode == 0, dry.stdout
        assert "process" in planned_assets(dry.stdout)["b"].steps
    finally:
        assert run.wait(timeout=120) == 0
