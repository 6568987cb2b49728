"""An environment of a published pipeline, built by a uv that writes files alone."""

from pathlib import Path

import pytest

from brainsets.errors import EnvironmentBuildError
from brainsets.shared.folders import BrainsetFolder
from brainsets.sources import environments
from brainsets.sources.environments import build_environment, is_ready
from brainsets.sources.published import PACKAGES, PublishedPipeline

PACKAGE = PACKAGES["brainsets"]
NAME = "of_tomorrow_2027"
SOURCE = PublishedPipeline(PACKAGE, "0.3.0", NAME)
PIPELINE = 'class Pipeline:\n    brainset_id = "{}"\n'


def write_package(site, names):
    for name in names:
        file = PACKAGE.file(site, name)
        file.parent.mkdir(parents=True)
        file.write_text(PIPELINE.format(name))
    return site / PACKAGE.folder


class Uv:
    """Installs a package with these pipelines, for a Python of this version."""

    def __init__(self, fetched=(NAME,), installed=(NAME,), python="3.12"):
        self.fetched, self.installed, self.python = fetched, installed, python
        self.environment = None

    def __call__(self, arguments, failing):
        if arguments[0] == "venv":
            self.environment = arguments[-1]
        elif "--target" in arguments:
            site = Path(arguments[arguments.index("--target") + 1])
            folder = write_package(site, self.fetched)
            # What else lies among the pipelines is none.
            (folder / "helpers").mkdir(parents=True)
            for file in ("__init__.py", "helpers/split.py", "helpers/plot.py"):
                (folder / file).write_text("")
        elif "install" in arguments:
            site = self.environment / f"lib/python{self.python}/site-packages"
            write_package(site, self.installed)
        return ""


@pytest.fixture
def build(tmp_path, monkeypatch):
    def build(uv):
        monkeypatch.setattr(environments, "_uv", uv)
        folder = BrainsetFolder(tmp_path / "processed é" / NAME)
        build_environment(SOURCE, folder)
        return folder

    return build


def test_old_environment_that_cannot_be_removed_is_told(build, tmp_path):
    old = build(Uv()).environment
    elsewhere = old.rename(tmp_path / "elsewhere")
    # Not followed: what it points to is nobody's to remove.
    old.symlink_to(elsewhere)
    sentence = sentence_of(build, Uv())
    assert f"{old} of the old one cannot be removed" in sentence
    assert sentence.endswith("; remove it and run again.")
    assert [*elsewhere.iterdir()]


@pytest.mark.parametrize("python", ["3.10", "3.14"])
def test_pipeline_has_one_place_whatever_the_python(build, python, tmp_path):
    folder = build(Uv(python=python))
    assert is_ready(folder)
    assert SOURCE.file(folder.environment).read_text() == PIPELINE.format(NAME)
    # Data can be moved, with all that belongs to them.
    moved = folder.root.rename(tmp_path / "moved")
    assert SOURCE.file(BrainsetFolder(moved).environment).is_file()


def sentence_of(build, uv):
    with pytest.raises(EnvironmentBuildError) as refusal:
        build(uv)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{NAME}: the environment cannot be built: ")
    return sentence


def test_pipeline_that_was_not_installed_is_told(build, tmp_path):
    # As when its block asks for the package from somewhere else.
    sentence = sentence_of(build, Uv(installed=("another_2020",)))
    assert f"the brainsets that was installed has no pipeline {NAME!r}" in sentence
    assert not is_ready(BrainsetFolder(tmp_path / "processed é" / NAME))


@pytest.mark.parametrize(
    "fetched, hint",
    [
        (("of_tomorow_2027", "zebra_2020"), "did you mean 'of_tomorow_2027'?"),
        (("zebra_2020", "ape_2021"), "it has ape_2021, zebra_2020."),
        ((), "it has none."),
    ],
)
def test_names_that_a_version_has_are_told_once_each(build, fetched, hint):
    sentence = sentence_of(build, Uv(fetched=fetched))
    assert sentence.endswith(f"brainsets==0.3.0 has no pipeline {NAME!r}; {hint}")
