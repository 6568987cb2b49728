"""What pipelines, people and disks do to a run that it has to bear."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

HEADER = """
import os, subprocess, sys, time
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

class Base(BrainsetPipeline):
    assets = ["a"]

    @classmethod
    def get_manifest(cls, raw_dir, args):
        ids = raw_dir / "ids.txt"
        assets = ids.read_text().split() if ids.exists() else cls.assets
        return pd.DataFrame(index=pd.Index(assets, name="id"))

    def download(self, row):
        with open(self.raw_dir / "events.txt", "a") as file:
            print("download", row.Index, file=file)
        return row

    def process(self, row):
        with open(self.raw_dir / "events.txt", "a") as file:
            print("process", row.Index, file=file)
        (self.processed_dir / f"{row.Index}.txt").write_text("whole")

"""


def write(workspace, body):
    """Write a pipeline whose class has this body."""
    lines = ['    brainset_id = "recorder"', *body.strip("\n").splitlines()]
    source = HEADER + "class Pipeline(Base):\n" + "\n".join(lines) + "\n"
    return workspace.write_pipeline(source)


def data(workspace):
    """Return names and contents of all that is visible as data."""
    root = workspace.folder().root
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "_workflow" not in path.relative_to(root).parts
    }


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


def test_code_edited_during_the_run_is_not_taken_for_the_planned_one(workspace):
    body = """
    VALUE = 1
    def process(self, row):
        time.sleep(3)
        (self.processed_dir / "a.txt").write_text(str(self.VALUE))
"""
    pipeline = write(workspace, body)
    planned = pipeline.read_text()
    run = workspace.start(str(pipeline))
    deadline = time.monotonic() + 60
    while not workspace.folder().sentinel("a", "RUNNING").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pipeline.write_text(planned.replace("VALUE = 1", "VALUE = 2"))
    assert run.wait(timeout=60) == 0
    pipeline.write_text(planned)
    before = data(workspace)
    again = workspace.run(str(pipeline))
    assert ": process recorder a (pipeline code changed)" in again.stdout
    assert data(workspace) == {"a.txt": "1"}, before


def test_code_edited_before_a_step_and_mended_within_it_is_noticed(workspace):
    """The step imports the edit, and no trace of it is left when the step ends."""
    body = """
    assets = ["a", "b"]
    VALUE = 1
    def process(self, row):
        (self.raw_dir / f"started {row.Index}").touch()
        while not (self.raw_dir / f"go {row.Index}").exists():
            time.sleep(0.05)
        (self.processed_dir / f"{row.Index}.txt").write_text(str(self.VALUE))
"""
    pipeline = write(workspace, body)
    planned = pipeline.read_text()
    raw = workspace.raw_dir / "recorder"

    def wait_for_start(number):
        deadline = time.monotonic() + 60
        while len(list(raw.glob("started *"))) < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return {path.name.split()[-1] for path in raw.glob("started *")}

    run = workspace.start(str(pipeline), cores=1)
    [first] = wait_for_start(1)
    # The second step starts with the edit, and ends without it.
    pipeline.write_text(planned.replace("VALUE = 1", "VALUE = 2"))
    pipeline.touch()
    (raw / f"go {first}").touch()
    [second] = wait_for_start(2) - {first}
    pipeline.write_text(planned)
    (raw / f"go {second}").touch()
    assert run.wait(timeout=60) == 0
    assert data(workspace)[f"{second}.txt"] == "2"
    again = workspace.run(str(pipeline))
    assert f": process recorder {second} (pipeline code changed)" in again.stdout
    assert data(workspace) == {"a.txt": "1", "b.txt": "1"}


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


def test_program_in_a_session_of_its_own_ends_with_its_step(workspace):
    body = """
    def process(self, row):
        script = "while true; do echo x >> out.txt; sleep 0.05; done"
        subprocess.Popen(["sh", "-c", script], cwd=self.processed_dir,
                         start_new_session=True)
        time.sleep(0.5)
        if (self.raw_dir / "wait").exists():
            time.sleep(600)
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 0
    size = len(data(workspace)["out.txt"])
    assert workspace.sentinel("a", "DONE")["outputs"][0]["bytes"] == size
    time.sleep(0.3)
    assert len(data(workspace)["out.txt"]) == size
    # And where everything is killed in the middle.
    (workspace.raw_dir / "recorder" / "wait").touch()
    run = workspace.start(str(pipeline), "--forcerun", "process_asset")
    partial = workspace.folder().staging("a") / "out.txt"
    deadline = time.monotonic() + 60
    while not partial.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    time.sleep(0.5)
    size = partial.stat().st_size
    time.sleep(0.3)
    assert partial.stat().st_size == size


def test_processes_that_a_pipeline_spawns_do_not_run_the_wrapper(workspace):
    body = """
    def process(self, row):
        import math, multiprocessing
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            roots = pool.map_async(math.sqrt, [1, 4, 9]).get(timeout=60)
        (self.processed_dir / "a.txt").write_text(str(roots))
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 0, workspace.folder().log("process_asset", "a").read_text()
    assert data(workspace) == {"a.txt": "[1.0, 2.0, 3.0]"}


def test_id_that_differs_only_in_case_leaves_the_other_one_done(workspace):
    pipeline = write(workspace, "")
    ids = workspace.raw_dir / "recorder" / "ids.txt"
    ids.parent.mkdir(parents=True)
    ids.write_text("A b")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    ids.write_text("A b a")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert workspace.events() == ["download a", "process a"]
    ids.write_text("A b")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert workspace.events() == []
    assert workspace.sentinel("A", "DONE")


def test_respelled_ids_take_their_files_over(workspace):
    body = """
    assets = ["A"]
    def process(self, row):
        (self.processed_dir / "session 1.txt").write_text(row.Index)
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 0
    ids = workspace.raw_dir / "recorder" / "ids.txt"
    ids.write_text("sub-A")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert data(workspace) == {"session 1.txt": "sub-A"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: folder.manifest.with_name("manifest.schema.json").unlink(),
        lambda folder: folder.manifest.with_name("manifest.schema.json").write_text(
            "{"
        ),
        lambda folder: folder.manifest.write_text("wrong\theader\n"),
        lambda folder: folder.manifest.write_text("id\na\textra\n"),
    ],
    ids=["no schema", "broken schema", "header", "row"],
)
def test_broken_manifest_is_mended_as_the_sentence_says(workspace, damage):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    damage(workspace.folder())
    run = workspace.run(str(pipeline))
    assert "Traceback" not in run.stdout
    mended = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert mended.returncode == 0, mended.stdout
    assert workspace.events() == []


def test_asset_that_is_new_in_the_archive_can_be_selected(workspace):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    (workspace.raw_dir / "recorder" / "ids.txt").write_text("a new")
    settings = [{"pipeline": str(pipeline), "assets": ["new"]}]
    assert workspace.run(settings).returncode == 1
    run = workspace.run(settings, "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert workspace.events() == ["download new", "process new"]


def test_folders_with_braces_quotes_and_signs_work(workspace):
    pipeline = write(workspace, "")
    odd = workspace.root / "it's 100% $HOME"
    pipeline = pipeline.rename(pipeline.parent / "{pipeline}.py")
    folders = {"raw_dir": str(odd / "{raw}"), "processed_dir": str(odd / "done")}
    run = workspace.run(str(pipeline), **folders)
    assert run.returncode == 0, run.stdout
    assert (odd / "done" / "recorder" / "a.txt").read_text() == "whole"
    assert "Nothing to be done" in workspace.run(str(pipeline), **folders).stdout
    folders["processed_dir"] = str(odd / "{done}")
    refused = workspace.run(str(pipeline), **folders)
    assert "has a brace in it" in refused.stdout and "Job " not in refused.stdout


def test_raw_file_of_another_row_is_not_taken_when_the_handoff_is_lost(recorder):
    recorder.write_rows([{"id": "a", "value": 1}])
    assert recorder.run(str(recorder.pipeline)).returncode == 0
    recorder.folder().handoff("a").unlink()
    recorder.write_rows([{"id": "a", "value": 2}])
    recorder.run(str(recorder.pipeline), "--forcerun", "write_manifest")
    log = recorder.folder().log("download_asset", "a").read_text()
    assert "--redownload is set" in log


@pytest.mark.parametrize("key", ["raw_dir", "processed_dir"])
def test_folder_that_is_a_file_gives_one_sentence(workspace, key):
    file = workspace.root / "file"
    file.touch()
    run = workspace.run(str(write(workspace, "")), **{key: str(file)})
    assert run.returncode == 1
    [sentence] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    assert f"{key}: {file} is a file" in sentence


@pytest.mark.parametrize(
    "statement, error",
    [
        ("raise type('Odd', (Exception,), {'__str__': lambda s: 1 / 0})()", "Odd"),
        ("raise ValueError('byte \\udcff')", "ValueError"),
        ("raise ValueError('x' * 10_000_000)", "ValueError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise MemoryError", "MemoryError"),
        ("input('which version?')", "EOFError"),
    ],
)
def test_odd_errors_are_told_as_what_they_are(workspace, statement, error):
    body = f"""
    def process(self, row):
        {statement}
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 1
    failed = workspace.sentinel("a", "FAILED")
    assert failed["attempts"][0]["error"] == error
    assert len(failed["attempts"][0]["message"]) < 5000
    assert f"FAILED recorder a (process): {error}" in run.stdout


def test_closed_streams_and_odd_modules_are_no_failure(workspace):
    body = """
    def process(self, row):
        super().process(row)
        sys.modules["odd"] = 42
        sys.stdout.close()
        sys.stderr = None
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 0, run.stdout
    assert data(workspace) == {"a.txt": "whole"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_finished_brainset_on_a_read_only_disk_has_nothing_to_do(workspace):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    for path in workspace.folder().root.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert "Nothing to be done" in workspace.run(str(pipeline)).stdout
    finally:
        for path in workspace.folder().root.rglob("*"):
            path.chmod(0o755)


def test_published_packages_are_not_needed_to_import_the_contract():
    """The contract and all job code import in a bare interpreter."""
    code = "import brainsets.pipeline, brainsets.jobs.steps, brainsets.jobs.listing"
    subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}",
        ],
        check=True,
    )
