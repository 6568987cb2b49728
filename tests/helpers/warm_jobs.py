"""Jobs of a run that are forked from a warm process, and what each step found there."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from brainsets.planning.command_lines import job_command
from brainsets.planning.settings import read_settings
from brainsets.shared.processes import start_time
from tests.helpers.waiting import within
from tests.helpers.workspace import ROOT

ONLY_ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="there are warm processes on Linux only"
)

# Each step notes down what it finds, then changes it.
PIPELINE = """
import ctypes, json, os, random, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path
import numpy as np
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

print("words of the import", flush=True)
IMPORTED_BY = [os.getpid()]
COUNT = [0]
{top}

class Pipeline(BrainsetPipeline):
    brainset_id = "recorder"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame(index=pd.Index(list("abcdefgh"), name="id"))

    def download(self, row):
        self.note("download", row.Index)
        return row.Index

    def process(self, asset):
        self.note("process", asset)
        {process}
        (self.processed_dir / f"{{asset}}.txt").write_text("whole")

    def note(self, step, asset):
        found = {{
            "pid": os.getpid(),
            "parent": os.getppid(),
            "imported_by": IMPORTED_BY[0],
            "count": COUNT[0],
            "environment": os.environ.get("COUNT"),
            "folder": os.getcwd(),
            "random": [random.random(), float(np.random.rand())],
            "modules": sorted(m for m in sys.modules if m.startswith(("xml", "lab"))),
            "arguments": sys.argv,
        }}
        COUNT[0] += 1
        if {changes}:
            os.environ["COUNT"] = "1"
            os.chdir("/")
        folder = self.raw_dir / "found"
        folder.mkdir(exist_ok=True)
        (folder / f".{{step}} {{asset}}").write_text(json.dumps(found))
        (folder / f".{{step}} {{asset}}").rename(folder / f"{{step}} {{asset}}")
"""


def write(workspace, top="", process="pass", changes=True):
    source = PIPELINE.format(top=top, process=process, changes=changes)
    return workspace.write_pipeline(source)


def found(workspace, step, asset):
    """Return what a step has noted down."""
    path = workspace.raw_dir / "recorder" / "found" / f"{step} {asset}"
    return json.loads(path.read_text())


def is_alive(pid):
    return start_time(pid) is not None


def sockets(pid):
    """Return the sockets of warm processes of one run."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"brainsets-{os.getuid()}"
    return list(folder.glob(f"{pid}-*"))


CLIENT = ROOT / "brainsets" / "warm" / "client.pl"


class Jobs:
    """The jobs of a run without Snakemake, in the place of whose process is another."""

    def __init__(self, workspace, folder, **source):
        self.workspace = workspace
        self.pipeline = write(workspace, **source)
        self.main = subprocess.Popen(["sleep", "600"])
        self.socket = folder / f"{self.main.pid}-{start_time(self.main.pid)}-x"
        self.environment = {**workspace.full_environment, "OMP_NUM_THREADS": "1"}
        self.client = CLIENT
        assert self.start("write_manifest", "").wait() == 0

    @property
    def folder(self):
        return self.workspace.folder()

    def start(self, rule, asset, timeout=None, **environment):
        """Start a job as Snakemake does."""
        step = {"timeout": timeout} if timeout else {}
        entry = {"pipeline": str(self.pipeline), rule.split("_")[0]: step}
        if not asset:
            entry.pop("write")
        settings = read_settings(
            {
                "raw_dir": str(self.workspace.raw_dir),
                "processed_dir": str(self.workspace.processed_dir),
                "brainsets": [entry],
            }
        )
        [brainset] = settings.brainsets.values()
        script = ROOT / "workflow" / "scripts" / f"{rule}.py"
        options = getattr(brainset, rule.split("_")[0], None)
        command = job_command(settings, script, brainset, asset, options)
        if asset and self.client:
            is_perl = self.client.suffix == ".pl"
            start = ["perl"] if is_perl else [sys.executable, "-I", "-S"]
            words = shlex.join([*start, str(self.client), str(self.socket)])
            command = f"exec {words} {command}"
        log = self.folder.log(rule, asset or None)
        log.parent.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            ["bash", "-c", f"{command} > {shlex.quote(str(log))} 2>&1"],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
        )

    def run(self, rule, asset, **options):
        """Run a job to its end; return its exit status and log."""
        status = self.start(rule, asset, **options).wait(timeout=60)
        return status, self.folder.log(rule, asset).read_text()

    def both(self, asset, **options):
        """Download and process an asset; return the log of the second step."""
        status, log = self.run("download_asset", asset)
        assert status == 0, log
        return self.run("process_asset", asset, **options)

    def found(self, step, asset):
        return found(self.workspace, step, asset)

    def wait_for_step(self, asset):
        """Wait until an asset is being processed; return the step's pid."""
        path = self.workspace.raw_dir / "recorder" / "found" / f"process {asset}"
        assert within(60, path.exists)
        return self.found("process", asset)["pid"]
