"""The conversion that docs/datasets_by_id.md shows is one that works."""

import re

import h5py
import pytest

from brainsets.conversion.checking import problems
from brainsets.conversion.inventory import REASONS
from brainsets.conversion.nwb import KINDS
from tests.helpers.documents import TEXTS, blocks
from tests.helpers.nwb_files import FILES


def test_a_pipeline_of_ones_own_can_convert_as_the_document_shows(tmp_path):
    sources = [path for path in FILES if path.stem == "A2929-200711"]
    if not sources:
        pytest.skip("no real recordings are here")
    [code] = blocks(TEXTS["docs/datasets_by_id.md"], "python")
    shown = {}
    exec(compile(code, "docs/datasets_by_id.md", "exec"), shown)
    target = tmp_path / "a_recording.h5"
    shown["convert"](sources[0], target, "mine")
    assert problems(target) == []
    with h5py.File(target) as file:
        assert file["session"].attrs["id"] == "a_recording"
        assert {"spikes", "units", "epochs", "train_domain", "inventory"} <= {*file}
        assert "x" not in file


def first_cells(header):
    """Return what stands in code in the first column of the table with a header."""
    table = TEXTS["docs/datasets_by_id.md"].partition(header)[2].partition("\n\n")[0]
    cells = (line.split("|")[1] for line in table.splitlines() if "|" in line)
    return {word for cell in cells for word in re.findall("`([^`]+)`", cell)}


def test_kinds_and_reasons_are_those_that_the_document_lists():
    assert first_cells("| kind | what |\n") == {*KINDS}
    assert first_cells("| reason | what |\n") == {*REASONS}
