"""What runs again after a change, and what does not."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from brainsets.shared.manifest_schema import schema_path
from tests.helpers.dry_runs import PlannedAsset, planned_assets
from tests.helpers.folders import files_below
from tests.helpers.reruns import ASSETS, both_steps, edit, events_of, processes
from tests.helpers.sizes import full_size
from tests.helpers.small_pipeline import write
from tests.helpers.workspace import ROOT


def forget(workspace):
    """Lose what Snakemake has noted down, as in a fresh clone."""
    shutil.rmtree(workspace.root / ".snakemake")


@pytest.fixture(params=[False, True], ids=["", "without .snakemake"])
def changed(request, done):
    """Three DONE assets; with and without Snakemake's own records."""
    if request.param:
        forget(done)
    return done


def test_nothing_changed_nothing_runs(changed):
    run = changed.run(str(changed.pipeline))
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout
    assert changed.events() == []


def test_failed_asset_runs_again_without_its_download(recorder):
    recorder.write_rows([{"id": "a", "behave": "raise"}, {"id": "b"}])
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    recorder.events()
    assert recorder.run(str(recorder.pipeline)).returncode == 1
    assert recorder.events() == processes("a")


def test_new_row_runs_that_asset(done):
    done.write_rows([{"id": asset} for asset in ["new", *ASSETS]])
    found = events_of(done, "--forcerun", "write_manifest")
    assert found == sorted(["manifest", *both_steps("new")])


def test_changed_row_runs_that_asset(changed):
    rows = [{"id": asset} for asset in ASSETS]
    rows[1]["value"] = 5
    changed.write_rows(rows)
    found = events_of(changed, "--forcerun", "write_manifest")
    assert found == sorted(["manifest", *both_steps("b")])
    # The raw file of the old row is not taken for the new one's.
    log = changed.folder().log("download_asset", "b").read_text()
    assert "--redownload is set" in log


def test_manifest_edited_by_hand_runs_what_was_edited(done):
    edit(done.folder().manifest, "c\t\t0.0\t1\n", "c\t\t0.0\t7\n")
    assert events_of(done) == both_steps("c")


def test_one_row_of_many_runs_one_download_and_one_process(recorder):
    count = full_size(30, 200)
    rows = [{"id": f"s{number:03}", "behave": "text"} for number in range(count)]
    recorder.write_rows(rows)
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    recorder.events()
    rows[23]["value"] = 2
    recorder.write_rows(rows)
    found = events_of(recorder, "--forcerun", "write_manifest")
    assert found == sorted(["manifest", *both_steps("s023")])


def test_vanished_row_runs_nothing_and_deletes_nothing(done):
    done.write_rows([{"id": asset} for asset in "ab"])
    assert events_of(done, "--forcerun", "write_manifest") == ["manifest"]
    assert (done.folder().root / "63.h5").exists()
    assert done.sentinel("c", "DONE")
    status = done.brainsets("status", "--processed-dir", done.processed_dir)
    assert status.returncode == 0
    assert "no longer in the manifest: c" in status.stdout


def test_forced_manifest_without_a_change_runs_nothing_else(done):
    assert events_of(done, "--forcerun", "write_manifest") == ["manifest"]


def test_comment_docstring_or_layout_changed_nothing_runs(done):
    edit(done.pipeline, "SAMPLES = 20_000", "# how many\nSAMPLES  =  20_000  # !")
    edit(done.pipeline, '"""Writes one file', '"""It writes one file')
    (done.pipeline.parent / "notes.txt").write_text("no code")
    (done.pipeline.parent / "test_mine.py").write_text("assert False")
    assert events_of(done) == []


def test_statement_changed_runs_manifest_and_every_process_but_no_download(changed):
    edit(changed.pipeline, "* self.args.gain", "* self.args.gain * 2")
    found = events_of(changed)
    assert found == sorted(["manifest", *processes(*ASSETS)])


def test_file_beside_the_pipeline_counts_as_its_code(done):
    (done.pipeline.parent / "filters.py").write_text("CUTOFF = 300\n")
    found = events_of(done)
    assert found == sorted(["manifest", *processes(*ASSETS)])
    assert events_of(done) == []


def test_arguments_changed_runs_everything(done):
    brainsets = [{"pipeline": done.pipeline, "args": "--gain 2"}]
    found = events_of(done, brainsets=brainsets)
    assert found == sorted(["manifest", *both_steps(*ASSETS)])
    assert events_of(done, brainsets=brainsets) == []


@pytest.mark.parametrize("flag", ["--redownload", "--reprocess"])
def test_flags_that_ask_for_a_repetition_are_no_change(done, flag):
    brainsets = [{"pipeline": done.pipeline, "args": flag}]
    assert events_of(done, brainsets=brainsets) == []


def test_snakemake_can_be_told_to_repeat_a_step(done):
    assert events_of(done, "--forcerun", "process_asset") == processes(*ASSETS)
    assert events_of(done, "--forcerun", "download_asset") == both_steps(*ASSETS)
    assert events_of(done, "--forceall") == sorted(["manifest", *both_steps(*ASSETS)])


def test_other_resources_time_outs_and_limits_run_nothing(done):
    brainsets = [
        {
            "pipeline": done.pipeline,
            "process": {"mem_mb": 99, "timeout": 77, "runtime": 5, "threads": 2},
            "download": {"mem_mb": 98, "timeout": 76},
            "limit": 3,
        }
    ]
    assert events_of(done, brainsets=brainsets, downloads=1) == []


def test_moved_workflow_and_other_interpreter_run_nothing(done, tmp_path_factory):
    """A clone elsewhere, run by an interpreter at another path."""
    elsewhere = done.root / "clone"
    parts = ["workflow", "brainsets", "config", "profiles"]
    for name in parts:
        shutil.copytree(ROOT / name, elsewhere / name)
    for name in ["Snakefile", "environment.yml"]:
        shutil.copy(ROOT / name, elsewhere / name)
    script = elsewhere / "brainsets" / "jobs" / "steps.py"
    script.write_text(script.read_text() + "\n# the workflow was updated\n")
    python = done.root / "python of another"
    python.symlink_to(sys.executable)
    command = done.command(str(done.pipeline))
    command[0] = str(python)
    command[command.index(ROOT / "Snakefile")] = elsewhere / "Snakefile"
    environment = {**done.full_environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stderr
    assert done.events() == []


def test_moved_data_run_nothing(done):
    moved = done.root / "moved"
    done.processed_dir.rename(moved)
    run = done.run(str(done.pipeline), processed_dir=str(moved))
    assert run.returncode == 0 and "Nothing to be done" in run.stdout
    assert done.events() == []


def test_deleted_done_runs_that_process(done):
    done.folder().sentinel("b", "DONE").unlink()
    assert events_of(done) == processes("b")


def test_deleted_or_damaged_output_is_made_again(changed):
    (changed.folder().root / "61.h5").unlink()
    os.truncate(changed.folder().root / "62.h5", 100)
    assert events_of(changed) == processes("a", "b")
    assert events_of(changed) == []


def test_failed_listing_keeps_the_old_manifest_and_all_data(done):
    rows = done.raw_dir / "recorder" / "rows.json"
    rows.unlink()
    before = done.folder().manifest.read_text()
    run = done.run(str(done.pipeline), "--forcerun", "write_manifest")
    assert run.returncode == 1
    assert "FAILED recorder write_manifest" in run.stdout
    assert done.folder().manifest.read_text() == before
    assert done.sentinel("a", "DONE")
    # And the next run tries again.
    done.write_rows([{"id": asset} for asset in ASSETS])
    done.run(str(done.pipeline))
    assert not done.folder().listing_failure.exists()


def test_brainset_whose_manifest_fails_does_not_stop_another(recorder):
    recorder.write_rows([{"id": "a"}])
    broken = recorder.write_pipeline(
        "from brainsets.pipeline import BrainsetPipeline\n\n\n"
        "class Pipeline(BrainsetPipeline):\n"
        '    brainset_id = "broken"\n\n'
        "    @classmethod\n"
        "    def get_manifest(cls, raw_dir, args):\n"
        '        raise SystemExit("the archive is closed today")\n\n'
        "    def download(self, row): ...\n\n"
        "    def process(self, output): ...\n"
    )
    run = recorder.run([str(broken), str(recorder.pipeline)])
    assert run.returncode == 1
    assert recorder.sentinel("a", "DONE")
    assert "FAILED broken write_manifest: the archive is closed today" in run.stdout


def test_download_only_stops_there_and_the_rest_can_follow(recorder):
    recorder.write_rows([{"id": "a"}])
    found = events_of(recorder, download_only=True)
    assert found == ["download 'a'", "manifest"]
    assert events_of(recorder, download_only=True) == []
    assert events_of(recorder) == processes("a")


def test_selection_by_id_glob_exclusion_and_limit(recorder):
    recorder.write_rows([{"id": i} for i in ["m_1", "m_2", "m_3", "c_1", "x[1]"]])

    def run(**selection):
        return events_of(
            recorder, brainsets=[{"pipeline": recorder.pipeline, **selection}]
        )

    found = run(assets=["m_*"], exclude="m_2", limit=1)
    assert found == sorted(["manifest", *both_steps("m_1")])
    assert run(assets=["x[1]", "c_1"]) == both_steps("c_1", "x[1]")
    assert run() == both_steps("m_2", "m_3")


def test_dry_run_names_each_pending_asset_on_a_line_and_writes_nothing(recorder):
    recorder.write_rows([{"id": asset} for asset in ASSETS])
    before = recorder.run(str(recorder.pipeline), "--dry-run")
    assert before.returncode == 0, before.stdout
    assert "list the assets of recorder" in before.stdout
    assert not recorder.processed_dir.exists()
    target = str(recorder.folder().manifest)
    assert recorder.run(str(recorder.pipeline), target).returncode == 0
    contents = tree(recorder.root)
    time.sleep(0.01)
    dry = recorder.run(str(recorder.pipeline), "--dry-run")
    assert dry.returncode == 0, dry.stdout
    planned = planned_assets(dry.stdout)
    assert planned == dict.fromkeys(ASSETS, PlannedAsset("download, process", "new"))
    assert f"{len(ASSETS)} assets to run" in dry.stdout
    assert tree(recorder.root) == contents


def tree(root):
    # Snakemake notes the times of files for its own next start, even in a dry-run.
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size)
        for path in files_below(root)
        if path.name != "settings.json" and ".snakemake" not in path.parts
    }


def test_the_schema_says_who_listed(done):
    listing = json.loads(schema_path(done.folder().manifest).read_text())
    assert listing["code"] == done.sentinel("a", "DONE")["code"]
    assert [c["name"] for c in listing["columns"]][0] == "id"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: folder.manifest.with_name("manifest.schema.json").unlink(),
        lambda folder: folder.manifest.with_name("manifest.schema.json").write_text(
            "{"
        ),
        lambda folder: folder.manifest.write_text("wrong\theader\n"),
        lambda folder: folder.manifest.write_text("id\na\textra\n"),
    ],
    ids=["no schema", "broken schema", "header", "row"],
)
def test_broken_manifest_is_mended_as_the_sentence_says(workspace, damage):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    damage(workspace.folder())
    run = workspace.run(str(pipeline))
    assert "Traceback" not in run.stdout
    mended = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert mended.returncode == 0, mended.stdout
    assert workspace.events() == []


def test_asset_that_is_new_in_the_archive_can_be_selected(workspace):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    (workspace.raw_dir / "recorder" / "ids.txt").write_text("a new")
    settings = [{"pipeline": str(pipeline), "assets": ["new"]}]
    assert workspace.run(settings).returncode == 1
    run = workspace.run(settings, "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert workspace.events() == ["download new", "process new"]
