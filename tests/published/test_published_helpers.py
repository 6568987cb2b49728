"""Pipelines written for the published packages find what they import, undeclared."""

import json

import pytest

DESCRIBED = """# /// brainset-pipeline
# dependencies = ["tinynetrc==1.3.1"]
# ///
import json
import sys

import brainsets.processing.signal
import h5py
import numpy as np
import pandas as pd
import tinynetrc
from brainsets import serialize_fn_map
from brainsets.descriptions import BrainsetDescription
from brainsets.pipeline import BrainsetPipeline
from brainsets.utils.split import generate_string_kfold_assignment
from temporaldata import Data, Interval, RegularTimeSeries


class Pipeline(BrainsetPipeline):
    brainset_id = "described"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame(index=pd.Index(["a"], name="id"))

    def download(self, row):
        return str(row.Index)

    def process(self, name):
        data = Data(
            brainset=BrainsetDescription(
                id="described",
                origin_version="1",
                derived_version="1",
                source="https://example.org",
                description="A ramp of 20 samples.",
            ),
            eeg=RegularTimeSeries(
                sampling_rate=10.0, domain="auto", signal=np.arange(20.0)
            ),
            domain="auto",
        )
        with h5py.File(self.processed_dir / f"{name}.h5", "w") as file:
            data.to_hdf5(file, serialize_fn_map=serialize_fn_map)
        ours = [name for name in sys.modules if name.startswith("brainsets")]
        files = {name: sys.modules[name].__file__ for name in ours}
        files["ray"] = "ray" in sys.modules
        (self.processed_dir / "modules.json").write_text(json.dumps(files))
"""

# No block at all, as in a folder of somebody who has the package installed.
DERIVED = """
import pandas as pd
from torch_brain.pipeline import BrainsetPipeline


class Pipeline(BrainsetPipeline):
    brainset_id = "derived"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame({"bad": [0, 1]}, index=pd.Index(["a", "b"], name="id"))

    def download(self, row):
        self.update_status("fetching")
        return row

    def process(self, row):
        self.update_status("half of it done")
        if row.bad:
            raise ValueError("no such channel")
        (self.processed_dir / "a.txt").write_text(BrainsetPipeline.__module__)
"""


@pytest.fixture(scope="module")
def finished(module_workspace):
    paths = [
        str(module_workspace.write_pipeline(DESCRIBED, "described")),
        str(module_workspace.write_pipeline(DERIVED, "derived")),
    ]
    run = module_workspace.run(paths)
    assert run.returncode == 1, run.stdout
    return module_workspace, run


def record(workspace, brainset, asset, state="DONE"):
    path = workspace.folder(brainset).sentinel(asset, state)
    return json.loads(path.read_text(encoding="utf-8"))


def test_helpers_are_the_published_ones_and_the_contract_is_ours(finished):
    workspace, run = finished
    assert "FAILED described" not in run.stdout, run.stdout
    done = record(workspace, "described", "a")
    assert [output["path"] for output in done["outputs"]] == ["a.h5", "modules.json"]
    folder = workspace.folder("described")
    files = json.loads((folder.root / "modules.json").read_text())
    published = str(folder.environment)
    for module in ("descriptions", "utils.split", "processing.signal", "core"):
        assert files[f"brainsets.{module}"].startswith(published), module
    for module in ("brainsets", "brainsets.pipeline", "brainsets.jobs.steps"):
        assert not files[module].startswith(published), module
    assert files["ray"] is False
    packages = json.loads((folder.environment / "ready.json").read_text())["packages"]
    assert {"brainsets==0.2.2", "tinynetrc==1.3.1"} <= set(packages)


def test_a_pipeline_of_the_other_base_class_runs_and_its_status_is_kept(finished):
    workspace, run = finished
    done = record(workspace, "derived", "a")
    assert done["status"] == "half of it done"
    text = (workspace.folder("derived").root / "a.txt").read_text()
    assert text == "torch_brain.pipeline.pipeline"
    failed = record(workspace, "derived", "b", "FAILED")
    assert failed["status"] == "half of it done"
    assert failed["attempts"][-1]["message"] == "no such channel"
    assert "FAILED derived b" in run.stdout
