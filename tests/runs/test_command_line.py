"""``prepare``, ``status``, ``list`` and the published runner's command line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.workspace import ROOT


@pytest.fixture
def prepare(recorder):
    """Run ``prepare`` on the recorder with two assets."""
    recorder.write_rows([{"id": "s1"}, {"id": "s2", "value": 2}])

    def run(*arguments, pipeline=recorder.pipeline):
        folders = ("--raw-dir", recorder.raw_dir)
        folders += ("--processed-dir", recorder.processed_dir, "-c", "2")
        return recorder.brainsets("prepare", pipeline.parent, *folders, *arguments)

    return run


def test_prepare_takes_a_pipeline_to_done(recorder, prepare):
    run = prepare("--local", "--use-active-env")
    assert run.returncode == 0, run.stderr
    assert recorder.sentinel("s1", "DONE") and recorder.sentinel("s2", "DONE")


def test_prepare_list_prints_the_manifest_and_prepares_nothing(recorder, prepare):
    run = prepare("--list")
    assert run.returncode == 0, run.stderr
    assert run.stdout == "id\tbehave\tseconds\tvalue\ns1\t\t0.0\t1\ns2\t\t0.0\t2\n"
    assert recorder.events() == ["manifest"]


def test_prepare_single_takes_one_asset(recorder, prepare):
    assert prepare("-s", "s2").returncode == 0
    assert recorder.sentinel("s2", "DONE") and not recorder.sentinel("s1", "DONE")
    wrong = prepare("-s", "s3")
    assert wrong.returncode == 1
    assert "no such asset" in wrong.stderr and "'s2'" in wrong.stderr


def test_prepare_download_only_processes_nothing(recorder, prepare):
    assert prepare("--download-only", "-s", "s1").returncode == 0
    assert recorder.events() == ["manifest", "download 's1'"]


def test_the_pipelines_own_arguments_pass_through(recorder, prepare):
    assert prepare("--gain", "2", "-s", "s1").returncode == 0
    assert recorder.sentinel("s1", "DONE")["args"] == ["--gain", "2"]


def test_redownload_and_reprocess_do_it_again(recorder, prepare):
    prepare("-s", "s1")
    recorder.events()
    assert prepare("-s", "s1", "--reprocess").returncode == 0
    assert recorder.events() == ["process 's1'"]
    assert prepare("-s", "s1", "--redownload").returncode == 0
    assert recorder.events() == ["download 's1'", "process 's1'"]


@pytest.mark.parametrize("flag", ["--redownload", "--reprocess"])
def test_pipelines_without_the_flags_are_repeated_too(recorder, prepare, flag):
    text = recorder.pipeline.read_text().replace("args.redownload", "__dict__")
    known = [f'parser.add_argument("{f}"' for f in ("--redownload", "--reprocess")]
    lines = [x for x in text.splitlines() if not x.startswith(tuple(known))]
    recorder.pipeline.write_text("\n".join(lines).replace("self.__dict__", "True"))
    assert prepare("-s", "s1").returncode == 0
    recorder.events()
    assert prepare("-s", "s1", flag).returncode == 0
    assert "process 's1'" in recorder.events()


def test_the_pipelines_own_usage_error_is_shown_as_its_own(recorder, prepare):
    run = prepare("--gain", "loud")
    assert run.returncode == 2
    words = "pipeline.py: error: argument --gain: invalid float value: 'loud'"
    assert run.stderr.rstrip().endswith(words)
    assert "Traceback" not in run.stderr
    # Also when the mistake is made twice.
    assert prepare("--gain", "loud").returncode == 2
    assert prepare("-s", "s1").returncode == 0
    # And it leaves nothing behind where something was prepared before.
    assert prepare("--gain", "loud").returncode == 2
    status = recorder.brainsets("status", "--processed-dir", recorder.processed_dir)
    assert status.returncode == 0, status.stdout


def test_failure_gives_exit_code_1(recorder, prepare):
    recorder.write_rows([{"id": "s1", "behave": "raise"}])
    assert prepare().returncode == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["prepare", "no_such_pipeline"], "no pipeline named 'no_such_pipeline'"),
        (["prepare", "rokem_grasshopper_auditory_2006", "-c", "0"], "at least 1"),
        (["prepare"], "the following arguments are required: brainset"),
        (["status", "--processed-dir", "no/such"], "there is no folder no/such"),
        (["status", "--jsn"], "unrecognized arguments: --jsn"),
        (["lst"], "invalid choice: 'lst'"),
    ],
)
def test_wrong_command_gives_one_sentence_and_exit_code_2(workspace, arguments, words):
    run = workspace.brainsets(*arguments)
    assert run.returncode == 2
    assert words in run.stderr and "Traceback" not in run.stderr


def test_published_runners_command_line_starts_snakemake(recorder):
    recorder.write_rows([{"id": "s1"}])
    command = [sys.executable, "-m", "brainsets.runner", recorder.pipeline]
    command += [f"--raw-dir={recorder.raw_dir}", "-c1", "--gain", "3"]
    command += [f"--processed-dir={recorder.processed_dir}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert recorder.sentinel("s1", "DONE")["args"] == ["--gain", "3"]
    listed = subprocess.run(
        [*command, "--list"], cwd=ROOT, capture_output=True, text=True
    )
    assert listed.stdout.splitlines()[0] == "id\tbehave\tseconds\tvalue"


def test_list_names_what_is_shipped(workspace):
    run = workspace.brainsets("list")
    assert run.returncode == 0
    [line] = [x for x in run.stdout.splitlines() if x.startswith("rokem_grasshopper")]
    assert line.split() == ["rokem_grasshopper_auditory_2006", "ships"]
    entries = json.loads(workspace.brainsets("list", "--json").stdout)
    for entry in entries:
        if entry["ships"]:
            assert os.path.isfile(entry["path"])
        else:
            assert entry["package"] in ("torch_brain", "brainsets") and entry["version"]


@pytest.mark.parametrize(
    "config, told",
    [
        ("catalog: 3", "catalog is 3, but must be a mapping"),
        ("catalog: {torch_brain: 0.3}", 'put it in quotes: "0.3"'),
        ("catalog: {torchbrain: '0.3'}", "unknown setting 'torchbrain' in catalog"),
        ("- catalog", "instead of settings"),
        ("catalog: [", "cannot be read"),
    ],
)
def test_wrong_settings_are_told_by_commands_too(workspace, config, told):
    file = workspace.root / "config" / "config.yaml"
    file.parent.mkdir()
    file.write_text(config)
    for command in (["list"], ["prepare", "pei_pandarinath_nlb_2021", "--list"]):
        run = subprocess.run(
            [sys.executable, "-m", "brainsets", *command],
            cwd=workspace.root,
            capture_output=True,
            text=True,
            env={**workspace.full_environment, "PYTHONPATH": str(ROOT)},
        )
        assert run.returncode == 2 and run.stdout == ""
        [sentence] = run.stderr.splitlines()
        assert told in sentence and str(Path("config", "config.yaml")) in sentence


def test_status_tells_all_states(recorder):
    rows = [{"id": "done"}, {"id": "failed", "behave": "raise"}]
    rows += [{"id": "runs", "seconds": 20.0}, {"id": "waits"}]
    recorder.write_rows(rows)
    brainsets = [{"pipeline": recorder.pipeline, "exclude": "waits"}]
    run = recorder.start(brainsets)
    status = ("status", "recorder", "--processed-dir", recorder.processed_dir, "--json")
    deadline = time.monotonic() + 60
    try:
        while True:
            told = recorder.brainsets(*status)
            if told.returncode != 2:
                [brainset] = json.loads(told.stdout)["brainsets"]
                counts = brainset["counts"]
                if counts["done"] and counts["failed"] and counts["running"]:
                    working = brainset["running"][0]
                    if working["status"] == "PROCESSING":
                        shown = recorder.brainsets(*status[:-1])
                        break
            assert time.monotonic() < deadline, told
    finally:
        os.killpg(run.pid, 9)
        run.wait()
    assert "RUNNING recorder runs (process), PROCESSING, since" in shown.stdout
    assert told.returncode == 1
    assert brainset["total"] == 4 and counts["pending"] == 1
    assert working["asset"] == "runs" and working["step"] == "process"
    [failed] = brainset["failed"]
    assert failed["asset"] == "failed" and failed["message"] == "electrode 7 is missing"
    time.sleep(0.5)
    [brainset] = json.loads(recorder.brainsets(*status).stdout)["brainsets"]
    assert brainset["counts"]["interrupted"] == 1 and not brainset["running"]


def test_status_takes_what_a_kill_left_half_written_for_nothing(recorder):
    recorder.write_rows([{"id": "a"}])
    recorder.run(str(recorder.pipeline))
    (recorder.folder().status / ".4711-b.RUNNING").write_text('{"asset"')
    status = ("status", "--processed-dir", recorder.processed_dir, "--json")
    [brainset] = json.loads(recorder.brainsets(*status).stdout)["brainsets"]
    assert brainset["orphaned"] == [] and brainset["counts"]["done"] == 1


def test_status_has_colour_only_where_it_is_wanted(recorder):
    recorder.write_rows([{"id": "a", "behave": "raise"}])
    recorder.run(str(recorder.pipeline))
    status = ("status", "--processed-dir", recorder.processed_dir)
    assert "\x1b[" not in recorder.brainsets(*status).stdout
    recorder.environment = {"FORCE_COLOR": "1"}
    assert "\x1b[31m" in recorder.brainsets(*status).stdout
    recorder.environment = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b[31m" not in recorder.brainsets(*status).stdout
