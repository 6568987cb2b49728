"""Whoever types what the documents say gets what they show."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from benchmarks.__main__ import NAMES, parsed_options
from brainsets.planning.settings import read_settings
from tests.helpers.documents import (
    OURS,
    README,
    TEXTS,
    blocks,
    module_and_words,
    saved_files,
    shown,
    starting_with,
    stripped,
)
from tests.helpers.dry_runs import PlannedAsset, planned_assets
from tests.helpers.workspace import ROOT


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **more}


def run_in(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
        timeout=300,
    )


def snakemake(folder, *arguments):
    where = ("--snakefile", ROOT / "Snakefile", "--directory", folder)
    return run_in(folder, "snakemake", *where, *arguments)


TIME_OF_DAY = re.compile(r"^\d\d:\d\d:\d\d ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which somebody has done what the documents say, up to failures.

    Beside it, as beside a clone, there is the pipeline of the guide.
    """
    root = tmp_path_factory.mktemp("reader") / "clone"
    for path, source in saved_files(TEXTS["docs/write_a_pipeline.md"]).items():
        (root / path).resolve().parent.mkdir(parents=True, exist_ok=True)
        (root / path).resolve().write_text(source, encoding="utf-8")
    [source] = [b for b in blocks(README, "python") if "class Pipeline" in b]
    pipeline = root / "my_pipeline" / "pipeline.py"
    pipeline.parent.mkdir()
    pipeline.write_text(source, encoding="utf-8")
    (root / "config").mkdir()
    for name in ("config/config.yaml", "my_settings.yaml"):
        (root / name).write_text("brainsets: my_pipeline\n", encoding="utf-8")
    root.joinpath("first_run.txt").write_text(snakemake(root, "--cores", "2").stdout)
    return root


@pytest.fixture(scope="module")
def failed_folder(folder, tmp_path_factory):
    """The same, but the pipeline has an error for s2."""
    root = tmp_path_factory.mktemp("unlucky reader")
    pipeline = root / "my_pipeline" / "pipeline.py"
    pipeline.parent.mkdir()
    source = (folder / "my_pipeline/pipeline.py").read_text("utf-8")
    opening = "def process(self, download_output):\n"
    assert opening in source
    error = (
        '        if "s2" in str(download_output):\n'
        '            raise ValueError("electrode 7 is missing")\n'
    )
    pipeline.write_text(source.replace(opening, opening + error), encoding="utf-8")
    run = snakemake(root, "--cores", "2", "--config", "brainsets=my_pipeline")
    assert run.returncode == 1, run.stdout
    root.joinpath("first_run.txt").write_text(run.stdout)
    return root


@pytest.mark.parametrize("block", shown("yaml"))
def test_settings_shown_are_valid(block, folder, monkeypatch):
    monkeypatch.chdir(folder)
    read_settings(yaml.safe_load(block))


def test_settings_are_shown():
    for name in ("docs/getting_started.md", "config/README.md"):
        assert blocks(TEXTS[name], "yaml")


@pytest.mark.parametrize("command", starting_with("snakemake "))
def test_snakemake_commands_are_understood(command, folder):
    assert "Error" not in (folder / "first_run.txt").read_text()
    run = snakemake(folder, "--dry-run", *shlex.split(command)[1:])
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("command", starting_with(*OURS))
def test_brainsets_commands_are_understood(command, folder):
    words = module_and_words(command)
    # Others start Snakemake in the clone, or write into the home folder; here they only
    # read options.
    really = words[1] == "list" or words[1] == "status" and "--watch" not in words
    if not really:
        options = [n for n, word in enumerate(words) if word.startswith("-")]
        words.insert(options[0] if options else len(words), "--help")
    run = run_in(folder, *words)
    assert run.returncode == 0, run.stdout
    for option in re.findall(r"--[a-z-]+", "" if really else shlex.join(words)):
        assert option in run.stdout


@pytest.mark.parametrize("command", starting_with("python -m benchmarks"))
def test_benchmark_commands_are_understood(command):
    parsed = parsed_options(shlex.split(command)[3:])
    assert parsed.only is None or {*parsed.only} <= {*NAMES}


def test_readmes_pipeline_makes_what_the_readme_says(folder):
    [named] = re.findall(r"results are `(\S+)/s1.csv` and `s2.csv`", README)
    for name in ("s1.csv", "s2.csv"):
        assert (folder / named / name).is_file()
    assert len((folder / named / "s1.csv").read_text().splitlines()) == 101


def test_dry_run_shows_what_the_page_says(failed_folder):
    arguments = ("--dry-run", "--config", "brainsets=my_pipeline")
    planned = planned_assets(
        snakemake(failed_folder, *arguments).stdout, "my_first_brainset"
    )
    assert planned == {"s2": PlannedAsset("process", "failed before")}
    page = TEXTS["docs/running.md"]
    [table] = [b for b in blocks(page, "text") if "asset  step" in b]
    assert table in snakemake(failed_folder, *arguments).stdout
    for reason in ("new", "failed before", "its row changed"):
        assert f"`{reason}`" in page
        assert f'"{reason}"' in (ROOT / "brainsets/planning/pending.py").read_text()


def test_example_is_read_as_the_readme_does(tmp_path):
    pytest.importorskip("nitime", reason="the recordings come with nitime==0.12.1")
    pytest.importorskip("temporaldata", reason="the files are temporaldata's")
    example = "{pipeline: rokem_grasshopper_auditory_2006, environment: active}"
    config = (f"brainsets=[{example}]", f"processed_dir={tmp_path}/data/processed")
    config += (f"raw_dir={tmp_path}/data/raw",)
    run = snakemake(tmp_path, "--cores", "2", "--config", *config)
    assert run.returncode == 0, run.stdout
    [source] = [b for b in blocks(README, "python") if "temporaldata import" in b]
    (tmp_path / "read.py").write_text(source, encoding="utf-8")
    shown = run_in(tmp_path, "read")
    assert shown.stdout == "[0.0067 0.0099 0.0139]\n"


def test_picture_of_a_failure_is_what_a_run_prints(failed_folder):
    [picture] = [b for b in shown("text") if "FAILED my_first" in b]
    printed = stripped((failed_folder / "first_run.txt").read_text())
    printed = printed.replace(f"{failed_folder}/", "")
    assert stripped(picture) in printed


def test_lines_of_a_run_are_those_shown(failed_folder):
    [told_lines] = [b for b in shown("text") if "process FAILED" in b]
    printed = (failed_folder / "first_run.txt").read_text()
    printed = printed.replace(f"{failed_folder}/", "")
    lines = {TIME_OF_DAY.sub("", line) for line in printed.splitlines()}
    for line in told_lines.splitlines():
        told = TIME_OF_DAY.sub("", line)
        # Which of the two ends first is open.
        told, counts = told.rpartition(" (")[::2]
        assert any(line.startswith(told) for line in lines) and "of 2 done" in counts


def test_files_named_in_the_tree_are_there(folder):
    """The trees, but for names of recordings and the environment."""
    trees = [b for b in shown("text") if "└──" in b]
    # In the README and in docs/files.md.
    assert len(trees) == 2
    workflow = folder / "data/processed/my_first_brainset/_workflow"
    for tree in trees:
        named = re.findall(r"── ([\w.]+?)(?:/\S*)?(?:  | *$)", tree, re.M)
        fixed = [n for n in named if "receptor" not in n]
        fixed = [n for n in fixed if n not in ("_workflow", "...")]
        assert {"manifest.tsv", "summary.tsv", "status", "logs"} <= {*fixed}
        for name in fixed:
            path = workflow / name
            in_logs = workflow / "logs" / name
            assert path.exists() or in_logs.exists() or name == "environment", name


def test_everything_in_the_folder_is_explained(failed_folder, folder):
    section = TEXTS["docs/files.md"].partition("## Inside `_workflow`\n")[2]
    for root in (folder, failed_folder):
        workflow = root / "data/processed/my_first_brainset/_workflow"
        for path in workflow.iterdir():
            name = f"{path.name}/" if path.is_dir() else path.name
            assert f"`{name}`" in section


def keys_in(value):
    """Return all keys of a JSON value, but not those that are data themselves."""
    if isinstance(value, list):
        return {key for item in value for key in keys_in(item)}
    if not isinstance(value, dict):
        return set()
    inner = [v for k, v in value.items() if k != "versions"]
    return {*value, *keys_in(inner)}


def test_formats_name_every_key(failed_folder, folder):
    text = TEXTS["docs/status_json.md"]
    found = set()
    for root in (folder, failed_folder):
        workflow = root / "data/processed/my_first_brainset/_workflow"
        for path in [*workflow.glob("status/*"), workflow / "manifest.schema.json"]:
            found |= keys_in(json.loads(path.read_text("utf-8")))
    processed = failed_folder / "data/processed"
    shown = run_in(ROOT, "brainsets", "status", "--json", "--processed-dir", processed)
    assert shown.returncode == 1
    found |= keys_in(json.loads(shown.stdout))
    assert {"outputs", "handoff", "attempts", "failed", "columns"} <= found
    for key in found:
        assert f"`{key}`" in text, key
