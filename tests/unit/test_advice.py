"""What is said of arguments before a run."""

from pathlib import Path
from types import SimpleNamespace

from brainsets.planning.settings import advice


def told(args, folder):
    brainset = SimpleNamespace(id="mine", args=args, folder_of_args=folder)
    return list(advice([brainset]))


def test_a_secret_that_is_typed_is_told_without_it(tmp_path):
    [sentence] = told(["--token", "hunter2-of-mine", "--key", "x"], tmp_path)
    assert "--token env:NAME" in sentence and "hunter2" not in sentence
    assert told(["--token", "env:MINE", "--token=file:x"], tmp_path) == []


def test_a_path_that_is_only_where_one_is_is_told(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "x.csv").touch()
    (tmp_path / "fast").touch()
    monkeypatch.chdir(tmp_path)
    for args in (["--table", "x.csv"], ["--table=./x.csv"]):
        [sentence] = told(args, tmp_path / "mine")
        assert str(tmp_path / "mine") in sentence
    (tmp_path / "mine" / "x.csv").touch()
    assert (
        told(
            ["--table", "x.csv", "no.csv", str(Path.cwd()), "--mode", "fast"],
            tmp_path / "mine",
        )
        == []
    )
