"""Imports from a published package stand for the package; nothing is imported."""

import sys

import pytest

from brainsets.sources.declaration import Declaration
from brainsets.sources.imports import imported_packages
from brainsets.sources.pipeline_file import PipelineSource


@pytest.mark.parametrize(
    "line, packages",
    [
        ("from brainsets.pipeline import BrainsetPipeline", []),
        ("import brainsets.runner", []),
        ("from brainsets import pipeline, __version__", []),
        ("from .brainsets import descriptions", []),
        ("import temporaldata, numpy as np", []),
        ("from brainsets.descriptions import BrainsetDescription", ["brainsets"]),
        ("import brainsets.utils.dandi_utils as utils", ["brainsets"]),
        ("from brainsets import (\n    serialize_fn_map,\n)", ["brainsets"]),
        ("from brainsets import processing", ["brainsets"]),
        ("from torch_brain.pipeline import BrainsetPipeline", ["torch_brain"]),
        ("def f():\n    import torch_brain", ["torch_brain"]),
        ("import torch_brain\nimport brainsets.core", ["torch_brain", "brainsets"]),
        ("match = 1\nimport brainsets.utils.x\ntype = = 1", ["brainsets"]),
    ],
)
def test_imports_say_which_packages_are_needed(line, packages):
    assert imported_packages([line]) == packages


def declaration(folder, text, beside="", **options):
    path = folder / "two" / "pipeline.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    (path.parent / "split.py").write_text(beside)
    return PipelineSource(path, **options).declaration


BLOCK = '# /// brainset-pipeline\n# dependencies = ["mne"{}]\n# ///\n'
HELPER = "from brainsets.descriptions import BrainsetDescription\n"


def test_an_imported_package_need_not_be_declared(tmp_path):
    assert declaration(tmp_path, BLOCK.format("")).requirements == [
        "mne",
        "pandas>=1.5",
    ]
    found = declaration(tmp_path, BLOCK.format("") + HELPER)
    assert found.requirements == ["mne", "brainsets==0.2.2", "pandas>=1.5"]
    # A module beside the pipeline counts as well.
    assert declaration(tmp_path, BLOCK.format(""), beside=HELPER) == found
    # Nothing is declared, and this interpreter does not have it.
    assert declaration(tmp_path, HELPER) == Declaration(None, (), ("brainsets==0.2.2",))
    assert declaration(tmp_path, "import numpy\n") is None


def test_what_is_declared_is_not_changed(tmp_path):
    text = BLOCK.format(', "Brainsets @ git+https://example.org/brainsets"') + HELPER
    assert declaration(tmp_path, text).implied == ()
    found = declaration(tmp_path, HELPER, versions={"brainsets": "0.2.0"})
    assert found.implied == ("brainsets==0.2.0",)


def test_an_active_interpreter_that_has_the_package_is_enough(tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "torch_brain").mkdir(parents=True)
    (site / "torch_brain" / "__init__.py").write_text("raise RuntimeError\n")
    text = "from torch_brain.pipeline import BrainsetPipeline\n"
    assert declaration(tmp_path, text).implied == ("torch_brain==0.2.1",)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    assert declaration(tmp_path, text) is None
