"""Every NWB file there is ends done, or skipped for a true reason."""

import json

import pytest

pytest.importorskip("h5py", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("requests", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("temporaldata", reason="the pipeline dandi runs here")

from brainsets.conversion.checking import problems
from tests.helpers.dandi_server import DandiServer

ID = "000140"
# Files that hold nothing to convert, and what is said of them.
NOTHING = {
    "test_DynamicTable": "a table without times",
    "test_PlaneSegmentation": "a table without times",
    "test_Subject": "nothing but what describes the session",
    "1.0.2_nwbfile": "nothing but what describes the session",
    "1.1.2_str_pub": "nothing but what describes the session",
    "2.2.0_subject_no_age__reference": "nothing but what describes the session",
    "1.5.1_imageseries_no_data": "its data are in another file",
}


def test_every_nwb_file_ends_done_or_skipped(workspace, shared_data):
    files = sorted(path for path in shared_data.rglob("*.nwb") if path.is_file())
    assert len(files) >= 25
    with DandiServer(workspace.root / "store") as server:
        for path in files:
            name = path.relative_to(shared_data).as_posix()
            server.put(ID, name, path.read_bytes())
        server.publish(ID, "0.1.0")
        workspace.environment = {**server.environment, "DANDI_API_KEY": ""}
        entry = {"pipeline": f"dandi:{ID}", "environment": "active"}
        run = workspace.run([entry], cores=2)
    assert run.returncode == 0, run.stdout
    folder = workspace.folder(f"dandi_{ID}")
    states = [json.loads(file.read_text()) for file in folder.status.glob("*.DONE")]
    assert len(states) == len(files)
    skipped = {state["asset"]: state.get("skipped") for state in states}
    for asset, reason in skipped.items():
        output = workspace.processed_dir / f"dandi_{ID}" / f"{asset}.h5"
        assert output.exists() == (reason is None), asset
        if reason is None:
            assert problems(output) == []
        else:
            assert reason.startswith(("it holds no", "it is no")), reason
    for asset, reason in NOTHING.items():
        assert reason in (skipped[asset] or ""), asset
    assert sum(reason is None for reason in skipped.values()) >= 15
