"""Arguments that name secrets or files, in whole runs."""

import os
import time
from pathlib import Path

import pytest

from tests.helpers.folders import files_below
from tests.helpers.small_pipeline import data, write

SECRET = "hunter2-is-4-long-Secret/with=signs"
# Not to be found by chance in the command line of another process.
OF_A_FILE = "first-line-of-tokens"
BODY = """
    from argparse import ArgumentParser
    parser = ArgumentParser()
    parser.add_argument("--token")
    parser.add_argument("--other")

    def download(self, row):
        assert self.args.token == os.environ["SECRET"], "a wrong token"
        assert self.args.other == "first-line-of-tokens", "a wrong other"
        self.args.seen = True
        self.header = f"Bearer {self.args.token}"
        self.update_status(f"with {self.args.token}")
        time.sleep(0.3)
        return row, self.args.token

    def process(self, downloaded):
        row, token = downloaded
        assert token == self.args.token and self.header.endswith(token)
        self.update_status(f"with {self.args.token}")
        if row.Index == "b":
            raise ValueError(f"refused: https://x/?q={token}")
        (self.processed_dir / row.Index).write_text("whole")
    assets = ["a", "b"]
"""


def command_lines():
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(found)


def contents(root):
    """Return what is in all files; some go when the last process of a run ends."""
    found = {}
    for path in files_below(root):
        try:
            found[path] = path.read_bytes()
        except OSError:
            continue
    return found


@pytest.mark.parametrize("more", [{}, {"warm": False, "batch_size": 2}], ids=str)
def test_a_secret_that_an_argument_names_is_in_no_file_and_no_command(
    workspace, tmp_path, more
):
    workspace.environment["SECRET"] = SECRET
    pipeline = write(workspace, BODY)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{OF_A_FILE}\n")
    entry = {
        "pipeline": str(pipeline),
        "args": ["--token=env:SECRET", "--other", f"file:{tokens}"],
    }
    run = workspace.start([entry], **more)
    seen = b""
    while run.poll() is None and len(seen) < 1 << 26:
        seen += command_lines()
        time.sleep(0.1)
    done = workspace.finish(run)
    assert done.returncode == 1, done.stdout
    assert b"env:SECRET" in seen
    files = contents(workspace.root)
    assert len(files) > 10
    for secret in (SECRET, OF_A_FILE, SECRET.replace("/", "%2F").replace("=", "%3D")):
        assert secret.encode() not in seen
        assert secret not in done.stdout
        found = [path for path in files if secret.encode() in files[path]]
        assert found in ([], [pipeline])
    assert workspace.sentinel("b", "FAILED")["attempts"][0]["message"] == (
        "refused: https://x/?q=***"
    )
    # A renewed one runs nothing again.
    workspace.environment["SECRET"] = "renewed"
    tokens.write_text(OF_A_FILE)
    pipeline.write_text(pipeline.read_text().replace('== "b"', '== "c"'))
    mended = workspace.run([entry], **more)
    assert mended.returncode == 0, mended.stdout
    before = workspace.sentinel("a", "DONE")
    workspace.environment["SECRET"] = "renewed again"
    tokens.unlink()
    again = workspace.run([entry], **more)
    assert "Nothing to be done" in again.stdout, again.stdout
    assert workspace.sentinel("a", "DONE") == before
    # Unless it is asked for, and is not there.
    del workspace.environment["SECRET"]
    asked = workspace.run([entry], "--forcerun", "process_asset", **more)
    message = workspace.sentinel("a", "FAILED")["attempts"][0]["message"]
    assert "SECRET is not set" in message and asked.returncode == 1


def test_an_argument_that_names_a_file_counts_with_its_content(workspace):
    body = """
    from argparse import ArgumentParser
    parser = ArgumentParser()
    parser.add_argument("--table")

    def process(self, row):
        text = open(self.args.table).read()
        if (self.raw_dir / "wait").exists():
            (self.raw_dir / "started").touch()
            time.sleep(2)
        (self.processed_dir / "a.txt").write_text(text)
"""
    pipeline = write(workspace, body)
    table = pipeline.parent / "x.csv"
    table.write_text("1")
    entry = {"pipeline": str(pipeline), "args": "--table=x.csv"}
    assert workspace.run([entry]).returncode == 0
    assert "Nothing to be done" in workspace.run([entry]).stdout
    table.write_text("2")
    again = workspace.run([entry])
    assert data(workspace) == {"a.txt": "2"}, again.stdout
    # An edit while it runs is not taken for what was planned.
    raw = workspace.raw_dir / "recorder"
    (raw / "wait").touch()
    table.write_text("3")
    run = workspace.start([entry])
    deadline = time.monotonic() + 60
    while not (raw / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    table.write_text("4")
    assert workspace.finish(run).returncode == 0
    (raw / "wait").unlink()
    assert data(workspace) == {"a.txt": "3"}
    # Nor is one that is undone before the next run: nobody knows what was read.
    table.write_text("3")
    assert "Nothing to be done" not in workspace.run([entry]).stdout
    table.write_text("4")
    assert workspace.run([entry]).returncode == 0
    assert data(workspace) == {"a.txt": "4"}
    assert "Nothing to be done" in workspace.run([entry]).stdout


def test_a_relative_path_that_is_not_found_says_where_it_starts(workspace):
    body = """
    def process(self, row):
        open(os.path.join("tables", "x.csv"))
"""
    pipeline = write(workspace, body)
    assert workspace.run([str(pipeline)]).returncode == 1
    message = workspace.sentinel("a", "FAILED")["attempts"][0]["message"]
    assert f"(relative paths start at {os.path.realpath(pipeline.parent)})" in message
