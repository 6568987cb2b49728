"""``status``: what it lists, what it shows, and that it agrees with the sentinels."""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.commands import watching
from brainsets.commands.main import main
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.asset_names import asset_names
from tests.helpers import manifests
from tests.helpers.small_pipeline import write
from tests.helpers.terminal import Terminal
from tests.helpers.workspace import ROOT

STATES = (
    *("done", "skipped", "failed", "running", "interrupted", "downloaded", "pending"),
)
SUFFIXES = ("DONE", "FAILED", "RUNNING", "DOWNLOADED")


def status(*arguments):
    """Run the command in this process; return its exit status and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(["status", *map(str, arguments)])
    return code, printed.getvalue()


def expected_state(files, is_alive, is_skipped):
    """Return the state that docs/status_json.md gives an asset with these sentinels."""
    if "DONE" in files:
        return "skipped" if is_skipped else "done"
    if "RUNNING" in files and is_alive:
        return "running"
    if "FAILED" in files:
        return "failed"
    if "RUNNING" in files:
        return "interrupted"
    if "DOWNLOADED" in files:
        return "skipped" if is_skipped else "downloaded"
    return "pending"


@settings(max_examples=60)
@given(
    st.dictionaries(
        manifests.IDS["text"],
        st.tuples(st.sets(st.sampled_from(SUFFIXES)), st.booleans(), st.booleans()),
        max_size=8,
    ),
    st.sets(st.sampled_from(["--failed", "--pending", "--skipped"])),
)
def test_json_agrees_with_the_sentinels(assets, options):
    with tempfile.TemporaryDirectory() as root:
        folder = BrainsetFolder(Path(root) / "apple")
        folder.status.mkdir(parents=True)
        frame = pd.DataFrame(index=pd.Index(list(assets), dtype=object))
        manifests.write(folder.workflow, frame)
        for asset, name in asset_names(assets).items():
            files, is_alive, is_skipped = assets[asset]
            for state in files:
                record = {
                    "asset": asset,
                    "step": "process",
                    "host": os.uname().nodename,
                    "pid": os.getpid() if is_alive else 2**22 + 1,
                    "attempts": [{"error": "E", "message": asset, "transient": False}],
                    "outputs": [{"path": "a.h5", "bytes": 1, "sha256": "0"}],
                }
                if is_skipped:
                    record |= {"skipped": asset, "outputs": []}
                folder.sentinel(name, state).write_text(json.dumps(record))
        states = {a: expected_state(*found) for a, found in assets.items()}
        code, printed = status("--processed-dir", root, "--json", *options)
        [told] = json.loads(printed)["brainsets"]
    values = list(states.values())
    assert told["counts"] == {state: values.count(state) for state in STATES}
    assert told["total"] == len(assets) and told["orphaned"] == []
    assert code == int("failed" in values)
    wanted = {"failed"} if "--failed" in options else set()
    wanted |= {"skipped"} if "--skipped" in options else set()
    if "--pending" in options:
        wanted |= {"pending", "downloaded", "interrupted"}
    shown = {a: s for a, s in states.items() if not options or s in wanted}
    for state in ("failed", "running", "interrupted", "skipped"):
        listed = [entry["asset"] for entry in told[state]]
        assert sorted(listed) == sorted(a for a, s in shown.items() if s == state)
    assert all(entry["message"] == entry["asset"] for entry in told["failed"])
    assert all(entry["reason"] == entry["asset"] for entry in told["skipped"])
    assert told["done_without_files"] == 0
    if options:
        found = {entry["asset"]: entry["state"].lower() for entry in told["assets"]}
        assert found == shown
    else:
        assert told["assets"] is None


@pytest.fixture(scope="module")
def prepared(module_workspace):
    """A brainset of which one asset failed, one was downloaded, and one is left."""
    body = """
    assets = ["s1", "s2", "s3", "odd [id]/é", "left"]

    def process(self, row):
        if row.Index == "s2":
            raise ValueError("electrode 7 is missing")
"""
    pipeline = str(write(module_workspace, body))
    entry = {"pipeline": pipeline, "exclude": ["left", "s3"]}
    assert module_workspace.run([entry]).returncode == 1
    only = [{"pipeline": pipeline, "assets": "s3"}]
    assert module_workspace.run(only, download_only=True).returncode == 0
    return module_workspace


def told(workspace, *arguments):
    arguments = ("status", "--processed-dir", workspace.processed_dir, *arguments)
    return workspace.brainsets(*arguments)


def test_filters_list_assets_and_combine(prepared):
    def listed(*arguments):
        lines = told(prepared, *arguments).stdout.splitlines()
        states = ("DONE ", "FAILED ", "PENDING ", "DOWNLOADED ")
        return sorted(x.partition(" (")[0] for x in lines if x.startswith(states))

    assert listed("--failed") == ["FAILED recorder s2"]
    left = ["DOWNLOADED recorder s3", "PENDING recorder left"]
    assert listed("--pending") == left
    assert listed("--pending", "--failed") == sorted([*left, "FAILED recorder s2"])
    assert listed("--asset", "s*", "--failed", "--pending") == [
        "DOWNLOADED recorder s3",
        "FAILED recorder s2",
    ]
    odd = "odd [id]/é"
    assert listed("--asset", odd, "--asset", "s1") == [
        f"DONE recorder {odd}",
        "DONE recorder s1",
    ]
    wrong = told(prepared, "--asset", "s9*", "--asset", "s1")
    assert wrong.returncode == 2
    assert "no asset matches 's9*'; did you mean " in wrong.stderr


def test_log_is_that_of_the_latest_step(prepared):
    shown = told(prepared, "--log", "s2")
    assert shown.returncode == 0
    assert "ValueError: electrode 7 is missing" in shown.stdout
    assert shown.stderr.strip() == f"{prepared.folder().log('process_asset', 's2')}:"
    assert "download s3 of recorder" in told(prepared, "--log", "s3").stdout
    wrong = told(prepared, "--log", "s22")
    assert wrong.returncode == 2 and "did you mean 's2'" in wrong.stderr
    nothing = told(prepared, "--log", "left")
    assert nothing.returncode == 2 and "has no log yet" in nothing.stderr


def test_log_of_an_id_that_two_brainsets_have_asks_for_one(prepared, workspace):
    for name in ("recorder", "second"):
        source = prepared.folder().root
        shutil.copytree(source, workspace.processed_dir / name, symlinks=True)
    both = told(workspace, "--log", "s2")
    assert both.returncode == 2 and "recorder, second; name one" in both.stderr
    assert told(workspace, "second", "--log", "s2").returncode == 0


def test_log_is_paged_on_a_terminal(prepared):
    pager = prepared.root / "pager"
    pager.write_text('#!/bin/sh\necho "PAGED with $*"; cat\n')
    pager.chmod(0o755)
    command = [sys.executable, "-m", "brainsets", "status", "--log", "s2"]
    command += ["--processed-dir", prepared.processed_dir]
    environment = {"PAGER": f"'{pager}' -x"}
    terminal = Terminal(command, environment=environment, cwd=ROOT)
    assert terminal.wait() == 0
    assert "PAGED with -x" in terminal.shown and "electrode 7" in terminal.shown


def test_what_does_not_go_together_is_refused(prepared):
    pairs = (
        "--json --watch",
        "--watch --failed",
        "--log s1 --json",
        "--log s1 --pending",
    )
    for pair in map(str.split, pairs):
        refused = told(prepared, *pair)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr


@pytest.mark.parametrize("columns", [80, 200])
def test_watch_shows_the_picture_of_a_run(workspace, columns):
    body = """
    assets = ["a", "b", "c"]

    def process(self, row):
        self.update_status("SORTING block 2 of 7")
        while row.Index != "a" and not (self.raw_dir / "go").exists():
            time.sleep(0.05)
        if row.Index == "c":
            raise ValueError("electrode 7 is missing")
"""
    run = workspace.start(str(write(workspace, body)))
    command = [sys.executable, "-m", "brainsets", "status", "--watch"]
    command += ["--processed-dir", workspace.processed_dir]
    deadline = time.monotonic() + 60
    while not workspace.processed_dir.is_dir():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    terminal = Terminal(command, columns=columns, cwd=ROOT)

    def wait_for(text):
        while text not in terminal.shown:
            assert time.monotonic() < deadline, terminal.shown
            time.sleep(0.05)

    try:
        wait_for("SORTING block 2 of 7")
        wait_for("1 of 3 done")
        (workspace.raw_dir / "recorder" / "go").touch()
        wait_for("FAILED recorder c (process): ValueError: electrode 7 is missing")
        wait_for("2 of 3 done, 1 failed")
        os.killpg(terminal.process.pid, signal.SIGINT)
        assert terminal.wait() == 1
    finally:
        terminal.process.kill()
        workspace.finish(run)
    # The table at the end.
    assert "orphaned" in terminal.shown


def test_watch_in_a_pipe_is_plain(prepared):
    command = [sys.executable, "-m", "brainsets", "status", "--watch"]
    command += ["--processed-dir", prepared.processed_dir]
    process = prepared.start_command(command)
    try:
        lines = [process.stdout.readline() for _ in range(3)]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert "FAILED recorder s2 (process): ValueError" in lines[0]
    assert "recorder: 2 of 5 done, 1 failed, 0 running" in lines[2]
    assert "\x1b" not in "".join(lines)


def test_watch_says_that_there_is_no_list_yet(tmp_path, monkeypatch, capsys):
    folder = BrainsetFolder(tmp_path / "apple")
    folder.status.mkdir(parents=True)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "pause_s", interrupt)
    assert watching.watch(lambda: [folder]) == 0
    shown = capsys.readouterr().out
    assert "apple: no list yet, 0 done, 0 failed, 0 running" in shown
