"""What the document says of OpenNeuro is what its pipeline takes and leaves out."""

import re
import sys

import pytest

pytest.importorskip("requests", reason="the pipeline openneuro runs here")
pytest.importorskip("temporaldata", reason="the pipeline openneuro runs here")

from brainsets.conversion.bids.layout import OTHERS
from brainsets.jobs.code.loading import load_pipeline
from tests.helpers.documents import TEXTS
from tests.helpers.workspace import ROOT

TEXT = TEXTS["docs/datasets_by_id.md"].partition("## OpenNeuro\n")[2]


@pytest.fixture(scope="module")
def module():
    """The module of the pipeline, as a job imports it."""
    before = sys.path[:]
    load_pipeline(ROOT / "brainsets" / "pipelines" / "openneuro" / "pipeline.py")
    yield sys.modules.pop("pipeline_module")
    sys.path[:] = before


def first_column(header):
    table = TEXT.partition(header)[2].partition("\n\n")[0]
    return " ".join(line.split(" | ")[0] for line in table.splitlines())


def test_every_argument_is_documented(module):
    options = {
        option for one in module.parser._actions for option in one.option_strings
    }
    documented = {
        *re.findall(r"--[a-z][a-z-]+", first_column("| argument | meaning |"))
    }
    # The dataset and its version are named as openneuro:ID@VERSION.
    assert documented == options - {"-h", "--help", "--dataset", "--version"}


def test_every_modality_is_documented(module):
    [action] = [one for one in module.parser._actions if one.dest == "modality"]
    assert "`--modality " + "\\|".join(action.choices) + "`" in TEXT


def test_every_reason_why_a_file_is_no_recording_is_documented():
    documented = re.findall(r"`([^`]+)`", first_column("| reason | files |"))
    assert sorted(documented) == sorted(OTHERS)
