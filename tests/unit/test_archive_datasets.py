"""Datasets of archives by their id, and brainsets with an id of their own."""

import json

import pytest

from brainsets.commands.main import main
from brainsets.errors import SettingsError
from brainsets.planning.command_lines import job_command
from brainsets.planning.settings import read_settings
from brainsets.sources import catalog as catalogue
from brainsets.sources.catalog import find_brainset
from tests.helpers.settings import SHIPPED


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "spec, args",
    [
        ("dandi:000140", ["--dandiset", "000140"]),
        ("dandi:000140@draft", ["--dandiset", "000140", "--version", "draft"]),
        (
            "dandi:000140@0.220113.0408",
            ["--dandiset", "000140", "--version", "0.220113.0408"],
        ),
    ],
)
def test_a_dataset_is_its_archives_pipeline_with_arguments(spec, args):
    brainset = find_brainset(spec)
    assert brainset.id == "dandi_000140"
    assert brainset.args == args
    assert brainset.source.path.parts[-2:] == ("dandi", "pipeline.py")
    settings = read_settings({"brainsets": {"pipeline": spec, "args": "--subject 1"}})
    [brainset] = settings.brainsets.values()
    assert brainset.args == [*args, "--subject", "1"]
    assert brainset.folder.root.name == "dandi_000140"


@pytest.mark.parametrize(
    "spec, id, args",
    [
        ("physionet:eegmmidb", "physionet_eegmmidb", ["--project", "eegmmidb"]),
        (
            "physionet:mimic-iv-demo@2.2",
            "physionet_mimic-iv-demo",
            ["--project", "mimic-iv-demo", "--version", "2.2"],
        ),
        ("openneuro:ds005555", "openneuro_ds005555", ["--dataset", "ds005555"]),
        (
            "openneuro:ds005555@1.1.0",
            "openneuro_ds005555",
            ["--dataset", "ds005555", "--version", "1.1.0"],
        ),
    ],
)
def test_other_datasets_are_their_archives_pipelines_with_arguments(spec, id, args):
    brainset = find_brainset(spec)
    assert (brainset.id, brainset.args) == (id, args)
    archive = spec.partition(":")[0]
    assert brainset.source.path.parts[-2:] == (archive, "pipeline.py")


@pytest.mark.parametrize(
    "spec, words",
    [
        ("physionet:", ["a project's name", "physionet:eegmmidb"]),
        ("physionet:EEGMAT", ["lower-case", "'EEGMAT'"]),
        ("physionet:../eegmat", ["lower-case"]),
        ("physionet:eegmat@v1", ["a version of PhysioNet", "'v1'"]),
        ("physionet:eegmat@", ["a version of PhysioNet"]),
        ("dandi:140", ["six digits", "dandi:000140", "'140'"]),
        ("dandi:", ["six digits"]),
        ("dandi:00014٠", ["six digits"]),
        ("dandi:000140\n", ["six digits"]),
        ("dandi:000140@", ["a version of DANDI", "''"]),
        ("dandi:000140@latest", ["a version of DANDI", "'latest'"]),
        ("dandi:000140@1@2", ["'1@2'"]),
        ("dandi", ["say which one", "dandi:ID[@VERSION]"]),
        ("openneuro:5555", ["'ds' and six digits", "openneuro:ds005555", "'5555'"]),
        ("openneuro:ds005555@v1", ["a version of OpenNeuro", "three numbers"]),
        ("dandy:000140", ["torch_brain, brainsets, dandi, openneuro or physionet"]),
    ],
)
def test_a_wrong_dataset_is_told_in_one_sentence(spec, words):
    with pytest.raises(SettingsError) as refusal:
        find_brainset(spec)
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert "\n" not in str(refusal.value)


def test_a_folder_of_that_name_goes_before_a_dataset(work):
    (work / "dandi:000140").mkdir()
    (work / "dandi:000140" / "pipeline.py").write_text(
        'class Pipeline:\n    brainset_id = "mine"\n'
    )
    assert find_brainset("dandi:000140").id == "mine"


def test_one_pipeline_can_be_several_brainsets():
    entries = [
        {"pipeline": SHIPPED, "id": "first"},
        {"pipeline": SHIPPED, "id": "second"},
        SHIPPED,
        "dandi:000140@draft",
        {"pipeline": "dandi:000140@0.220113.0408", "id": "published"},
    ]
    settings = read_settings({"brainsets": entries})
    assert [*settings.brainsets] == [
        *("first", "second", SHIPPED, "dandi_000140", "published"),
    ]
    # A job is told which id the file has, but for those that are called by it.
    own = {
        id: "--own-id" in job_command(settings, "script.py", brainset, "", None)
        for id, brainset in settings.brainsets.items()
    }
    assert [id for id in own if not own[id]] == [SHIPPED]


@pytest.mark.parametrize(
    "entries, words",
    [
        (["dandi:000140", "dandi:000140@draft"], ["'dandi_000140'", "id: ..."]),
        ([SHIPPED, {"pipeline": "dandi:000140", "id": SHIPPED}], [SHIPPED, "id: ..."]),
        ([{"pipeline": SHIPPED, "id": "a/b"}], ["'a/b' cannot name a folder"]),
        ([{"pipeline": SHIPPED, "id": "."}], ["cannot name a folder"]),
        ([{"pipeline": SHIPPED, "id": 3}], ["id is 3", "text"]),
    ],
)
def test_ids_that_cannot_be_are_told_in_one_sentence(entries, words):
    with pytest.raises(SettingsError) as refusal:
        read_settings({"brainsets": entries})
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_list_says_how_a_dataset_is_named(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "dandi:ID[@VERSION]" in [line.split()[0] for line in lines]
    assert main(["list", "--json"]) == 0
    [entry] = [e for e in json.loads(capsys.readouterr().out) if e["name"] == "dandi"]
    assert entry["usage"] == "dandi:ID[@VERSION]" and entry["ships"]
    assert catalogue.ARCHIVES["dandi"].usage == entry["usage"]
