"""Folders with odd names or none of ours to write in are borne, or told."""

import os

import pytest

from tests.helpers.small_pipeline import write


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


@pytest.mark.parametrize("key", ["raw_dir", "processed_dir"])
def test_folder_that_is_a_file_gives_one_sentence(workspace, key):
    file = workspace.root / "file"
    file.touch()
    run = workspace.run(str(write(workspace, "")), **{key: str(file)})
    assert run.returncode == 1
    [sentence] = [x for x in run.stdout.splitlines() if x.startswith("brainsets: ")]
    assert f"{key}: {file} is a file" in sentence


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
