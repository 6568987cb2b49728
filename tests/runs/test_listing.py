"""What is said of a list of assets beside the list: how much it is, and notes."""

import pytest

SOURCE = """
import pandas as pd
from brainsets.pipeline import BrainsetPipeline


class Pipeline(BrainsetPipeline):
    brainset_id = "mine"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        print("an ordinary line")
        print("[Note] there is a newer version\\x1b[31m")
        print("[Note] there is a newer version\\x1b[31m")
        rows = {"id": ["a", "b"], "size": SIZES}
        return pd.DataFrame(rows).set_index("id")

    def download(self, manifest_item):
        return self.raw_dir

    def process(self, download_output):
        pass
"""
NOTE = "there is a newer version\\x1b[31m"


@pytest.mark.parametrize(
    ("sizes", "total"),
    [
        ("[1_500_000_000, 2_000_000_000]", "2 assets, 3.5 GB"),
        ("[1500.0, None]", "2 assets, 1.5 kB, and 1 of unknown size"),
        ("['large', 'small']", "2 assets"),
        ("[0, 0]", "2 assets, 0 B"),
    ],
)
def test_list_says_how_much_it_is(workspace, sizes, total):
    path = workspace.write_pipeline(SOURCE.replace("SIZES", sizes))
    run = workspace.brainsets(
        *("prepare", path.parent, "--local", "--use-active-env", "--list"),
        *("--raw-dir", workspace.raw_dir, "--processed-dir", workspace.processed_dir),
    )
    assert run.returncode == 0, run.stderr
    assert [line.split("\t")[0] for line in run.stdout.splitlines()] == ["id", "a", "b"]
    *_, note, last = run.stderr.splitlines()
    assert last == total
    assert note == f"brainsets: {NOTE}" and run.stderr.count(NOTE) == 1


def test_notes_of_a_list_are_shown_in_a_run(workspace):
    path = workspace.write_pipeline(SOURCE.replace("SIZES", "[1, 2]"))
    entry = {"pipeline": path.parent, "environment": "active"}
    run = workspace.run([entry], workspace.folder("mine").manifest)
    assert run.returncode == 0, run.stdout
    told = [line for line in run.stdout.splitlines() if NOTE in line]
    assert len(told) == 1 and "mine: there is a newer" in told[0]
    assert "an ordinary line" not in run.stdout
