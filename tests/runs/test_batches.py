"""Several assets in one job: each ends as it would alone, and nothing is done twice."""

import os
import signal
from pathlib import Path

import pytest

from tests.helpers.dry_runs import planned_assets
from tests.helpers.waiting import wait_for


def batched(recorder, *options, size=3, **settings):
    return recorder.run(str(recorder.pipeline), *options, batch_size=size, **settings)


def processed(events):
    return [event for event in events if event.startswith("process")]


def jobs(run, rule):
    """Return what a run says of each job of a rule."""
    begin = f": {rule} recorder, "
    return [x.partition(begin)[2] for x in run.stdout.splitlines() if begin in x]


def test_batches_are_shown_run_and_then_done(recorder):
    recorder.write_rows([{"id": f"s{number}"} for number in range(7)])
    listed = recorder.run(str(recorder.pipeline), "--until", "write_manifest")
    assert listed.returncode == 0, listed.stdout
    dry = batched(recorder, "--dry-run")
    found = planned_assets(dry.stdout)
    assert {(x.steps, x.reason) for x in found.values()} == {
        ("download, process", "new")
    }
    together = [{a for a, x in found.items() if x.batch == n} for n in "123"]
    expected = [{"s0", "s1", "s2"}, {"s3", "s4", "s5"}, {"s6"}]
    assert sorted(together, key=min) == expected
    assert not recorder.folder().batches.exists()
    recorder.events()
    run = batched(recorder)
    assert run.returncode == 0, run.stdout
    assert len(processed(recorder.events())) == 7
    for number in range(7):
        done = recorder.sentinel(f"s{number}", "DONE")
        log = recorder.folder().log("process_asset", f"s{number}").read_text()
        assert f"process s{number} of recorder: attempt 1" in log
        assert done["attempt"] == 1 and done["log"].endswith(f"s{number}.log")
    assert len(recorder.folder().summary.read_text().splitlines()) == 8
    assert "Nothing to be done" in batched(recorder).stdout
    # Batches are how, not what.
    assert "Nothing to be done" in recorder.run(str(recorder.pipeline)).stdout
    assert "Nothing to be done" in batched(recorder, size=2).stdout
    recorder.events()
    asked = batched(
        recorder, "--forcerun", "process_asset", size=7, display="snakemake"
    )
    assert asked.returncode == 0, asked.stdout
    # All of them, but no download.
    [members] = jobs(asked, "process")
    assert members.endswith("s5, s6 (asked for)")
    assert len(recorder.events()) == 7 and not jobs(asked, "download")


def test_dry_run_for_a_cluster_shows_the_batches_of_the_cluster(recorder):
    pytest.importorskip(
        "snakemake_executor_plugin_slurm", reason="no plugin: pip install -e .[slurm]"
    )
    recorder.write_rows([{"id": f"s{number}"} for number in range(20)])
    recorder.run(str(recorder.pipeline), "--until", "write_manifest")
    options = ("--executor", "slurm", "--jobs", "5", "--dry-run")
    dry = batched(recorder, *options, size="auto")
    found = planned_assets(dry.stdout)
    assert {x.batch for x in found.values()} == {*"12345"}


def test_all_kinds_of_ends_are_those_of_an_asset_alone(recorder):
    ends = ["raise", "segfault", "os._exit", "sys.exit", "sleep", "chatter"]
    rows = [{"id": f"bad {end}", "behave": end} for end in ends]
    rows.insert(3, {"id": "good in between"})
    rows += [
        {"id": "good at the end"},
        {"id": "untransferable", "behave": "unpicklable"},
    ]
    recorder.write_rows(rows)
    brainset = {"pipeline": recorder.pipeline, "process": {"timeout": 8}}
    ids = [row["id"] for row in rows]

    def outcome():
        found = {}
        for asset in ids:
            failed = recorder.sentinel(asset, "FAILED", ids)
            end = failed and [
                (a["error"], a["message"], a["signal"], a["timeout_s"])
                for a in failed["attempts"][-1:]
            ]
            done = recorder.sentinel(asset, "DONE", ids)
            found[asset] = (end, done and done["outputs"])
        return found

    together = recorder.run([brainset], batch_size=20)
    assert together.returncode == 1
    in_batch = outcome()
    good = {asset for asset, (end, _) in in_batch.items() if not end}
    assert good == {"good in between", "good at the end", "untransferable"}
    log = recorder.folder().log("process_asset", "bad%20chatter").read_text()
    for words in ("words of a C library", "words of a sub-process", "words of Python"):
        assert words in log
    alone = recorder.run([brainset], "--forcerun", "process_asset")
    assert alone.returncode == 1
    assert outcome() == in_batch


def test_only_what_is_not_done_is_batched_and_retried(recorder):
    rows = [{"id": f"s{number}"} for number in range(5)]
    rows[1]["behave"] = "raise"
    recorder.write_rows(rows)
    assert batched(recorder, "--retries", "1", size=5).returncode == 1
    counts = processed(recorder.events())
    assert sorted(counts) == sorted(
        [f"process 's{number}'" for number in range(5)] + ["process 's1'"]
    )
    assert len(recorder.sentinel("s1", "FAILED")["attempts"]) == 2
    # One is mended, one is new, one is gone: neither touches the others.
    del rows[1]["behave"], rows[4]
    rows.insert(0, {"id": "a new one"})
    recorder.write_rows(rows)
    again = ("--forcerun", "write_manifest")
    run = batched(recorder, *again, size=5, display="snakemake")
    assert run.returncode == 0, run.stdout
    [members] = jobs(run, "process")
    assert members.startswith("2 assets: a new one, s1 (")
    assert sorted(processed(recorder.events())) == [
        "process 'a new one'",
        "process 's1'",
    ]
    assert recorder.sentinel("s4", "DONE")


def test_failed_download_keeps_nobody_from_being_processed(recorder):
    rows = [{"id": f"s{number}"} for number in range(3)]
    rows[1]["behave"] = "no answer"
    recorder.write_rows(rows)
    run = batched(recorder, "--retries", "1")
    assert run.returncode == 1
    assert recorder.sentinel("s0", "DONE") and recorder.sentinel("s2", "DONE")
    failed = recorder.sentinel("s1", "FAILED")
    assert failed["step"] == "download" and len(failed["attempts"]) == 2
    (recorder.raw_dir / "recorder" / "the archive answers").touch()
    recorder.events()
    assert batched(recorder).returncode == 0
    assert recorder.events() == ["download 's1'", "process 's1'"]


def test_download_only_fails_if_one_download_does(recorder):
    recorder.write_rows([{"id": "s0"}, {"id": "s1", "behave": "no answer"}])
    assert batched(recorder, download_only=True).returncode == 1
    assert recorder.sentinel("s0", "DOWNLOADED")
    assert recorder.sentinel("s1", "FAILED")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("warm", [True, False])
def test_a_batch_that_is_cut_off_goes_on_at_the_next_asset(recorder, signum, warm):
    rows = [{"id": f"s{number}"} for number in range(4)]
    rows[2]["behave"] = "wait while told"
    recorder.write_rows(rows)
    wait = recorder.raw_dir / "recorder" / "wait"
    wait.touch()
    run = recorder.start(str(recorder.pipeline), batch_size=4, warm=warm)

    def processes():
        running = recorder.sentinel("s2", "RUNNING")
        return running is not None and running["status"] == "PROCESSING"

    wait_for(processes)
    step = recorder.sentinel("s2", "RUNNING")["pid"]
    os.kill(batch_process(recorder), signum)
    assert run.wait(timeout=60) == 1
    # What ran has ended with it, and nothing else was begun.
    wait_for(lambda: not os.path.exists(f"/proc/{step}"))
    assert processed(recorder.events()) == [f"process 's{n}'" for n in range(3)]
    assert recorder.sentinel("s1", "DONE") and not recorder.sentinel("s3", "RUNNING")
    # What has taken a job down comes last, or nothing behind it would ever be run.
    again = recorder.start(str(recorder.pipeline), batch_size=4, warm=warm)
    wait_for(lambda: recorder.sentinel("s2", "RUNNING")["pid"] != step)
    assert recorder.sentinel("s3", "DONE")
    wait.unlink()
    assert again.wait(timeout=60) == 0
    assert processed(recorder.events()) == ["process 's3'", "process 's2'"]


@pytest.mark.parametrize("size", [1, 3])
def test_what_fails_when_it_is_made_anew_is_done_no_more(recorder, size):
    rows = [{"id": f"s{number}"} for number in range(3)]
    rows[1]["behave"] = "no answer"
    recorder.write_rows(rows)
    answers = recorder.raw_dir / "recorder" / "the archive answers"
    answers.touch()
    assert batched(recorder, size=size).returncode == 0
    answers.unlink()
    run = batched(recorder, "--forcerun", "download_asset", size=size)
    assert run.returncode == 1, run.stdout
    assert recorder.sentinel("s1", "FAILED") and not recorder.sentinel("s1", "DONE")
    [line] = recorder.folder().summary.read_text().splitlines()[2:3]
    assert line.split("\t")[:2] == ["s1", "FAILED"]
    answers.touch()
    recorder.events()
    assert batched(recorder, size=size).returncode == 0
    assert recorder.events() == ["download 's1'", "process 's1'"]


def test_what_is_cut_off_when_it_is_made_anew_is_done_no_more(recorder):
    recorder.write_rows([{"id": "s0"}, {"id": "s1", "behave": "wait while told"}])
    assert batched(recorder).returncode == 0
    wait = recorder.raw_dir / "recorder" / "wait"
    wait.touch()
    run = recorder.start(
        str(recorder.pipeline), "--forcerun", "process_asset", batch_size=2
    )
    wait_for(lambda: recorder.sentinel("s1", "RUNNING"))
    os.kill(batch_process(recorder), signal.SIGKILL)
    ended = recorder.finish(run)
    assert ended.returncode == 1
    silent = "(batch of 2, first s0): process ended without saying why"
    assert ended.stdout.count(silent) == 1
    assert recorder.sentinel("s0", "DONE") and not recorder.sentinel("s1", "DONE")
    wait.unlink()
    recorder.events()
    assert batched(recorder).returncode == 0
    assert recorder.events() == ["process 's1'"]


def test_batch_ends_at_the_next_asset_when_its_server_is_killed(recorder):
    rows = [{"id": f"s{number}"} for number in range(4)]
    rows[1]["behave"] = "wait while told"
    recorder.write_rows(rows)
    wait = recorder.raw_dir / "recorder" / "wait"
    wait.touch()
    run = recorder.start(str(recorder.pipeline), batch_size=4)
    wait_for(
        lambda: (recorder.sentinel("s1", "RUNNING") or {}).get("step") == "process"
    )
    os.kill(server_of(recorder.sentinel("s1", "RUNNING")["pid"]), signal.SIGKILL)
    wait.unlink()
    assert run.wait(timeout=60) == 1
    # What had begun was finished.
    assert recorder.sentinel("s1", "DONE") and not recorder.sentinel("s2", "DONE")
    recorder.events()
    assert batched(recorder, size=4).returncode == 0
    assert recorder.events() == ["process 's2'", "process 's3'"]


def server_of(step):
    """Return the first of the warm processes that a step descends from."""
    pid = step
    while "warm/main.py" in Path(f"/proc/{parent(pid)}/cmdline").read_text():
        pid = parent(pid)
    return pid


def parent(pid):
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_nothing_is_left_of_files_that_are_used_again(recorder):
    recorder.write_rows([{"id": f"s{number}"} for number in range(6)])
    assert batched(recorder).returncode == 0
    folder = recorder.folder()
    # The warm process ends within a second or two after its run.
    wait_for(lambda: not [n for n in os.listdir(folder.status) if n.startswith(".")])
    wait_for(lambda: not os.listdir(folder.workflow / "staging"))


def batch_process(recorder):
    """Return the pid of the process that runs the steps of a batch."""
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        is_ours = any(os.fsencode(recorder.root) in word for word in words)
        if is_ours and any(word.endswith(b"process_batch.py") for word in words[:7]):
            return int(name)
    raise AssertionError("no batch is running")
