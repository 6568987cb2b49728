"""``brainsets config``: folders stored where the published command stores them."""

import json
from pathlib import Path

import pytest
import yaml

from brainsets.commands.configured import configured_folder
from brainsets.commands.main import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    (tmp_path / "here").mkdir()
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path / "here")
    return folder


def stored(home):
    return yaml.safe_load((home / ".brainsets.yaml").read_text())


def test_folders_are_stored_as_whole_paths_and_made(home, capsys):
    folders = ["--raw-dir", "raw", "--processed-dir", "$DATA/ready"]
    assert main(["config", "set", *folders]) == 0
    ready = home.parent / "data" / "ready"
    assert stored(home) == {
        "raw_dir": str(Path.cwd() / "raw"),
        "processed_dir": str(ready),
    }
    assert ready.is_dir() and Path("raw").is_dir()
    assert f"Created config file at {home}/.brainsets.yaml" in capsys.readouterr().out
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out.splitlines()
    # The published command's three lines; this folder uses the same.
    assert shown == [
        f"Config file: {home}/.brainsets.yaml",
        f"Raw data dir: {Path.cwd()}/raw",
        f"Processed data dir: {ready}",
    ]


def test_one_folder_is_changed_and_what_else_is_there_stays(home, capsys):
    file = home / ".brainsets.yaml"
    file.write_text("raw_dir: /r\nprocessed_dir: /p\nkept: [1, é]\n")
    assert main(["config", "set", "--raw-dir", "~/raw"]) == 0
    assert stored(home) == {
        "raw_dir": f"{home}/raw",
        "processed_dir": "/p",
        "kept": [1, "é"],
    }
    assert "Updated" in capsys.readouterr().out


def test_the_published_commands_old_form_is_understood(home, capsys):
    assert main(["config", "--raw-dir", "r", "--processed-dir", "p"]) == 0
    assert "old form" in capsys.readouterr().err
    assert stored(home)["raw_dir"] == f"{Path.cwd()}/r"


def test_what_a_file_of_settings_decides_is_shown(home, capsys):
    Path("config").mkdir()
    Path("config/config.yaml").write_text("brainsets: x\nraw_dir: mine\n")
    assert main(["config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "config_file": f"{home}/.brainsets.yaml",
        "stored": {"raw_dir": None, "processed_dir": None},
        "settings": f"{Path.cwd()}/config/config.yaml",
        "used_here": {
            "raw_dir": f"{Path.cwd()}/mine",
            "processed_dir": f"{Path.cwd()}/data/processed",
        },
    }
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "not there: see 'brainsets config set'" in shown
    assert f"In this folder, {Path.cwd()}/config/config.yaml:" in shown


@pytest.mark.parametrize(
    "content",
    [
        "raw_dir: [",
        "- a\n",
        "text",
        "raw_dir: 3\n",
        "processed_dir: ''\n",
        "raw_dir: {}",
    ],
)
@pytest.mark.parametrize("words", [["config", "show"], ["config", "set"]])
def test_a_broken_file_is_refused_and_kept(home, capsys, content, words):
    file = home / ".brainsets.yaml"
    file.write_text(content)
    more = ["--raw-dir", "r", "--processed-dir", "p"] if words[1] == "set" else []
    assert main([*words, *more]) == 2
    printed = capsys.readouterr().err
    assert str(file) in printed and printed.count("\n") == 1
    assert file.read_text() == content


def test_without_a_terminal_nobody_is_asked(home, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", open("/dev/null"))
    assert main(["config", "set"]) == 2
    assert "--raw-dir is missing" in capsys.readouterr().err
    assert main(["config", "set", "--raw-dir", "r"]) == 2
    assert not (home / ".brainsets.yaml").exists()


def test_a_folder_that_cannot_be_made_is_named(home, capsys):
    Path("file").write_text("")
    folders = ["--raw-dir", "file/raw", "--processed-dir", "p"]
    assert main(["config", "set", *folders]) == 2
    assert f"raw_dir: {Path.cwd()}/file/raw cannot be made" in capsys.readouterr().err
    assert not (home / ".brainsets.yaml").exists()


def test_a_directory_is_where_relative_paths_start(home, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    words = ["--directory", str(tmp_path / "there"), "config", "show", "--json"]
    assert main(words) == 0
    used = json.loads(capsys.readouterr().out)["used_here"]
    assert used["raw_dir"] == f"{tmp_path}/there/data/raw"
    assert main(["--directory", "nowhere", "list"]) == 2
    assert capsys.readouterr().err == (
        "brainsets: --directory: nowhere: No such file or directory.\n"
    )


def test_a_variable_that_is_not_set_is_no_folder(home, capsys):
    folders = ["--raw-dir", "$NOWHERE/raw", "--processed-dir", "p"]
    assert main(["config", "set", *folders]) == 2
    assert "variable NOWHERE, which is not set" in capsys.readouterr().err
    assert not [*Path().iterdir()]


def test_a_folder_with_a_dollar_in_its_name_is_meant(home, monkeypatch):
    here = Path("$DATA").absolute()
    here.mkdir()
    monkeypatch.chdir(here)
    assert main(["config", "set", "--raw-dir", "r", "--processed-dir", "p"]) == 0
    assert stored(home)["raw_dir"] == f"{here}/r"
    assert configured_folder("raw_dir") == here / "r"
    (home / ".brainsets.yaml").write_text("raw_dir: $DATA/r\n")
    assert configured_folder("raw_dir") == home.parent / "data" / "r"
