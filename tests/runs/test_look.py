"""``brainsets look``: what is in one recording, without preparing it."""

import json

import pytest

SOURCE = """
import pandas as pd
from argparse import ArgumentParser
from brainsets.pipeline import BrainsetPipeline, SkipAsset

parser = ArgumentParser()
parser.add_argument("--rate", type=float, default=1000)


class Pipeline(BrainsetPipeline):
    brainset_id = "mine"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame({"id": ["a_1", "a_2", "b"]}).set_index("id")

    def look(self, manifest_item):
        print("what is printed is no part of the answer")
        if manifest_item.Index == "b":
            raise SkipAsset("it is empty")
        if manifest_item.Index == "a_2":
            raise RuntimeError("broken")
        import numpy as np

        yield {"path": "/lfp", "shape": (10, 2), "rate": self.args.rate, "bytes": 160}
        yield {"path": "/x\\x1b[31m", "shape": (), "bytes": np.int64(1500)}

    def download(self, manifest_item):
        raise AssertionError

    process = download
"""


@pytest.fixture
def look(workspace):
    """Return a function that runs the command in this interpreter."""
    path = workspace.write_pipeline(SOURCE)
    folders = ["--raw-dir", workspace.raw_dir]
    folders += ["--processed-dir", workspace.processed_dir]

    def run(*words, source=path.parent):
        return workspace.brainsets(
            *("look", source, "--local", "--use-active-env", *folders, *words)
        )

    return run


def test_the_objects_of_a_recording_are_shown(look, workspace):
    run = look()
    assert run.returncode == 0, run.stderr
    title, header, lfp, other, total = run.stdout.splitlines()
    assert title == "mine, a_1: 2 objects"
    assert header.split() == ["path", "shape", "rate", "bytes"]
    assert lfp.split() == ["/lfp", "10", "x", "2", "1000", "160", "B"]
    assert other.split() == ["/x\\x1b[31m", "1.5", "kB"]
    assert total == "1.7 kB in all"
    assert not [*workspace.processed_dir.glob("mine/_workflow/status/*")]
    run = look("-s", "a_1", "--json", "--rate", "250")
    found = json.loads(run.stdout)
    assert (found["brainset"], found["asset"]) == ("mine", "a_1")
    assert [entry["bytes"] for entry in found["objects"]] == [160, 1500]
    assert found["objects"][0]["rate"] == 250


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["-s", "a_3"], "'a_3', but the manifest has no such asset"),
        (["-s", "a_*"], "'a_*' fits several recordings"),
        (["-s", "b"], "mine: there is nothing to look at: it is empty"),
        (["-s", "a_2"], "RuntimeError: broken"),
        (["--rate", "fast"], "invalid float value: 'fast'"),
    ],
)
def test_what_cannot_be_shown_is_told(look, words, sentence):
    run = look(*words)
    assert run.returncode in (1, 2)
    assert sentence in run.stderr
    assert not run.stdout


def test_a_pipeline_that_cannot_look_is_told(look, workspace):
    path = workspace.write_pipeline(SOURCE.replace("def look", "def peek"), "other")
    run = look(source=path.parent)
    assert run.returncode == 1
    assert "has no method look(manifest_item)" in run.stderr
    assert "Traceback" not in run.stderr
