"""Assets that a pipeline skips: no failure, told apart from others, not tried again."""

import json
from types import SimpleNamespace

import pytest

from brainsets.jobs.attempts import Attempt
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.sentinels import write_sentinel
from tests.helpers.folders import files_below

SOURCE = """
import json
import pandas as pd
from argparse import ArgumentParser
from brainsets.pipeline import BrainsetPipeline, SkipAsset

parser = ArgumentParser()
parser.add_argument("--strict", action="store_true")
SECRET = "https://user:hunter2@example.org/"


class Empty(SkipAsset):
    pass


class Pipeline(BrainsetPipeline):
    brainset_id = "mine"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        rows = json.loads((raw_dir / "rows.json").read_text())
        if rows == "skip":
            raise SkipAsset("all of it")
        return pd.DataFrame(rows).set_index("id")

    def note(self, text):
        with open(self.raw_dir / "events.txt", "a") as file:
            print(text, file=file)

    def download(self, manifest_item):
        self.note(f"download {manifest_item.Index}")
        if manifest_item.how == "download":
            raise Empty(f"it is empty, see {SECRET}\\nand more")
        if manifest_item.how == "again":
            # Processed only after a second download, which skips.
            if (self.raw_dir / "fetched").exists():
                raise SkipAsset("gone")
            (self.raw_dir / "fetched").touch()
            return lambda: None
        return manifest_item.Index, manifest_item.how

    def process(self, output):
        name, how = output
        self.note(f"process {name}")
        (self.processed_dir / f"{name}.txt").write_text(name)
        if how == "process":
            raise SkipAsset("")
        if how == "chained":
            try:
                raise SkipAsset("not this")
            except SkipAsset as error:
                raise ValueError("broken") from error
"""
IMPORT_OF_BASE = """import json
import sys
sys.path.append({!r})
import base
"""
BY = {"good": "", "early": "download", "late": "process", "both": "again"}


@pytest.fixture
def mine(workspace):
    """A workspace with that pipeline, and a function that runs it."""
    workspace.path = workspace.write_pipeline(SOURCE)

    def rows(**hows):
        file = workspace.raw_dir / "mine" / "rows.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([{"id": id, "how": hows[id]} for id in hows]))

    def run(*words, args="", **settings):
        brainset = {"pipeline": workspace.path, "args": args}
        return workspace.run([brainset], *words, **settings)

    def state(asset, of):
        path = workspace.folder("mine").sentinel(asset, of)
        return json.loads(path.read_text()) if path.exists() else None

    workspace.rows, workspace.prepare, workspace.state = rows, run, state
    rows(**BY)
    return workspace


def log(workspace, step, asset):
    return workspace.folder("mine").log(step, asset).read_text()


def status(workspace):
    words = ["status", "--json", "--processed-dir", workspace.processed_dir]
    run = workspace.brainsets(*words)
    [brainset] = json.loads(run.stdout)["brainsets"]
    return run.returncode, brainset


@pytest.mark.parametrize("batch_size", [1, 3])
def test_skipped_assets_are_no_failures_and_not_done(mine, batch_size):
    run = mine.prepare(batch_size=batch_size)
    assert run.returncode == 0, run.stdout
    assert "Traceback" not in run.stdout
    code, found = status(mine)
    assert code == 0
    assert found["counts"]["done"] == 1 and found["counts"]["skipped"] == 3
    assert found["done_without_files"] == 0 and not found["failed"]
    reasons = {entry["asset"]: entry["reason"] for entry in found["skipped"]}
    assert reasons == {
        "early": "it is empty, see https://***@example.org/\nand more",
        "late": "its pipeline does not say why",
        "both": "gone",
    }
    assert "mine late: skipped: its pipeline does not say why (" in run.stdout
    assert "mine good: done (" in run.stdout
    # At the end of the run, in one line each.
    assert "SKIPPED mine late: its pipeline does not say why" in run.stdout
    assert "SKIPPED mine early: it is empty, see https://***@example.org/" in run.stdout
    files = {path.name for path in (mine.processed_dir / "mine").glob("*.*")}
    assert files == {"good.txt"}
    table = (mine.processed_dir / "mine/_workflow/summary.tsv").read_text()
    [line] = [line for line in table.splitlines() if line.startswith("both\t")]
    assert line.split("\t")[1] == "SKIPPED" and line.endswith("skipped: gone")
    everything = b"".join(
        path.read_bytes() for path in files_below(mine.processed_dir / "mine/_workflow")
    )
    assert b"hunter2" not in everything
    listed = mine.brainsets(
        *("status", "--skipped", "--processed-dir", mine.processed_dir)
    )
    assert listed.returncode == 0
    assert listed.stdout.count("SKIPPED") == 3 and "DONE mine" not in listed.stdout


def test_they_are_tried_again_when_row_code_or_arguments_change(mine):
    assert mine.prepare().returncode == 0
    mine.events("mine")
    again = mine.prepare()
    assert again.returncode == 0 and "Nothing to be done" in again.stdout
    assert mine.events("mine") == []
    # Other arguments, all of them.
    assert mine.prepare(args="--strict").returncode == 0
    assert {"download early", "download late", "process late"} <= {
        *mine.events("mine"),
    }
    # Other code: also what download has skipped.
    mine.path.write_text(SOURCE.replace('"download":', '"dawnload":'))
    assert mine.prepare(args="--strict").returncode == 0
    assert {"download early", "process early"} <= {*mine.events("mine")}
    assert mine.state("early", "DONE").get("skipped") is None
    # By its download: process may run where there is no network.
    assert mine.state("early", "DOWNLOADED").get("skipped") is None
    assert (mine.processed_dir / "mine" / "early.txt").exists()
    # Another row: what was published before goes.
    mine.rows(**{**BY, "good": "process"})
    words = ["--forcerun", "write_manifest"]
    assert mine.prepare(*words, args="--strict").returncode == 0
    assert mine.events("mine") == ["download good", "process good"]
    assert not (mine.processed_dir / "mine" / "good.txt").exists()
    assert mine.state("good", "DONE")["skipped"]
    # And comes back.
    mine.rows(**BY)
    assert mine.prepare(*words, args="--strict").returncode == 0
    assert (mine.processed_dir / "mine" / "good.txt").exists()
    assert status(mine)[1]["counts"]["skipped"] == 2


def test_downloads_alone_can_be_skipped(mine):
    mine.rows(good="", early="download")
    run = mine.prepare(download_only=True)
    assert run.returncode == 0, run.stdout
    assert status(mine)[1]["counts"]["skipped"] == 1
    assert status(mine)[1]["counts"]["downloaded"] == 1
    assert "Nothing to be done" in mine.prepare(download_only=True).stdout
    mine.events("mine")
    assert mine.prepare().returncode == 0
    assert mine.events("mine") == ["process good"]
    assert mine.state("early", "DONE")["skipped"].startswith("it is empty")


def test_what_only_contains_a_skip_is_a_failure(mine):
    mine.rows(chained="chained")
    run = mine.prepare()
    assert run.returncode == 1
    assert "ValueError: broken" in run.stdout
    assert status(mine)[1]["counts"]["failed"] == 1
    # A brainset as a whole cannot be skipped.
    mine.rows()
    (mine.raw_dir / "mine" / "rows.json").write_text('"skip"')
    run = mine.prepare("--forcerun", "write_manifest")
    assert run.returncode == 1
    assert "only download and process can skip an asset" in run.stdout


def test_code_in_other_folders_that_has_skipped_counts_as_code(mine):
    base = mine.root / "lab" / "base.py"
    base.parent.mkdir()
    base.write_text("SKIPS = True\n")
    source = SOURCE.replace("import json\n", IMPORT_OF_BASE.format(str(base.parent)), 1)
    source = source.replace('== "download"', '== "download" and base.SKIPS')
    mine.path.write_text(source)
    mine.rows(early="download")
    assert mine.prepare().returncode == 0
    assert mine.state("early", "DONE")["skipped"]
    base.write_text("SKIPS = False\n")
    assert mine.prepare().returncode == 0
    assert mine.state("early", "DOWNLOADED").get("skipped") is None
    assert (mine.processed_dir / "mine" / "early.txt").exists()


def test_what_code_has_skipped_that_was_edited_meanwhile_is_tried_again(mine):
    # Its download edits the pipeline, as somebody may during a run.
    edit = """
            path = __import__("pathlib").Path(__file__)
            path.write_text(path.read_text().replace("== \\"down" + "load\\"", "is 1"))
            raise Empty("seen by the code of before")
"""
    before, _, after = SOURCE.partition('            raise Empty(f"it is')
    source = before + edit.strip("\n") + "\n" + after.partition("\n")[2]
    mine.path.write_text(source)
    mine.rows(early="download")
    run = mine.prepare(warm=False)
    assert run.returncode == 0, run.stdout
    assert "it was skipped by other code" in log(mine, "process_asset", "early")
    assert mine.state("early", "DONE").get("skipped") is None
    assert (mine.processed_dir / "mine" / "early.txt").exists()


@pytest.mark.parametrize(
    "more, is_done", [({}, True), ({"skipped": "it is empty"}, False)]
)
def test_what_other_code_has_skipped_is_not_taken_from_another_attempt(
    tmp_path, more, is_done
):
    job = SimpleNamespace(
        folder=BrainsetFolder(tmp_path),
        asset="a",
        brainset="mine",
        pipeline=tmp_path / "pipeline.py",
        code="the code of now",
        recorded_args=lambda: [],
    )
    job.folder.status.mkdir(parents=True)
    record = {"row": "r", "args": [], "code": "other code", **more}
    write_sentinel(job.folder.sentinel("a", "DOWNLOADED"), record)
    attempt = Attempt(job, "download", None)
    attempt._row = SimpleNamespace(asset="a", hash="r")
    assert attempt.already_done() == is_done
