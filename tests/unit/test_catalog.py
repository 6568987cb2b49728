"""Which pipeline a name, a prefix or a path means; no package and no network asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from brainsets.errors import SettingsError
from brainsets.planning.schema import read_schema
from brainsets.planning.settings import read_settings
from brainsets.sources.catalog import catalog, find_pipeline
from brainsets.sources.environments import uv_program
from brainsets.sources.imports import imported_packages
from brainsets.sources.pipeline_file import PipelineSource
from brainsets.sources.published import PACKAGES, PublishedPipeline

SHIPPED = "rokem_grasshopper_auditory_2006"
PERICH = "perich_miller_population_2018"
FLINT = "flint_slutzky_accurate_2012"
PIPELINE = """class Pipeline:
    brainset_id = "{}"
"""


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """A working folder with one pipeline in it."""
    (tmp_path / "p" / "one").mkdir(parents=True)
    (tmp_path / "p" / "one" / "pipeline.py").write_text(PIPELINE.format("one_2020"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder of installed packages with published pipelines in it."""
    site = tmp_path / "site-packages"
    for package, name in (("torch_brain", PERICH), ("brainsets", SHIPPED)):
        file = PACKAGES[package].file(site, name)
        file.parent.mkdir(parents=True)
        file.write_text(PIPELINE.format(name))
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    return site


@pytest.mark.parametrize(
    "spec, meant",
    [
        (PERICH, f"torch_brain==0.2.1:{PERICH}"),
        (FLINT, f"brainsets==0.2.2:{FLINT}"),
        (f"brainsets:{PERICH}", f"brainsets==0.2.2:{PERICH}"),
        (f"torch_brain:{PERICH}", f"torch_brain==0.2.1:{PERICH}"),
        (f"brainsets==0.2.0:{PERICH}", f"brainsets==0.2.0:{PERICH}"),
        ("torch_brain==0.3.0:of_tomorrow_2027", "torch_brain==0.3.0:of_tomorrow_2027"),
    ],
)
def test_a_name_or_a_prefix_means_a_pinned_package(spec, meant):
    pipeline = find_pipeline(spec)
    assert isinstance(pipeline, PublishedPipeline)
    assert str(pipeline) == meant
    assert pipeline.brainset_id == meant.rpartition(":")[2]
    # What it is called in full means itself: jobs are told so.
    assert find_pipeline(str(pipeline)) == pipeline


def test_the_settings_can_change_a_version():
    config = {"brainsets": [PERICH, FLINT], "catalog": {"torch_brain": "0.2.0"}}
    settings = read_settings(config)
    assert str(settings.brainsets[PERICH].source) == f"torch_brain==0.2.0:{PERICH}"
    assert str(settings.brainsets[FLINT].source) == f"brainsets==0.2.2:{FLINT}"
    # A version is another code, and needs another environment.
    usual = find_pipeline(PERICH)
    changed = settings.brainsets[PERICH].source
    assert changed.code != usual.code
    assert changed.environment_key != usual.environment_key


def test_defaults_in_the_schema_are_the_versions_whose_names_are_known():
    properties = read_schema()["properties"]["catalog"]["properties"]
    assert {key: part["default"] for key, part in properties.items()} == {
        name: package.version for name, package in PACKAGES.items()
    }


def test_names_are_those_of_the_packages(tmp_path):
    site = tmp_path / "site"
    requirements = [f"{p.name}=={p.version}" for p in PACKAGES.values()]
    fetched = subprocess.run(
        [uv_program(), "pip", "install", "--no-deps", "--target", site]
        + ["--python", sys.executable, *requirements],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert fetched.returncode == 0, fetched.stderr
    for package in PACKAGES.values():
        files = sorted((site / package.folder).glob("*/pipeline.py"))
        assert sorted(package.names) == [file.parent.name for file in files]
        for file in files:
            source = PipelineSource(file)
            # The folder's name is the brainset's id, as planning takes for granted.
            assert source.brainset_id == file.parent.name
            assert package.name in imported_packages([source.text])


def test_list_has_every_name_and_says_which_ships():
    entries = catalog({"brainsets": "0.2.0"})
    sources = {(entry.name, entry.source) for entry in entries}
    assert {(SHIPPED, "ships"), (FLINT, "brainsets 0.2.0")} <= sources
    assert {(PERICH, "torch_brain 0.2.1"), (PERICH, "brainsets 0.2.0")} <= sources
    assert SHIPPED in [entry.name for entry in entries if entry.ships]


@pytest.mark.parametrize(
    "spec, sentence",
    [
        ("perich_miler_population", f"did you mean '{PERICH}'"),
        ("brainsets:perich_miler_population", f"did you mean '{PERICH}'"),
        (f"torch_brain:{FLINT}", "torch_brain 0.2.1 has no pipeline named"),
        (
            f"torchbrain:{PERICH}",
            "must be torch_brain, brainsets, dandi, openneuro or physionet, not "
            "'torchbrain'",
        ),
        (f"torch_brain==:{PERICH}", "there is no pipeline named"),
        (f"torch_brain==latest:{PERICH}", "give one version, such as 0.2.1"),
        ("p/on", "did you mean 'p/one'"),
        ("p", "holds no pipeline.py"),
    ],
)
def test_a_wrong_name_is_told_in_one_sentence(spec, sentence):
    with pytest.raises(SettingsError) as refusal:
        find_pipeline(spec)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_name_goes_before_a_folder_and_a_path_means_the_folder(work):
    for name in (SHIPPED, PERICH):
        (work / name).mkdir()
        (work / name / "pipeline.py").write_text(PIPELINE.format("mine"))
        assert find_pipeline(f"./{name}").path == work / name / "pipeline.py"
    assert "pipelines" in find_pipeline(SHIPPED).path.parts
    assert isinstance(find_pipeline(PERICH), PublishedPipeline)
    assert find_pipeline("p/one").path == work / "p/one/pipeline.py"


def test_the_active_interpreter_has_the_pipeline_or_it_is_told(installed):
    found = find_pipeline(PERICH, active=True)
    assert found.path == PACKAGES["torch_brain"].file(installed, PERICH)
    # What is installed here decides nothing elsewhere.
    assert isinstance(find_pipeline(PERICH), PublishedPipeline)
    assert installed not in find_pipeline(SHIPPED, active=True).path.parents
    with pytest.raises(SettingsError, match="in which brainsets is not installed"):
        find_pipeline(FLINT, active=True)


def test_a_published_pipeline_is_found_in_its_environment():
    settings = read_settings({"brainsets": PERICH, "processed_dir": "data é"})
    brainset = settings.brainsets[PERICH]
    assert brainset.is_isolated
    expected = Path("data é").absolute() / PERICH / "_workflow/environment/pipeline"
    assert brainset.pipeline == expected / "pipeline.py"
