"""Our code in a pipeline's environment needs the standard library and pandas 1.5 only.

Python 3.10 is taken where uv or pyenv has one, else the lowest version that uv has.
"""

import json
import os
import shutil
import subprocess

import pytest

from brainsets.sources.environments import uv_program

PIPELINE = """# /// brainset-pipeline
# python-version = "{version}"
# dependencies = ["pandas==1.5.3", "numpy<1.24"]
# ///
import json
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import numpy
import pandas as pd

from brainsets.pipeline import BrainsetPipeline

COLUMNS = {{
    "behave": ["well", "raise", "die"],
    "text": ["007", "", "tab\\t, new\\nline"],
    "whole": [1, 2, 2**53 + 1],
    "real": [0.1, float("nan"), float("inf")],
    "flag": [True, False, True],
    "nothing": [None, None, None],
    "maybe": pd.array([1, None, 3], dtype="Int64"),
    "when": pd.to_datetime(["2020-02-29T12:00"] * 3).tz_localize("Europe/Berlin"),
    "where": [Path("a/b"), Path("c"), Path(".")],
    "many": [[1, "x"], (2.5, None), {{"k": [True]}}],
}}


class Fetched(NamedTuple):
    row: object
    path: Path


class Pipeline(BrainsetPipeline):
    brainset_id = "oldest"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame(COLUMNS, index=pd.Index(["00", "01", "02"], name="id"))

    def download(self, row):
        self.seen = row.Index
        self.update_status("fetched")
        path = self.raw_dir / row.Index
        path.write_text("raw")
        return Fetched(row, path)

    def process(self, fetched):
        row, path = fetched
        if row.behave == "raise":
            raise ValueError("no such channel")
        if row.behave == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        expected = pd.DataFrame(COLUMNS, index=["00", "01", "02"]).iloc[:1]
        (original,) = expected.itertuples()
        cells = {{
            name: [repr(a), repr(b), type(a) is type(b)]
            for name, a, b in zip(original._fields, original, row)
        }}
        versions = [sys.version_info[:2], pd.__version__, numpy.__version__]
        known = [name for name in ("snakemake", "yaml", "rich") if name in sys.modules]
        found = {{"cells": cells, "versions": versions, "seen": self.seen}}
        found["known"] = known
        (self.processed_dir / "00.json").write_text(json.dumps(found))
"""


def _finds(version: str, **environment: str) -> bool:
    found = subprocess.run(
        [uv_program(), "python", "find", version],
        capture_output=True,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", **environment},
    )
    return found.returncode == 0


def oldest_python() -> tuple[str, dict[str, str]]:
    """Return the lowest version that can be had, and what makes uv find it."""
    if _finds("3.10"):
        return "3.10", {}
    if shutil.which("pyenv"):
        listed = subprocess.run(
            ["pyenv", "versions", "--bare"], capture_output=True, text=True
        )
        for version in listed.stdout.split():
            if version.startswith("3.10.") and _finds("3.10", PYENV_VERSION=version):
                return "3.10", {"PYENV_VERSION": version}
    for version in ("3.11", "3.12", "3.13"):
        if _finds(version):
            return version, {}
    pytest.fail("uv finds no Python at all")


def test_an_asset_runs_with_the_oldest_versions(workspace):
    version, workspace.environment = oldest_python()
    if version > "3.11":
        pytest.skip(f"pandas 1.5.3 has no wheel for Python {version}, the lowest here")
    path = workspace.write_pipeline(PIPELINE.format(version=version), "oldest")
    run = workspace.run(str(path), cores=1)
    folder = workspace.folder("oldest")
    assert run.returncode == 1, run.stdout
    assert folder.manifest.exists(), folder.log("write_manifest").read_text()
    assert "FAILED oldest 01 (process): ValueError: no such channel" in run.stdout
    assert "FAILED oldest 02 (process): Killed: killed by SIGKILL" in run.stdout
    found = json.loads((folder.root / "00.json").read_text())
    python, pandas, numpy = found["versions"]
    assert python == [int(part) for part in version.split(".")]
    assert pandas == "1.5.3" and numpy < "1.24"
    assert found["seen"] == "00" and found["known"] == []
    for name, (expected, seen, same_type) in found["cells"].items():
        assert expected == seen, name
        # A nullable integer comes back as int, equal to numpy's.
        assert same_type or name == "maybe", name
    done = json.loads(folder.sentinel("00", "DONE").read_text())
    assert done["versions"]["pandas"] == "1.5.3"
