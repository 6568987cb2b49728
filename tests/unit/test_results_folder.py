"""Commands look for results where a run in the same folder leaves them."""

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
    monkeypatch.setattr(configured, "ROOT", tmp_path / "clone")
    return tmp_path


def test_results_are_looked_for_where_a_run_here_would_leave_them(clone):
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
