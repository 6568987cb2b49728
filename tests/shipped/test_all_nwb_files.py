"""Every NWB file there is ends done, or skipped for a true reason."""

import json

import h5py

from brainsets.conversion.checking import problems
from brainsets.conversion.inventory import REASONS
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
    found = [json.loads(file.read_text()) for file in folder.status.glob("*.DONE")]
    assert len(found) == len(files)
    states = {state["asset"]: state for state in found}
    skipped = {asset: state.get("skipped") for asset, state in states.items()}
    for asset, reason in skipped.items():
        output = workspace.processed_dir / f"dandi_{ID}" / f"{asset}.h5"
        assert output.exists() == (reason is None), asset
        if reason is None:
            assert problems(output) == []
            [listed] = states[asset]["outputs"]
            with h5py.File(output) as file:
                taken_as = file["inventory/taken_as"][:]
            left_out = listed["inventory"]["n_left_out"]
            assert listed["inventory"]["taken"] == sum(map(bool, taken_as)) > 0
            assert left_out == len(taken_as) - sum(map(bool, taken_as))
            reasons = {row["reason"] for row in listed["inventory"]["left_out"]}
            assert reasons <= {*REASONS}
        else:
            assert reason.startswith(("it holds no", "it is no")), reason
    for asset, reason in NOTHING.items():
        assert reason in (skipped[asset] or ""), asset
    assert sum(reason is None for reason in skipped.values()) >= 15
    page = workspace.root / "report.html"
    words = ["report", "--processed-dir", workspace.processed_dir, "--output", page]
    report = workspace.brainsets(*words)
    assert report.returncode == 0, report.stderr
    text = page.read_text()
    assert "objects taken" in text and "pictures" in text
    assert "Skipped: " in text and NOTHING["test_Subject"] in text
