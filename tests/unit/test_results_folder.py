"""Commands look for results where a run in the same folder leaves them."""

from pathlib import Path

import pytest

from brainsets.commands import configured
from brainsets.errors import SettingsError


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with settings, and a folder without, in which somebody is."""
    (tmp_path / "clone" / "config").mkdir(parents=True)
    (tmp_path / "clone" / "config" / "config.yaml").write_text(
        "processed_dir: results\nbrainsets: none\n"
    )
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(configured, "ROOT", tmp_path / "clone")
    return tmp_path


def test_results_are_looked_for_where_a_run_here_would_leave_them(clone):
    assert configured.results_folder() == clone / "here" / "results"
    # Where earlier versions left them, from wherever they were started.
    (clone / "clone" / "results").mkdir()
    assert configured.results_folder() == clone / "clone" / "results"
    (clone / "here" / "results").write_text("no folder")
    assert configured.results_folder() == clone / "clone" / "results"
    (clone / "here" / "results").unlink()
    (clone / "here" / "results").mkdir()
    assert configured.results_folder() == clone / "here" / "results"


def test_settings_of_the_folder_itself_come_first(clone):
    (clone / "here" / "config").mkdir()
    settings = clone / "here" / "config" / "config.yaml"
    settings.write_text(f"processed_dir: {clone / 'elsewhere'}\nbrainsets: none\n")
    assert configured.results_folder() == clone / "elsewhere"
    settings.write_text("processed_dir: [")
    with pytest.raises(SettingsError):
        configured.results_folder()


def test_a_brainset_begun_in_a_clone_goes_on_there(clone):
    assert configured.folder_of_run("b") == Path.cwd()
    (clone / "clone" / "results" / "b" / "_workflow").mkdir(parents=True)
    assert configured.folder_of_run("b") == clone / "clone"
    assert configured.folder_of_run("another") == Path.cwd()
    (clone / "here" / "results" / "b" / "_workflow").mkdir(parents=True)
    assert configured.folder_of_run("b") == Path.cwd()


def test_settings_of_the_folder_decide_where_a_brainset_is_begun(clone):
    (clone / "clone" / "results" / "b" / "_workflow").mkdir(parents=True)
    (clone / "here" / "config").mkdir()
    (clone / "here" / "config" / "config.yaml").write_text("brainsets: none\n")
    assert configured.folder_of_run("b") == Path.cwd()


def test_folders_of_the_user_come_before_those_of_the_clone(clone):
    (clone / "clone" / "results" / "b" / "_workflow").mkdir(parents=True)
    (clone / "home").mkdir()
    stored = clone / "home" / ".brainsets.yaml"
    stored.write_text(f"processed_dir: {clone}/mine\nraw_dir: ~/raw\n")
    assert configured.results_folder() == clone / "mine"
    assert configured.configured_folder("raw_dir") == clone / "home" / "raw"
    assert configured.folder_of_run("b") == Path.cwd()
    (clone / "here" / "config").mkdir()
    settings = clone / "here" / "config" / "config.yaml"
    settings.write_text("processed_dir: here_only\nbrainsets: none\n")
    assert configured.results_folder() == clone / "here" / "here_only"
