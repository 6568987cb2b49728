"""Results are published whole, and each by one asset, or not at all."""

import subprocess

import pytest
from small_pipeline import data, write


@pytest.mark.parametrize(
    "setter", ["__init__(self, *args, **kwargs)", "download(self, row)"]
)
def test_folder_kept_on_the_instance_does_not_bypass_staging(workspace, setter):
    start = "super().__init__(*args, **kwargs)" if "init" in setter else "pass"
    body = f"""
    def {setter}:
        {start}
        self.out = self.processed_dir / "sessions"
    def process(self, row):
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "a.txt").write_text("part")
        if not (self.raw_dir / "mended").exists():
            raise ValueError("half-way")
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 1
    assert data(workspace) == {}
    (workspace.raw_dir / "recorder" / "mended").touch()
    assert workspace.run(str(pipeline)).returncode == 0
    assert data(workspace) == {"sessions/a.txt": "part"}
    [output] = workspace.sentinel("a", "DONE")["outputs"]
    assert output["path"] == "sessions/a.txt"


def test_download_that_writes_results_is_refused_by_name(workspace):
    body = """
    def download(self, row):
        (self.processed_dir / "early.txt").write_text("x")
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 1
    assert "download wrote early.txt into processed_dir" in run.stdout
    assert data(workspace) == {}


def test_one_name_written_by_many_at_once_has_one_owner(workspace):
    body = """
    assets = list("abcdef")
    def process(self, row):
        # All at one moment.
        time.sleep(max(0, int(time.time() / 3 + 1) * 3 - time.time()))
        (self.processed_dir / "same.txt").write_text(row.Index)
"""
    run = workspace.run(str(write(workspace, body)), cores=6)
    assert run.returncode == 1
    done = [asset for asset in "abcdef" if workspace.sentinel(asset, "DONE")]
    assert len(done) == 1
    assert data(workspace) == {"same.txt": done[0]}


@pytest.fixture
def small_disk(workspace):
    """A file system of 3 MB for the results, which can be made larger."""
    workspace.processed_dir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", workspace.processed_dir]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    yield workspace.processed_dir
    subprocess.run(["umount", "--lazy", workspace.processed_dir], check=True)


def test_full_disk_is_named_publishes_nothing_and_can_be_mended(workspace, small_disk):
    body = """
    def process(self, row):
        with open(self.processed_dir / "a.txt", "w") as file:
            for part in range(80):
                file.write("x" * 100_000)
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 1
    assert data(workspace) == {}
    failed = workspace.sentinel("a", "FAILED")
    assert "No space left on device" in failed["attempts"][-1]["message"]
    grow = ["mount", "-o", "remount,size=30m", small_disk]
    subprocess.run(grow, check=True, capture_output=True)
    assert workspace.run(str(pipeline)).returncode == 0
    assert len(data(workspace)["a.txt"]) == 8_000_000
