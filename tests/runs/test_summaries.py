"""Every run leaves a table of what came out, however it ended."""

import csv
import os
import signal
import time

from brainsets.shared.state.summary import COLUMNS


def summary(workspace, brainset="recorder"):
    with open(workspace.folder(brainset).summary, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        assert rows.fieldnames == [*COLUMNS]
        return {row["asset"]: row for row in rows}


def test_summary_is_there_when_assets_have_failed(recorder):
    rows = [{"id": "good"}, {"id": "bad", "behave": "raise"}]
    recorder.write_rows([*rows, {"id": "unheard", "behave": "no answer"}])
    run = recorder.run(str(recorder.pipeline), "--retries", "1")
    assert run.returncode == 1
    found = summary(recorder)
    assert [*found] == ["good", "bad", "unheard"]
    good, bad, unheard = found.values()
    done = recorder.sentinel("good", "DONE")
    assert good["state"] == "DONE" and good["error"] == "" and good["attempts"] == "1"
    assert good["outputs"] == "676f6f64.h5" == done["outputs"][0]["path"]
    assert int(good["bytes_out"]) == done["outputs"][0]["bytes"]
    # The raw file, which the download returned among other things.
    assert int(good["bytes_in"]) == int(bad["bytes_in"]) == 20_000
    assert float(good["process_wall_s"]) == done["wall_s"]
    failed = recorder.sentinel("bad", "FAILED")
    assert bad["state"] == "FAILED" and bad["attempts"] == "2"
    assert bad["error"] == "ValueError: electrode 7 is missing"
    assert bad["outputs"] == bad["bytes_out"] == ""
    assert float(bad["process_wall_s"]) == failed["wall_s"]
    failed = recorder.sentinel("unheard", "FAILED")
    assert unheard["error"] == "ConnectionError: the archive does not answer"
    assert float(unheard["download_wall_s"]) == failed["wall_s"]
    assert unheard["bytes_in"] == unheard["process_wall_s"] == ""


def test_summary_changes_only_when_what_it_says_does(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "b", "behave": "no answer"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    (recorder.raw_dir / "recorder" / "the archive answers").touch()
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    assert {row["state"] for row in summary(recorder).values()} == {"DONE"}
    path = recorder.folder().summary
    before = path.stat().st_mtime_ns
    assert "Nothing to be done" in recorder.run(str(recorder.pipeline)).stdout
    assert path.stat().st_mtime_ns == before
    path.unlink()
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    assert {row["state"] for row in summary(recorder).values()} == {"DONE"}


def test_summary_is_there_when_the_run_was_stopped(recorder):
    recorder.write_rows([{"id": "a"}, {"id": "long", "behave": "sleep"}])
    run = recorder.start(str(recorder.pipeline))
    deadline = time.monotonic() + 120
    while not recorder.sentinel("a", "DONE"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # As Ctrl-C does: to Snakemake and its jobs.
    os.killpg(run.pid, signal.SIGINT)
    recorder.finish(run)
    found = summary(recorder)
    assert found["a"]["state"] == "DONE"
    assert found["long"]["state"] != "DONE" and found["long"]["outputs"] == ""


def test_dry_run_writes_no_summary(recorder):
    recorder.write_rows([{"id": "a", "behave": "raise"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    recorder.folder().summary.unlink()
    assert recorder.run(str(recorder.pipeline), "--dry-run").returncode == 0
    assert not recorder.folder().summary.exists()
