"""The conversion that docs/datasets_by_id.md shows is one that works."""

import h5py
import pytest

from brainsets.conversion.checking import problems
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
