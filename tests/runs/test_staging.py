"""Results are published whole, and each by one asset, or not at all."""

import os
import subprocess

import pytest

from tests.helpers.small_pipeline import data, write


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


def test_what_leaves_its_folder_fails_with_a_sentence(workspace):
    """One run of assets that misbehave, and one of the same, mended."""
    foreign = workspace.root / "foreign"
    foreign.mkdir()
    (foreign / "old.txt").write_text("precious")
    body = f"""
    assets = "gone renamed file link beside above yield awaited read-only none".split()
    def process(self, row):
        import shutil
        folder, asset = self.processed_dir, row.Index
        if (self.raw_dir / "mended").exists():
            (folder / f"{{asset}}.txt").write_text("mended")
            return
        if asset == "none":
            return
        if asset == "yield":
            return (folder.touch() for _ in range(2))
        if asset == "awaited":
            return self.later(folder)
        if asset == "beside":
            folder = folder.with_name(f"{{folder.name}}_release")
            folder.mkdir()
        if asset == "above":
            folder = folder.parent.parent
        (folder / f"{{asset}}.txt").write_text("result")
        if asset in ("gone", "file", "link"):
            shutil.rmtree(folder)
        if asset == "renamed":
            folder.rename(folder.with_name("other"))
        if asset == "file":
            folder.write_text("result")
        if asset == "link":
            folder.symlink_to("{foreign}")
        if asset == "read-only":
            os.chmod(folder / "read-only.txt", 0o444)
            os.chmod(folder, 0o555)

    async def later(self, folder):
        (folder / "awaited.txt").write_text("result")
"""
    pipeline = write(workspace, body)
    run = workspace.run(str(pipeline))
    assert run.returncode == 1
    for asset, words in {
        "gone": "is not there any more",
        "renamed": "is not there any more",
        "file": "is a file now",
        "link": "is a link now",
        "beside": "process wrote recorder_release outside of processed_dir",
        "above": "process wrote above.txt outside of processed_dir",
        "yield": "process returned a generator",
        "awaited": "process returned a coroutine",
    }.items():
        assert workspace.sentinel(asset, "DONE") is None
        [attempt] = workspace.sentinel(asset, "FAILED")["attempts"]
        assert words in attempt["message"], attempt
        assert attempt["error"] == "OutputError"
    assert data(workspace) == {"read-only.txt": "result"}
    assert workspace.sentinel("none", "DONE")["outputs"] == []
    (workspace.raw_dir / "recorder" / "mended").touch()
    assert workspace.run(str(pipeline)).returncode == 0
    assert set(data(workspace)) == {
        *(f"{asset}.txt" for asset in "gone renamed file link beside".split()),
        *("above.txt", "yield.txt", "awaited.txt", "read-only.txt"),
    }
    staging = os.listdir(workspace.folder().workflow / "staging")
    assert not [name for name in staging if not name.startswith(".")]
    assert [path.read_text() for path in foreign.iterdir()] == ["precious"]


def test_download_that_never_ran_is_refused(workspace):
    body = """
    async def download(self, row):
        raise AssertionError
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 1
    assert "download returned a coroutine" in run.stdout


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_result_has_nothing_of_its_earlier_version(workspace, batch_size):
    body = """
    assets = ["a", "b"]
    chunks, name = ["c/0", "c/1"], "zarr"
    def process(self, row):
        for chunk in self.chunks:
            path = self.processed_dir / f"{row.Index}.{self.name}" / chunk
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.name)
        if (self.raw_dir / f"broken {row.Index}").exists():
            raise ValueError
"""
    settings = {"pipeline": str(write(workspace, body)), "batch_size": batch_size}
    assert workspace.run([settings]).returncode == 0
    old = data(workspace)
    assert [*old] == [f"{asset}.zarr/c/{n}" for asset in "ab" for n in range(2)]
    broken = workspace.raw_dir / "recorder" / "broken b"
    broken.touch()
    write(workspace, body.replace('"c/0", "c/1"', '"c/1", "d"').replace("zarr", "z2"))
    assert workspace.run([settings]).returncode == 1
    of_b = {path: text for path, text in old.items() if path.startswith("b")}
    assert data(workspace) == {"a.z2/c/1": "z2", "a.z2/d": "z2", **of_b}
    broken.unlink()
    assert workspace.run([settings]).returncode == 0
    names = [f"{asset}.z2/{chunk}" for asset in "ab" for chunk in ("c/1", "d")]
    assert data(workspace) == dict.fromkeys(names, "z2")
    assert not (workspace.folder().root / "b.zarr").exists()
