"""``brainsets init``: what it makes, and what it leaves alone."""

from pathlib import Path

import pytest
import yaml

from brainsets.commands.main import main
from brainsets.planning.settings import read_settings
from brainsets.shared.text.lines import single_line
from tests.helpers.documents import TEXTS, saved_files
from tests.helpers.workspace import ROOT


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_has_what_a_clone_has(here, capsys):
    assert main(["init", "new/project"]) == 0
    project = here / "new/project"
    made = {str(p.relative_to(project)) for p in project.rglob("*") if p.is_file()}
    profiles = {str(p.relative_to(ROOT)) for p in ROOT.glob("profiles/*/*")}
    assert made == {"Snakefile", "config/config.yaml", ".gitignore", *profiles}
    for profile in profiles:
        assert (project / profile).read_bytes() == (ROOT / profile).read_bytes()
    assert "cd new/project, then snakemake -n" in capsys.readouterr().out
    [brainset] = read_settings(
        yaml.safe_load((project / "config/config.yaml").read_text())
    ).brainsets.values()
    assert brainset.id == "rokem_grasshopper_auditory_2006"


def test_what_is_there_is_kept(here, capsys):
    (here / "config").mkdir()
    (here / "config/config.yaml").write_text("mine")
    (here / "Snakefile").symlink_to("nowhere")
    assert main(["init"]) == 0
    assert (here / "config/config.yaml").read_text() == "mine"
    assert not (here / "nowhere").exists()
    printed = capsys.readouterr().out
    assert "kept config/config.yaml, which was there" in printed
    assert "kept Snakefile" in printed and "made .gitignore" in printed
    assert main(["init"]) == 0
    assert "made" not in capsys.readouterr().out


def test_a_pipeline_is_that_of_the_guide_under_another_name(here):
    assert main(["init", "--pipeline", "lab_topic_2024"]) == 0
    guide = saved_files(TEXTS["docs/write_a_pipeline.md"])
    for name in ("pipeline.py", "test_pipeline.py"):
        text = (here / "pipelines/lab_topic_2024" / name).read_text()
        text = text.replace("lab_topic_2024", "my_arithmetic_eeg")
        text = text.replace("TestLabTopic2024", "TestArithmeticEEG")
        assert text == guide[f"../arithmetic_eeg/{name}"]
    [brainset] = read_settings(
        yaml.safe_load((here / "config/config.yaml").read_text())
    ).brainsets.values()
    assert brainset.id == "lab_topic_2024"


@pytest.mark.parametrize(
    "name", ["Lab", "a b", "../x", "", "_a", "a__b", "1a", "é", "a-b"]
)
def test_names_that_are_none_are_refused(here, capsys, name):
    assert main(["init", "--pipeline", name]) == 2
    printed = capsys.readouterr().err
    assert "author_topic_year" in printed and printed.count("\n") == 1
    assert not [*here.iterdir()]


def test_a_place_where_nothing_can_be_made_is_named(here, capsys):
    (here / "file").write_text("")
    assert main(["init", "file/project"]) == 2
    printed = capsys.readouterr().err
    assert "file/project/config/config.yaml cannot be made" in single_line(printed)
    assert Path("file").read_text() == ""


def test_another_workflow_is_not_taken_the_place_of(here, capsys):
    (here / "workflow").mkdir()
    (here / "workflow/Snakefile").write_text("rule mine: pass")
    assert main(["init"]) == 2
    assert "has a workflow of its own" in capsys.readouterr().err
    assert not (here / "config").exists()


def test_another_workflows_snakefile_is_said_to_be_one(here, capsys):
    (here / "Snakefile").write_text("rule mine: pass")
    assert main(["init"]) == 0
    printed = capsys.readouterr().out
    assert "another workflow's" in printed and "Next:" not in printed


def test_a_second_pipeline_is_to_be_added_to_the_settings(here, capsys):
    assert main(["init", "--pipeline", "a_b_2020"]) == 0
    assert "Add to" not in capsys.readouterr().out
    assert main(["init", "--pipeline", "c_d_2021"]) == 0
    assert "config/config.yaml: pipelines/c_d_2021" in capsys.readouterr().out
