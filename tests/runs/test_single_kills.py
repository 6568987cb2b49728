"""Any single process of a run may be killed: the next run makes everything right."""

import contextlib
import json
import os
import random
import shutil
import sys
import time

import pytest

from tests.helpers.folders import files_below
from tests.helpers.single_kills import MARK, Killer, kind_of, living
from tests.helpers.sizes import full_size

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are found as Linux shows them"
)

ASSETS = [f"s{number}" for number in range(12)]

# Each result says by which arguments and from which raw file it was made; some write
# a folder, and what is in it depends on the arguments.
PIPELINE = """# /// brainset-pipeline
# dependencies = []
# ///
import time
from argparse import ArgumentParser

import pandas as pd
from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--gain", type=int, default=0)
parser.add_argument("--redownload", action="store_true")


class Pipeline(BrainsetPipeline):
    brainset_id = "harassed"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        ids = [f"s{number}" for number in range(12)]
        return pd.DataFrame({"gain": [args.gain] * 12}, index=pd.Index(ids, name="id"))

    def download(self, row):
        self.update_status("fetching")
        path = self.raw_dir / f"{row.Index}.raw"
        if not path.exists() or self.args.redownload:
            with open(path, "w") as file:
                for part in range(5):
                    file.write(f"{row.Index} ")
                    file.flush()
                    time.sleep(0.02)
        return path, row.Index

    def process(self, output):
        path, asset = output
        import xml.dom.minidom  # a step imports more than its pipeline does

        self.update_status("computing")
        words = path.read_text().split()
        assert words == [asset] * 5, words
        folder = self.processed_dir / f"{asset}.zarr"
        folder.mkdir()
        for part in range(3):
            name = f"{part + self.args.gain % 3}.chunk"
            (folder / name).write_text(f"{asset} {self.args.gain}")
            time.sleep(0.05)
"""


def expected(gain):
    names = [f"{part + gain % 3}.chunk" for part in range(3)]
    return {
        f"{asset}.zarr/{name}": f"{asset} {gain}" for asset in ASSETS for name in names
    }


def visible(folder):
    root = folder.root
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in files_below(root)
        if "_workflow" not in path.relative_to(root).parts
    }


def temporary(workspace):
    """Return what is in the folder for temporary files, but for the one lock there."""
    return sorted(
        path.relative_to(workspace.temporary).as_posix()
        for path in files_below(workspace.temporary)
        if path.name != "lock"
    )


def kinds(mark):
    among = living(mark)
    return [(kind_of(each, among), each) for each in among.values()]


class Campaign:
    """Runs in which processes are killed, each followed by one in which none is."""

    def __init__(self, workspace, seed, kills):
        self.workspace, self.mark = workspace, str(seed)
        self.chance = random.Random(seed)
        self.killer = Killer(self.chance, kills)
        self.pipeline = workspace.write_pipeline(PIPELINE, "harassed")
        self.folder = workspace.folder("harassed")
        self.gain = 0
        workspace.temporary = workspace.root / "t"
        workspace.temporary.mkdir()
        workspace.environment = {
            MARK: self.mark,
            "TMPDIR": str(workspace.temporary),
        }

    def start(self):
        entry = {"pipeline": str(self.pipeline), "args": ["--gain", str(self.gain)]}
        return self.workspace.start([entry], "--retries", "2", **self.settings)

    def round(self):
        """Kill processes of a run, and let the next one mend it; return what it is."""
        self.settings = {
            "warm": os.environ.get("WARM", "1") != "0" and self.chance.random() < 0.7,
            "batch_size": self.chance.choice([1, 1, 3]),
        }
        self.gain += self.chance.choice([0, 1, 1])
        if self.chance.random() < 0.25:
            for path in self.folder.workflow.glob("environment*"):
                shutil.rmtree(path, ignore_errors=True)
        run = self.start()
        self.killer.harass(run, self.mark)
        output, _ = run.communicate(timeout=120)
        if run.returncode == 0:
            self.check("a run that was harassed", output)
        self.age()
        run = self.start()
        output, _ = run.communicate(timeout=120)
        assert run.returncode == 0, self.told("the next run has failed", output)
        self.check("the next run", output)
        self.check_leftovers(output)

    def age(self):
        """Make what was left half-written as old as a later run would find it."""
        places = (
            self.folder.workflow,
            self.folder.status,
            self.folder.handoff("").parent,
        )
        for path in (path for place in places for path in place.glob(".*")):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, times=(0, 0))

    def told(self, what, output):
        counts = dict(self.killer.counts)
        return f"{what}: gain {self.gain}, {self.settings}, {counts}\n{output}"

    def check(self, what, output):
        assert visible(self.folder) == expected(self.gain), self.told(what, output)
        for asset in ASSETS:
            path = self.folder.sentinel(asset, "DONE")
            assert path.exists(), self.told(f"{what}: {asset} is not DONE", output)
            done = json.loads(path.read_text())
            assert done["args"] == ["--gain", str(self.gain)], self.told(what, output)

    def check_leftovers(self, output):
        end = time.monotonic() + 20
        while left := kinds(self.mark):
            assert time.monotonic() < end, self.told(f"processes are left: {left}", "")
            time.sleep(0.1)
        names = {path.name for path in self.folder.status.iterdir()}
        states = {f"{a}.{state}" for a in ASSETS for state in ("DONE", "DOWNLOADED")}
        assert names == states, self.told("files are left", output)
        # The socket of a process that was killed stays until another one is made.
        left = temporary(self.workspace)
        assert len(left) <= 1, self.told(f"{left} are left", output)


def test_whatever_single_process_is_killed_the_next_run_makes_everything_right(
    workspace,
):
    seed = int(os.environ.get("KILL_SEED", "20061"))
    campaign = Campaign(
        workspace, seed, int(os.environ.get("SINGLE_KILLS", full_size(8, 25)))
    )
    rounds = 0
    while not campaign.killer.is_content:
        campaign.round()
        rounds += 1
    print(f"{rounds} rounds; killed: {dict(campaign.killer.counts)}")
