"""Brainsets whose id is not that of their pipeline: one pipeline, several brainsets."""

import json

from tests.helpers.workspace import Workspace

SOURCE = """
import pandas as pd
from argparse import ArgumentParser
from pathlib import Path
from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--subject", required=True)


class Pipeline(BrainsetPipeline):
    brainset_id = "mine"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        earlier = cls.earlier_manifest
        (raw_dir / "listed.txt").write_text(f"{cls.brainset_id} {earlier is not None}")
        return pd.DataFrame({"id": ["a"]}).set_index("id")

    def download(self, manifest_item):
        return f"{self.brainset_id} {self.args.subject}"

    def process(self, output):
        (self.processed_dir / "a.txt").write_text(f"{output} {self.brainset_id}")
"""


def outcome(workspace: Workspace, brainset: str) -> str:
    return (workspace.processed_dir / brainset / "a.txt").read_text()


def test_one_pipeline_prepares_several_brainsets_in_one_run(workspace):
    path = workspace.write_pipeline(SOURCE)
    brainsets = [
        {"pipeline": path, "args": "--subject 1", "id": "first"},
        {"pipeline": path, "args": "--subject 2", "id": "second"},
        {"pipeline": path, "args": "--subject 3"},
    ]
    run = workspace.run(brainsets)
    assert run.returncode == 0, run.stdout
    assert outcome(workspace, "first") == "first 1 first"
    assert outcome(workspace, "second") == "second 2 second"
    assert outcome(workspace, "mine") == "mine 3 mine"
    again = workspace.run(brainsets)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout
    # Arguments of one brainset are those of no other; ids may be exchanged.
    brainsets[0]["id"], brainsets[1]["id"] = "second", "first"
    run = workspace.run(brainsets)
    assert run.returncode == 0, run.stdout
    assert outcome(workspace, "first") == "first 2 first"
    assert outcome(workspace, "second") == "second 1 second"
    assert outcome(workspace, "mine") == "mine 3 mine"
    listed = workspace.raw_dir / "first" / "listed.txt"
    assert listed.read_text() == "first True"
    status = workspace.brainsets(
        "status", "--json", "--processed-dir", workspace.processed_dir
    )
    assert {b["brainset"] for b in json.loads(status.stdout)["brainsets"]} == {
        *("first", "second", "mine"),
    }


def test_prepare_takes_an_id(workspace):
    path = workspace.write_pipeline(SOURCE)
    folders = ["--raw-dir", workspace.raw_dir]
    folders += ["--processed-dir", workspace.processed_dir]
    words = ["prepare", path.parent, "--local", "--id", "third", *folders]
    run = workspace.brainsets(*words, "--use-active-env", "--subject", "3")
    assert run.returncode == 0, run.stderr
    assert outcome(workspace, "third") == "third 3 third"
    run = workspace.brainsets(*words[:3], "--id", "no/good", *folders)
    assert run.returncode == 2
    assert "'no/good' cannot name a folder" in run.stderr + run.stdout
