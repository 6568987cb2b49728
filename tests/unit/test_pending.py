"""What is planned anew says why, in words that are true."""

from types import SimpleNamespace

import pytest

from brainsets.planning.pending import pending_assets
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from tests.helpers.sentinel_files import History, Step, write_brainset


@pytest.mark.parametrize("content", ["", "{", "[]", "\0\0\0"])
@pytest.mark.parametrize("state", ["DONE", "DOWNLOADED"])
def test_a_status_file_that_cannot_be_read_is_called_broken(tmp_path, content, state):
    folder = BrainsetFolder(tmp_path)
    step = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
    write_brainset(folder, {"a": History("nothing", step, step, 1, [])})
    folder.sentinel("a", state).write_text(content)
    brainset = SimpleNamespace(
        folder=folder, counted_args=[], source=SimpleNamespace(code="x")
    )
    [pending] = pending_assets(
        brainset,
        read_manifest(folder.manifest),
        ["a"],
        download_only=False,
        existing={f"a.{state}"},
    )
    assert pending.reason == "its status file is broken"
    assert pending.stale == (state,)
