"""On a full disk, everybody is told so, and finished work stays."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.small_pipeline import write

MOUNT = "mount -t tmpfs -o size=6m none {}; "
NO_ROOM = "[Errno 28] No space left on device"
FILLING = """
    assets = ["a", "b", "c"]

    def download(self, row):
        if row.Index != "a":
            time.sleep(1)
        return row

    def process(self, row):
        if row.Index == "a":
            with open(self.raw_dir / "filler", "ab", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
        (self.processed_dir / f"{row.Index}.txt").write_bytes(bytes(100_000))
"""


def can_mount():
    probe = ["unshare", "-m", "sh", "-c", MOUNT.format("/mnt")]
    try:
        return subprocess.run(probe, capture_output=True).returncode == 0
    except OSError:
        return False


def run_on_small_disk(workspace, **settings):
    """Run on a disk that nobody else sees; return its output and the FAILED there."""
    disk = workspace.root / "disk"
    disk.mkdir()
    pipeline = write(workspace, FILLING)
    folders = {"raw_dir": str(disk / "raw"), "processed_dir": str(disk / "processed")}
    command = workspace.command(str(pipeline), cores=1, **folders, **settings)
    status = disk / "processed" / "recorder" / "_workflow" / "status"
    script = (
        MOUNT.format(f"'{disk}'") + '"$@" || echo "exit status $?"; '
        f"for file in '{status}'/*.FAILED; do echo; cat \"$file\" | tr -d '\\n'; done"
    )
    run = workspace.start_command(["unshare", "-m", "sh", "-c", script, "-", *command])
    output = workspace.finish(run).stdout
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return output, {record["asset"]: record for record in map(json.loads, lines)}


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not can_mount(),
    reason="a small disk of our own cannot be mounted here",
)
@pytest.mark.parametrize("settings", [{"warm": True}, {"warm": True, "batch_size": 3}])
def test_full_disk_is_named_as_what_assets_failed_of(workspace, settings):
    output, failed = run_on_small_disk(workspace, **settings)
    assert "exit status 1" in output
    # The others may find no room for a file at all, which the last line says.
    assert "a" in failed, output
    for asset, record in failed.items():
        assert NO_ROOM in record["attempts"][-1]["message"]
        assert f"FAILED recorder {asset}" in output
    shown = "\n".join(line for line in output.splitlines() if line[:1] != "{")
    assert "INTERRUPTED" not in shown and "Traceback" not in shown
    assert "nothing can be written to" in output
