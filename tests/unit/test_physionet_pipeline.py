"""What the pipeline of PhysioNet takes as arguments, and what the document says."""

import re
import sys

import pytest

pytest.importorskip("requests", reason="the pipeline physionet runs here")
pytest.importorskip("temporaldata", reason="the pipeline physionet runs here")

from brainsets.errors import SettingsError
from brainsets.jobs.code.loading import load_pipeline
from tests.helpers.documents import TEXTS
from tests.helpers.workspace import ROOT


@pytest.fixture(scope="module")
def module():
    """The module of the pipeline, as a job imports it."""
    before = sys.path[:]
    load_pipeline(ROOT / "brainsets" / "pipelines" / "physionet" / "pipeline.py")
    yield sys.modules.pop("pipeline_module")
    sys.path[:] = before


def test_every_argument_is_documented(module):
    options = {
        option for one in module.parser._actions for option in one.option_strings
    }
    text = TEXTS["docs/datasets_by_id.md"].partition("## PhysioNet\n")[2]
    table = text.partition("| argument | meaning |")[2].partition("\n\n")[0]
    documented = {*re.findall(r"--[a-z][a-z-]+", table)}
    # The project and its version are named as physionet:NAME@VERSION.
    assert documented == options - {"-h", "--help", "--project", "--version"}


def test_without_a_project_it_says_how_to_name_one(module, tmp_path):
    with pytest.raises(SettingsError, match="physionet:NAME, as in physionet:eegmmidb"):
        module.Pipeline.get_manifest(tmp_path, module.parser.parse_args([]))


@pytest.mark.parametrize(
    "words",
    [
        ["--project", "EEG MMI"],
        ["--project", "../x"],
        ["--version", "draft"],
        ["--subject-pattern", "("],
        ["--rename", "a"],
        ["--fractions", "0.5,0.6"],
        ["--gap", "-1"],
        ["--split", "chance"],
    ],
)
def test_wrong_arguments_are_refused(module, words, capsys):
    with pytest.raises(SystemExit):
        module.parser.parse_args(words)
    assert f"argument {words[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pattern", "record", "subject"),
    [
        (r"SC4(\d\d)", "sleep-cassette/SC4001E0-PSG.edf", "00"),
        (r"p\d+", "p00/p000020/a", "p00"),
        (r"/(x)?y", "a/y", ""),
        ("z", "a/y", ""),
    ],
)
def test_subject_is_what_the_pattern_finds(module, pattern, record, subject):
    assert module.subject_named(record, re.compile(pattern)) == subject
