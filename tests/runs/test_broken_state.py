"""A run over a brainset in which every file was replaced makes all of it anew."""

import json
import os
import shutil
import socket

from tests.helpers.small_pipeline import data, write

BODY = """
    assets = [f"a{number}" for number in range(11)]

    def download(self, row):
        path = self.raw_dir / f"{row.Index}.csv"
        path.write_text("raw")
        return path

    def process(self, path):
        (self.processed_dir / f"{path.stem}.txt").write_text("whole")
"""
# Right keys, wrong types.
ODD = {"outputs": 5, "attempts": {"a": 1}, "args": None, "attempt": "x", "pid": []}
ODD |= {"members": 3, "columns": {"a": 1}, "raw_files": 7, "format": "x"}
KINDS = {
    "empty": lambda path: path.touch(),
    "bytes": lambda path: path.write_bytes(bytes(range(256))),
    "nested": lambda path: path.write_text("[" * 10_000),
    "number": lambda path: path.write_text("42"),
    "odd": lambda path: path.write_text(json.dumps(ODD)),
    "pipe": os.mkfifo,
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
    "circular": lambda path: path.symlink_to(path.name),
    "elsewhere": lambda path: path.symlink_to(path.parents[4] / "elsewhere"),
    "folder": lambda path: (path.mkdir(), (path / "kept").touch()),
    "socket": lambda path: bound(path),
}


def bound(path):
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(path.parent)
        listener.bind(path.name)
        os.chdir(here)


def put(kind, path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path)


def break_assets(folder):
    """Replace what is known of each asset by another odd thing."""
    for name, kind in enumerate(KINDS):
        for state in ("DONE", "DOWNLOADED", "FAILED", "RUNNING"):
            put(kind, folder.sentinel(f"a{name}", state))
        put(kind, folder.handoff(f"a{name}"))
        for rule in ("download_asset", "process_asset"):
            put(kind, folder.log(rule, f"a{name}"))
    for file in (".DS_Store", "a1.DONE~", "%ff.DONE"):
        (folder.status / file).write_bytes(b"\xff")
    (folder.status / os.fsdecode(b"\xff\xfe.DONE")).touch()


def break_whole(folder, kind):
    """Replace each file of the whole brainset."""
    for file in ("manifest.schema.json", "manifest.FAILED", "environment.FAILED"):
        put(kind, folder.workflow / file)
    for path in (folder.manifest, folder.summary, folder.lock):
        put(kind, path)
    for rule in ("write_manifest", "summarize_brainset"):
        put(kind, folder.log(rule))


def assert_all_is_done_anew(workspace, pipeline):
    elsewhere = workspace.root / "elsewhere"
    elsewhere.write_text("theirs")
    folder = workspace.folder()
    dry = workspace.run([pipeline], "--dry-run")
    assert "Traceback" not in dry.stdout, dry.stdout
    for options in (["--pending"], ["--log", "a5"]):
        where = "--processed-dir", workspace.processed_dir
        shown = workspace.brainsets("status", *where, *options)
        assert "Traceback" not in shown.stderr, shown.stderr
    run = workspace.run([pipeline])
    assert run.returncode == 0, run.stdout
    assert "Traceback" not in run.stdout and "was broken; it is made anew" in run.stdout
    assert data(workspace) == {f"a{n}.txt": "whole" for n in range(len(KINDS))}
    for number in range(len(KINDS)):
        done = json.loads(folder.sentinel(f"a{number}", "DONE").read_text())
        assert [output["path"] for output in done["outputs"]] == [f"a{number}.txt"]
        assert not folder.sentinel(f"a{number}", "FAILED").exists()
    assert elsewhere.read_text() == "theirs"
    again = workspace.run([pipeline])
    assert "Nothing to be done" in again.stdout and "broken" not in again.stdout
    return dry.stdout


def test_every_file_of_a_brainset_replaced_is_made_anew(workspace):
    pipeline = str(write(workspace, BODY))
    assert workspace.run(pipeline).returncode == 0
    folder = workspace.folder()
    break_assets(folder)
    told = assert_all_is_done_anew(workspace, pipeline)
    assert told.count("its status file is broken") == len(KINDS)
    # In batches, with the files of the whole brainset, too.
    break_assets(folder)
    break_whole(folder, "pipe")
    told = assert_all_is_done_anew(workspace, {"pipeline": pipeline, "batch_size": 4})
    assert "list the assets of recorder (its schema is broken)" in told


def test_links_that_lead_nowhere_are_told_by_a_dry_run_and_removed_by_a_run(workspace):
    pipeline = str(write(workspace, ""))
    folder = workspace.folder()
    folder.workflow.mkdir(parents=True)
    for kind in ("dangling", "circular"):
        break_whole(folder, kind)
        dry = workspace.run(pipeline, "--dry-run")
        assert "manifest.tsv is a link that leads nowhere" in dry.stdout
        assert workspace.run(pipeline).returncode == 0
        assert data(workspace) == {"a.txt": "whole"}
