"""Whatever one asset does, the others are done, and its end is known."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.helpers.small_pipeline import data, write

BAD = {
    "raises": "raise",
    "exits": "os._exit",
    "gives up": "sys.exit",
    "crashes": "segfault",
    "is killed": "wait to be killed",
    "takes too long": "sleep",
}
GOOD = [f"good{number:02}" for number in range(14)]


def kill_when_running(workspace, asset):
    """Kill a step from outside with the pid that its sentinel gives."""
    path = workspace.folder().status
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for file in path.glob("*.RUNNING"):
            try:
                record = json.loads(file.read_text())
            except (OSError, ValueError):
                continue
            if record["asset"] == asset and record["status"] == "PROCESSING":
                os.kill(record["pid"], signal.SIGKILL)
                return
        time.sleep(0.05)


@pytest.fixture
def run_of_21(recorder):
    rows = [{"id": asset} for asset in GOOD]
    rows += [{"id": "returns a lambda", "behave": "unpicklable"}]
    rows += [{"id": asset, "behave": behave} for asset, behave in BAD.items()]
    recorder.write_rows(rows)
    killer = threading.Thread(target=kill_when_running, args=(recorder, "is killed"))
    killer.start()
    settings = {"pipeline": recorder.pipeline, "process": {"timeout": 8}}
    run = recorder.run([settings])
    killer.join()
    return recorder, run, settings


def test_each_way_to_fail_is_told_and_stops_nobody_else(run_of_21):
    recorder, run, settings = run_of_21
    assert run.returncode == 1
    for asset in [*GOOD, "returns a lambda"]:
        done = recorder.sentinel(asset, "DONE")
        assert done["asset"] == asset
        assert recorder.sentinel(asset, "FAILED") is None
    causes = {}
    for asset in BAD:
        assert recorder.sentinel(asset, "DONE") is None
        failed = recorder.sentinel(asset, "FAILED")
        assert failed["asset"] == asset and failed["step"] == "process"
        assert Path(failed["log"]).is_file()
        [attempt] = failed["attempts"]
        causes[asset] = attempt
    assert causes["raises"]["error"] == "ValueError"
    assert causes["raises"]["message"] == "electrode 7 is missing"
    assert "misbehave" in causes["raises"]["traceback"]
    assert causes["exits"]["error"] == "UnexpectedExit"
    assert "exit status 0 before it had finished" in causes["exits"]["message"]
    assert causes["gives up"]["error"] == "SystemExit"
    assert causes["gives up"]["message"] == "this recording cannot be used"
    assert causes["crashes"]["signal"] == "SIGSEGV"
    assert causes["is killed"]["signal"] == "SIGKILL"
    assert "out of memory?" in causes["is killed"]["message"]
    assert causes["takes too long"]["error"] == "Timeout"
    assert causes["takes too long"]["timeout_s"] == 8
    # The closing table names each of them, with its log.
    table = run.stdout[run.stdout.index("brainset ") :]
    for asset in BAD:
        assert f"FAILED recorder {asset} (process)" in table
        assert recorder.sentinel(asset, "FAILED")["log"] in table
    row = next(line for line in table.splitlines() if line.startswith(" recorder"))
    assert row.split() == ["recorder", "15", "6", "0", "0", "0", "21"]


def test_next_run_tries_the_failed_ones_alone(run_of_21):
    recorder, _, settings = run_of_21
    recorder.events()
    recorder.write_rows([])  # not read: the manifest is there
    settings["process"]["timeout"] = 5
    run = recorder.run([settings])
    assert run.returncode == 1
    assert sorted(recorder.events()) == sorted(f"process {asset!r}" for asset in BAD)
    assert len(recorder.sentinel("raises", "FAILED")["attempts"]) == 2
    assert recorder.sentinel("raises", "FAILED")["attempt"] == 2


def test_unpicklable_download_is_repeated_in_the_process_step(recorder):
    recorder.write_rows([{"id": "a", "behave": "unpicklable"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    assert recorder.events() == [
        "manifest",
        "download 'a'",
        "download 'a'",
        "process 'a'",
    ]
    assert "lambda" in recorder.sentinel("a", "DOWNLOADED")["handoff"]


def test_all_output_is_in_the_log_and_none_on_the_terminal(recorder):
    recorder.write_rows([{"id": "a", "behave": "chatter"}])
    run = recorder.run(str(recorder.pipeline))
    log = recorder.folder().log("process_asset", "a").read_text()
    words = [
        "words of a C library",
        "words of a sub-process",
        "words of Python",
        "complaint of Python",
        "Traceback (most recent call last)",
    ]
    for text in words:
        assert text in log
        assert text not in run.stdout
    # The closing table gives the first line of the error, and only that.
    assert "RuntimeError: chatter ends badly" in run.stdout


def test_retries_are_snakemakes_and_every_attempt_is_remembered(recorder):
    recorder.write_rows([{"id": "a", "behave": "raise"}])
    assert recorder.run(str(recorder.pipeline), "--retries", "2").returncode == 1
    failed = recorder.sentinel("a", "FAILED")
    assert len(failed["attempts"]) == 3 and failed["attempt"] == 3
    assert recorder.events().count("process 'a'") == 3


def test_two_assets_that_write_one_file_do_not_overwrite_each_other(workspace):
    pipeline = workspace.write_pipeline(
        """
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

class Pipeline(BrainsetPipeline):
    brainset_id = "recorder"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame(index=pd.Index(["a", "b"], name="id"))

    def download(self, row):
        return row

    def process(self, row):
        (self.processed_dir / "same.txt").write_text(row.Index)
"""
    )
    run = workspace.run(str(pipeline), cores=1)
    assert run.returncode == 1
    states = {asset: workspace.sentinel(asset, "DONE") for asset in "ab"}
    [done] = [asset for asset, record in states.items() if record]
    assert (workspace.folder().root / "same.txt").read_text() == done
    [other] = set("ab") - {done}
    message = workspace.sentinel(other, "FAILED")["attempts"][-1]["message"]
    assert "same.txt" in message and repr(done) in message


@pytest.mark.parametrize(
    "statement, error",
    [
        ("raise type('Odd', (Exception,), {'__str__': lambda s: 1 / 0})()", "Odd"),
        ("raise ValueError('byte \\udcff')", "ValueError"),
        ("raise ValueError('x' * 10_000_000)", "ValueError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise MemoryError", "MemoryError"),
        ("input('which version?')", "EOFError"),
    ],
)
def test_odd_errors_are_told_as_what_they_are(workspace, statement, error):
    body = f"""
    def process(self, row):
        {statement}
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 1
    failed = workspace.sentinel("a", "FAILED")
    assert failed["attempts"][0]["error"] == error
    assert len(failed["attempts"][0]["message"]) < 5000
    assert f"FAILED recorder a (process): {error}" in run.stdout


def test_closed_streams_and_odd_modules_are_no_failure(workspace):
    body = """
    def process(self, row):
        super().process(row)
        sys.modules["odd"] = 42
        sys.stdout.close()
        sys.stderr = None
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 0, run.stdout
    assert data(workspace) == {"a.txt": "whole"}
