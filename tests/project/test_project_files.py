"""Rules, dependencies and versions have one name wherever they stand."""

import re
import subprocess
import sys

import tomllib
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from brainsets.shared.version import VERSION
from tests.helpers.documents import TEXTS
from tests.helpers.workspace import ROOT


def rules():
    """Return the text of each rule by its name."""
    found = {}
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        parts = re.split(
            r"^(?:rule|checkpoint) (\w+):$", path.read_text("utf-8"), flags=re.M
        )
        found.update(zip(parts[1::2], parts[2::2]))
    return found


def test_rule_script_and_log_have_one_name():
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    # That one is for the command "brainsets look".
    assert {*rules(), "look_at_asset"} == scripts
    for name, text in rules().items():
        [log] = re.findall(
            r'brainset_file\("logs/(\w+)(?:/\{(?:asset|batch)\})?\.log"\)', text
        )
        assert log == name
        # Its command, in the rule itself or made for the script that is named there.
        commands = re.findall(r"\w+_command\(\"(\w+)\"", text)
        assert commands + re.findall(r"(\w+)\.py\"", text) == [name]


def test_every_rule_is_in_the_documents():
    for name in rules():
        assert re.search(rf"^\| `{name}`", TEXTS["docs/how_it_works.md"], re.M)


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def conda_requirements():
    """Return the requirements of environment.yml by the name they have on PyPI."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    texts, brings_project = [], False
    for entry in entries["dependencies"]:
        if isinstance(entry, dict):
            texts += [text for text in entry["pip"] if not text.startswith("-")]
            brings_project |= any(text.startswith("-e") for text in entry["pip"])
        else:
            # A single "=" is conda's way to say "this version, and what comes in it".
            plain = entry.rpartition("::")[2]
            texts.append(re.sub(r"(?<![=<>!~])=(?!=)([\w.]+)", r"==\1.*", plain))
    found = {}
    for requirement in map(Requirement, texts):
        name = {"snakemake-minimal": "snakemake"}.get(
            requirement.name, requirement.name
        )
        found[name] = requirement.specifier
    return found, brings_project


def test_conda_environment_is_that_of_the_project():
    conda, brings_project = conda_requirements()
    assert conda.pop("python") == SpecifierSet(project()["requires-python"])
    runtime = {r.name: r.specifier for r in map(Requirement, project()["dependencies"])}
    extra = project()["optional-dependencies"]["dev"]
    development = {r.name: r.specifier for r in map(Requirement, extra)}
    for name, specifier in runtime.items():
        if not brings_project:
            assert name in conda
        assert conda.pop(name, specifier) == specifier, name
    for name, specifier in conda.items():
        assert specifier == development[name], name


def test_every_dependency_has_its_reason():
    text = TEXTS["CONTRIBUTING.md"].partition("## Dependencies")[2]
    listed = {
        name
        for row in re.findall(r"^\| ([\w, -]+?) \| ", text, re.M)
        for name in row.split(", ")
    }
    extras = project()["optional-dependencies"].values()
    declared = [*project()["dependencies"], *(text for each in extras for text in each)]
    assert {Requirement(text).name for text in declared} == listed - {
        "package",
        "for a cluster",
        "for reports",
        "for development",
        "for benchmarks",
    }


def test_changelog_has_room_for_what_comes():
    changelog = TEXTS["CHANGELOG.md"]
    assert re.search(r"^## Unreleased$", changelog, re.M)
    assert re.search(r"^### Produced data$", changelog, re.M)


def test_snakefile_asks_for_the_version_that_the_project_depends_on():
    [wanted] = re.findall(r'min_version\("(.+)"\)', (ROOT / "Snakefile").read_text())
    assert f'"snakemake>={wanted},<10"' in (ROOT / "pyproject.toml").read_text()


def test_citation_names_this_version_and_license():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == VERSION
    assert citation["license"] == project()["license"]


def test_pull_requests_run_the_gate_and_each_week_newer_pythons_do():
    flow = yaml.safe_load((ROOT / ".github/workflows/gate.yml").read_text("utf-8"))
    # In YAML, "on" is a word for true.
    assert {"push", "pull_request", "schedule"} <= flow[True].keys()
    for job in flow["jobs"].values():
        assert any(".ci/run" in step.get("run", "") for step in job["steps"])
    pythons = flow["jobs"]["newest"]["strategy"]["matrix"]["python"]
    assert all(Version(python) > Version("3.12") for python in pythons)
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        fields = yaml.safe_load(form.read_text("utf-8"))["body"]
        asked = {field["id"] for field in fields}
        assert asked >= ({"log", "version"} if "wrong" in form.stem else {"version"})


def test_catalogs_find_the_workflow_where_they_look(tmp_path):
    for path in ("Snakefile", "workflow/Snakefile"):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "-s", ROOT / path, "--list-rules"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        names = {line.split(" ")[0] for line in done.stdout.splitlines()}
        assert {*rules(), "all"} <= names
        assert ("everything" in names) == (path != "Snakefile")
    settings = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert settings["usage"]["report"] is True
