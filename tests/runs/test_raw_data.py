"""Raw data, and what else download has left, serve while they are there and fit."""

import os
import shutil

import pytest

from tests.helpers.dry_runs import PlannedAsset, planned_assets
from tests.helpers.reruns import both_steps, edit, events_of
from tests.helpers.small_pipeline import data, write

LOSSES = {
    "raw file deleted": lambda raw, handoff: raw.unlink(),
    "raw file truncated": lambda raw, handoff: os.truncate(raw, 100),
    "handoff deleted": lambda raw, handoff: handoff.unlink(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_process_would_miss_is_fetched_by_a_download(done, loss):
    """On a cluster the nodes that process often have no network."""
    raw = done.raw_dir / "recorder" / "62.raw"
    LOSSES[loss](raw, done.folder().handoff("b"))
    assert events_of(done) == []
    edit(done.pipeline, "SAMPLES = 20_000", "SAMPLES = 2 * 10_000")
    steps = [*both_steps("b"), "process 'a'", "process 'c'"]
    assert events_of(done) == sorted(["manifest", *steps])
    assert raw.stat().st_size == 20_000
    log = done.folder().log("process_asset", "b").read_text()
    assert "fetching again" not in log
    if loss == "handoff deleted":
        return
    # Whoever asks for downloads only wants the raw files to be there.
    LOSSES[loss](raw, None)
    assert events_of(done, download_only=True) == ["download 'b'"]
    assert raw.stat().st_size == 20_000


def test_raw_file_of_another_row_is_not_taken_when_the_handoff_is_lost(recorder):
    recorder.write_rows([{"id": "a", "value": 1}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    recorder.folder().handoff("a").unlink()
    recorder.write_rows([{"id": "a", "value": 2}])
    recorder.run(str(recorder.pipeline), "--forcerun", "write_manifest")
    log = recorder.folder().log("download_asset", "a").read_text()
    assert "--redownload is set" in log


LOSES = """
    assets = ["folder", "row"]

    def download(self, row):
        super().download(row)
        scan = self.raw_dir / f"{row.Index} of mine"
        scan.mkdir(exist_ok=True)
        if not (scan / "samples").exists():
            (scan / "samples").write_text("5")
        return scan if row.Index == "folder" else row

    def process(self, given):
        name = given.stem.split()[0] if hasattr(given, "stem") else given.Index
        with open(self.raw_dir / "events.txt", "a") as file:
            print("process", name, file=file)
        samples = (self.raw_dir / f"{name} of mine" / "samples").read_text()
        (self.processed_dir / f"{name}.txt").write_text(samples + " V")
"""


@pytest.mark.parametrize("batch_size", [1, 2])
def test_deleted_raw_data_are_fetched_whatever_download_returned(workspace, batch_size):
    pipeline = write(workspace, LOSES)
    settings = {"batch_size": batch_size}
    events_of(workspace, brainsets=str(pipeline), **settings)
    for name in ("folder", "row"):
        shutil.rmtree(workspace.raw_dir / "recorder" / f"{name} of mine")
    edit(pipeline, '" V"', '" mV"')
    # Nobody can know what the row stands for, before process misses it.
    assert workspace.run(str(pipeline), **settings).returncode == 1
    found = ["download folder", "process folder", "process row"]
    assert sorted(workspace.events()) == found
    if batch_size == 1:
        planned = planned_assets(workspace.run(str(pipeline), "--dry-run").stdout)
        reason = "failed on what an earlier run has fetched"
        assert planned == {"row": PlannedAsset("download, process", reason)}
    found = events_of(workspace, brainsets=str(pipeline), **settings)
    assert found == ["download row", "process row"]


def test_a_mistake_in_process_is_not_answered_by_a_download_each_time(workspace):
    pipeline = write(workspace, LOSES.replace('" V"', "3"))
    runs = []
    for _ in range(4):
        assert workspace.run(str(pipeline)).returncode == 1
        runs.append(sorted(workspace.events()))
    neither = ["process folder", "process row"]
    assert runs == [
        ["download folder", "download row", *neither],
        neither,
        ["download row", *neither],
        neither,
    ]


KEEPS = """
    assets = ["caught", "raised", "unused", "set"]

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.client, self.found = None, []

    def download(self, row):
        import threading
        self.client = threading.Lock()
        self.found.append(row.Index)
        return super().download(row)

    def process(self, row):
        if row.Index == "caught":
            state = "open" if getattr(self, "client", None) else "lost"
        elif row.Index == "raised":
            state = "open" if self.client.acquire() else "lost"
        elif row.Index == "set":
            self.client = "mine"
            state = self.client
        else:
            state = "unused"
        super().process(row)
        (self.processed_dir / f"{row.Index}.txt").write_text(f"{state} {self.found}")
"""


@pytest.mark.parametrize("warm", [True, False])
def test_what_download_set_is_there_in_process_or_fetched_again(workspace, warm):
    run = workspace.run(str(write(workspace, KEEPS)), warm=warm)
    assert run.returncode == 0, run.stdout
    assert data(workspace) == {
        "caught.txt": "open ['caught']",
        "raised.txt": "open ['raised']",
        "set.txt": "mine ['set']",
        "unused.txt": "unused ['unused']",
    }
    fetched = [e for e in workspace.events() if e.startswith("download")]
    again = ["download caught", "download raised"]
    assert sorted(fetched) == sorted(
        ["download caught", "download raised", "download set", "download unused"]
        + again
    )
    log = workspace.folder().log("process_asset", "caught").read_text()
    assert "fetching again, as process needs self.client of its download" in log
    assert list(workspace.sentinel("unused", "DOWNLOADED")["left_out"]) == ["client"]


def test_raw_folder_that_is_not_mounted_is_needed_only_for_what_is_pending(done):
    shutil.rmtree(done.raw_dir)
    done.raw_dir.symlink_to(done.root / "not mounted")
    run = done.run(str(done.pipeline))
    assert run.returncode == 0 and "Nothing to be done" in run.stdout
    (done.folder().root / "61.h5").unlink()
    for arguments in (["--dry-run"], []):
        run = done.run(str(done.pipeline), *arguments)
        assert run.returncode == 1
        assert "brainsets: raw_dir: " in run.stdout
        assert "not mounted, which is not there; mount its disk" in run.stdout
        assert "Traceback" not in run.stdout
    assert done.sentinel("a", "FAILED") is None
    assert done.sentinel("a", "DONE") is not None


def test_raw_folder_elsewhere_is_no_reason_to_fetch_what_is_in_it(done):
    moved = done.root / "another disk"
    done.raw_dir.rename(moved)
    edit(done.pipeline, "SAMPLES = 20_000", "SAMPLES = 2 * 10_000")
    run = done.run(str(done.pipeline), raw_dir=moved)
    assert run.returncode == 0, run.stdout
    log = done.folder().log("download_asset", "b").read_text()
    assert "--redownload is set" not in log
