"""Every pipeline that can be named: its environment, its class, its arguments.

Building all environments takes a few minutes and 2 GB of uv's cache. A plain run of the
tests resolves all of them and builds some; ``WHOLE_CATALOG=1`` builds all but those in
`TOO_LARGE`. What came of it is in docs/catalog.md.
"""

import functools
import json
import os
import re
import shutil
import subprocess

import pytest

from brainsets.errors import EnvironmentBuildError
from brainsets.shared.folders import BrainsetFolder
from brainsets.sources.catalog import catalog, find_pipeline
from brainsets.sources.environments import (
    build_environment,
    interpreter,
    uv_program,
)
from brainsets.sources.pipeline_file import PipelineSource
from brainsets.sources.published import PACKAGES
from tests.helpers.parity.index import skip_without_package
from tests.helpers.workspace import ROOT

PROBE = ROOT / "tests/helpers/parity/loading_probe.py"
DOCUMENT = ROOT / "docs/catalog.md"
PUBLISHED = [f"{e.package}:{e.name}" for e in catalog() if e.package]
# Of each kind one that no other test runs: what the rest adds is mostly time.
BUILT_ALWAYS = {
    "torch_brain:allen_visual_coding_ophys_2016",
    "torch_brain:churchland_shenoy_neural_2012",
    "torch_brain:odoherty_sabes_nonhuman_2017",
    "brainsets:flint_slutzky_accurate_2012",
    "brainsets:kochi_visualnaming_ds006914",
    "brainsets:vollan_moser_alternating_2025",
}
# They bring torch with all that is needed for graphics cards.
TOO_LARGE = {"torch_brain:neuroprobe_2025", "brainsets:neuroprobe_2025"}
# What uv has to be told, as docs/catalog.md tells people.
CONSTRAINT, OVERRIDE = "UV_CONSTRAINT", "UV_OVERRIDE"
MENDED = {
    # allensdk imports a name that statsmodels has dropped.
    "brainsets:allen_visual_coding_ophys_2016": (CONSTRAINT, "statsmodels<0.15"),
    # It declares the main branch of a repository, which may be out of reach.
    "brainsets:kemp_sleep_edf_2013": (OVERRIDE, "temporaldata==0.1.6"),
}
# Flags of their own: which, and what the parser makes of them.
OWN_FLAGS = {
    "allen_visual_coding_ophys_2016": (["--skip-stimuli"], {"skip_stimuli": True}),
    "kemp_sleep_edf_2013": (["--study_type", "sc"], {"study_type": "sc"}),
    **dict.fromkeys(
        (
            "klinzing_sleep_ds005555",
            "kochi_visualnaming_ds006914",
            "shirazi_hbnr1_ds005505",
        ),
        (["--on-version-mismatch", "abort"], {"on_version_mismatch": "abort"}),
    ),
}
# Those that know their assets without asking the archive.
LISTED = {"allen_visual_coding_ophys_2016": 1334}
BASES = {
    "torch_brain": "torch_brain.pipeline.pipeline.BrainsetPipeline",
    "brainsets": "brainsets.pipeline.BrainsetPipeline",
}


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    """Return what a pipeline declares, as its package has it."""

    @functools.cache
    def site(package):
        requirement = f"{package}=={PACKAGES[package].version}"
        skip_without_package(requirement)
        target = tmp_path_factory.mktemp(package)
        install = [uv_program(), "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--target", target, requirement], check=True)
        return target

    def declaration(spec):
        package, _, name = spec.partition(":")
        file = PACKAGES[package].file(site(package), name)
        requirement = f"{package}=={PACKAGES[package].version}"
        return PipelineSource(file).declaration.implying([requirement])

    return declaration


@pytest.fixture
def place(tmp_path):
    """A folder that is gone after the test: environments are large."""
    yield tmp_path / "processed"
    shutil.rmtree(tmp_path / "processed", ignore_errors=True)


def resolved(declaration) -> list[str]:
    """Return the packages that its environment would have, each at its version."""
    done = subprocess.run(
        [
            *(uv_program(), "pip", "compile", "--quiet", "--no-header", "-"),
            *("--no-annotate", "--python-version", declaration.python_version),
        ],
        input="\n".join(declaration.requirements),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "Git operation failed" in done.stderr:
        address = re.search(r"git\+https://\S+?(?=`)", done.stderr)
        pytest.skip(f"it declares {address[0]}, which cannot be fetched here")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_all_of_both_packages_are_tried():
    assert len(PUBLISHED) == 23
    assert {*BUILT_ALWAYS, *TOO_LARGE, *MENDED} <= set(PUBLISHED)


@pytest.mark.parametrize("spec", PUBLISHED)
def test_environment_resolves(spec, declared):
    packages = resolved(declared(spec))
    package = spec.partition(":")[0].replace("_", "-")
    names = {name.partition("==")[0] for name in packages}
    assert {package, "pandas"} <= names
    assert ("torch" in names) == (spec in TOO_LARGE)


@pytest.mark.parametrize("spec", [spec for spec in PUBLISHED if spec not in TOO_LARGE])
def test_class_loads_and_arguments_parse_in_its_environment(
    spec, place, tmp_path, monkeypatch
):
    if spec not in BUILT_ALWAYS and not os.environ.get("WHOLE_CATALOG"):
        pytest.skip("set WHOLE_CATALOG=1 to build the environments of all pipelines")
    package, _, name = spec.partition(":")
    skip_without_package(f"{package}=={PACKAGES[package].version}")
    if spec in MENDED:
        variable, requirement = MENDED[spec]
        (tmp_path / "mended.txt").write_text(f"{requirement}\n")
        monkeypatch.setenv(variable, str(tmp_path / "mended.txt"))
    source = find_pipeline(spec)
    folder = BrainsetFolder(place / name)
    try:
        build_environment(source, folder)
    except EnvironmentBuildError as error:
        if "there is no Python" not in str(error):
            raise
        pytest.skip(str(error))
    own, expected = OWN_FLAGS.get(name, ([], {}))
    tried = [[], ["--redownload"], ["--reprocess"], own, ["--no-such-flag"]]
    raw_dirs = [tmp_path] if name in LISTED else []
    found = probed(folder, source.file(folder.environment), tried, *raw_dirs)
    assert found["brainset_id"] == name
    assert BASES[package] in found["bases"]
    assert found["methods"] == ["get_manifest", "download", "process"]
    assert found["abstract"] == []
    assert found.get("listed") == LISTED.get(name)
    plain, redownload, reprocess, with_own, wrong = found["answers"]
    defaults = plain["parsed"]
    assert defaults["redownload"] is defaults["reprocess"] is False
    assert redownload["parsed"] == {**defaults, "redownload": True}
    assert reprocess["parsed"] == {**defaults, "reprocess": True}
    assert with_own["parsed"] == {**defaults, **expected}
    assert not own or with_own != plain
    assert "unrecognized arguments: --no-such-flag" in wrong["refused"]


def probed(folder, file, tried, *raw_dirs):
    done = subprocess.run(
        [interpreter(folder), "-I", PROBE, file, json.dumps(tried), *raw_dirs],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_document_has_a_line_for_each_and_says_what_uv_has_to_be_told():
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([a-z_, ]+) \|", text, re.M)
    found = [f"{package}:{name}" for name, all_ in rows for package in all_.split(", ")]
    assert sorted(found) == sorted(PUBLISHED)
    for spec, (variable, requirement) in MENDED.items():
        [told] = [p for p in text.split("\n- ") if p.startswith(f"`{spec}`")]
        assert f"`{requirement}`" in told and f"`{variable}=FILE`" in told
    for package in PACKAGES.values():
        assert f"`{package.name}` {package.version}" in text
