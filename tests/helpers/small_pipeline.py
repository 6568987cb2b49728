"""A pipeline of one recording, of which a test writes the part that it is about."""

from tests.helpers.folders import files_below

HEADER = """
import os, subprocess, sys, time
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

class Base(BrainsetPipeline):
    assets = ["a"]

    @classmethod
    def get_manifest(cls, raw_dir, args):
        ids = raw_dir / "ids.txt"
        assets = ids.read_text().split() if ids.exists() else cls.assets
        return pd.DataFrame(index=pd.Index(assets, name="id"))

    def download(self, row):
        with open(self.raw_dir / "events.txt", "a") as file:
            print("download", row.Index, file=file)
        return row

    def process(self, row):
        with open(self.raw_dir / "events.txt", "a") as file:
            print("process", row.Index, file=file)
        (self.processed_dir / f"{row.Index}.txt").write_text("whole")

"""


def write(workspace, body):
    """Write a pipeline whose class has this body."""
    lines = ['    brainset_id = "recorder"', *body.strip("\n").splitlines()]
    source = HEADER + "class Pipeline(Base):\n" + "\n".join(lines) + "\n"
    return workspace.write_pipeline(source)


def data(workspace):
    """Return names and contents of all that is visible as data."""
    root = workspace.folder().root
    return {
        str(path.relative_to(root)): path.read_text()
        for path in files_below(root)
        if "_workflow" not in path.relative_to(root).parts
    }
