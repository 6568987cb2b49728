"""What the documents say is what the code does, and every command in them works."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from settings_table import main as compare_settings_table
from settings_table import settings_table, with_table

from benchmarks.__main__ import NAMES, parsed_options
from brainsets.planning.declaration import read_declaration
from brainsets.planning.settings import read_schema, read_settings
from brainsets.planning.status import STATES
from brainsets.planning.summary import COLUMNS

DOCUMENTS = sorted(
    path
    for folder in ("", "benchmarks", "benchmarks/results", "config", "docs", "profiles")
    for path in (ROOT / folder).glob("*.md")
)
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS
}
README = TEXTS["README.md"]


def blocks(text, language):
    """Return the content of all fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def marked_command(marker):
    pattern = rf"^<!-- command: {marker} -->\n```bash\n(.*?)```$"
    [block] = re.findall(pattern, README, re.M | re.S)
    return block


def saved_files(text):
    """Return the files that a document asks its reader to save, by path."""
    saved = re.findall(
        r"[Ss]ave this as `(\S+)`.*?^```\w+\n(.*?)^```$", text, re.M | re.S
    )
    return dict(saved)


def commands(text):
    return [line for block in blocks(text, "bash") for line in block.splitlines()]


ALL_COMMANDS = [
    pytest.param(command, id=f"{name}: {command[:60]}")
    for name, text in TEXTS.items()
    for command in commands(text)
]


def starting_with(*beginnings):
    return [param for param in ALL_COMMANDS if param.values[0].startswith(beginnings)]


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which somebody has done what the README says, up to failures.

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


def test_settings_table_is_that_of_the_schema(capsys):
    assert compare_settings_table([]) == 0, capsys.readouterr().out


def test_settings_table_follows_the_schema():
    schema = json.loads(json.dumps(read_schema()))
    schema["properties"]["downloads"]["default"] = 7
    assert "| `downloads` | whole number from 1 | `7` |" in settings_table(schema)
    assert with_table(TEXTS["config/README.md"], schema) != TEXTS["config/README.md"]


def keys_of(properties, prefix=""):
    for key, part in properties.items():
        yield f"`{prefix}{key}`"
        yield from list(keys_of(part.get("properties", {}), f"{key}: "))


def test_every_setting_is_in_the_table():
    schema = read_schema()
    table = settings_table(schema)
    keys = {*keys_of(schema["properties"])}
    keys |= {*keys_of(schema["$defs"]["settings"]["properties"])}
    for key in keys - {"`catalog`", "`download`", "`process`"}:
        assert f"| {key} |" in table


@pytest.mark.parametrize("name", ["README.md", "config/README.md"])
def test_settings_shown_are_valid(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    shown = blocks(TEXTS[name], "yaml")
    assert shown
    for block in shown:
        read_settings(yaml.safe_load(block))


def slug(heading):
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize("name", TEXTS)
def test_local_links_lead_somewhere(name):
    prose = re.sub(r"^```.*?^```$", "", TEXTS[name], flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name} links to {link}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M)
            assert anchor in map(slug, headings), f"{name} links to {link}"


@pytest.mark.parametrize("name", TEXTS)
def test_no_path_of_one_machine(name):
    assert not re.search(r"(?<![\w.])/(home|tmp|root|Users|work)/", TEXTS[name])


@pytest.mark.parametrize("marker", ["run", "tests"])
def test_readmes_commands_are_single_lines(marker):
    block = marked_command(marker)
    assert block.count("\n") == 1 and block.strip()
    # Both work from nothing, in any order.
    assert block.startswith("python3 -m venv .venv && . .venv/bin/activate && pip ")


def test_readme_starts_with_its_two_commands():
    assert [f"{command}\n" for command in commands(README)[:2]] == [
        marked_command("run"),
        marked_command("tests"),
    ]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_commands_are_shell(shell, command):
    subprocess.run([shell, "-n", "-c", command], check=True)
    assert len(commands(f"```bash\n{command}\n```")) == 1


def test_every_command_is_one_that_a_test_runs_or_that_installs():
    run = ("snakemake ", "python -m brainsets", "python -m benchmarks")
    run = {p.values[0] for p in starting_with(*run)}
    others = {p.values[0] for p in ALL_COMMANDS} - run
    # Of the guide, all are run in order, in test_guide.py.
    others -= {*commands(TEXTS["docs/write_a_pipeline.md"])}
    assert others == {
        marked_command("run").strip(),
        marked_command("tests").strip(),
        "conda env create -f environment.yml",
        "conda activate brainsets-workflow",
        'pip install -e ".[bench]"',
    }


@pytest.mark.parametrize("command", starting_with("snakemake "))
def test_snakemake_commands_are_understood(command, folder):
    assert "Error" not in (folder / "first_run.txt").read_text()
    run = snakemake(folder, "--dry-run", *shlex.split(command)[1:])
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("command", starting_with("python -m brainsets"))
def test_brainsets_commands_are_understood(command, folder):
    words = shlex.split(command)[2:]
    # prepare and the runner start Snakemake in the clone; here they only read options.
    help_only = [] if {"status", "list"} & {*words} else ["--help"]
    run = run_in(folder, *words, *help_only)
    assert run.returncode == 0, run.stdout
    for option in re.findall(r"--[a-z-]+", command if help_only else ""):
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


def test_dry_run_shows_what_the_readme_says(failed_folder):
    arguments = ("--dry-run", "--config", "brainsets=my_pipeline")
    assert "s2 (failed before)" in snakemake(failed_folder, *arguments).stdout
    for reason in ("new", "failed before", "its row changed"):
        assert f"`{reason}`" in README
        assert f'"{reason}"' in (ROOT / "brainsets/planning/pending.py").read_text()


@pytest.mark.parametrize("source", blocks(README, "python"))
def test_python_shown_is_python(source):
    compile(source, "README.md", "exec")


def test_block_of_packages_shown_is_read_as_one():
    [source] = [b for b in blocks(README, "python") if b.startswith("# ///")]
    declaration = read_declaration(Path("README.md"), source)
    assert declaration.python_version and declaration.dependencies


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


def stripped(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def test_picture_of_a_failure_is_what_a_run_prints(failed_folder):
    [picture] = [b for b in blocks(README, "text") if "electrode 7" in b]
    printed = stripped((failed_folder / "first_run.txt").read_text())
    printed = printed.replace(f"{failed_folder}/", "")
    assert stripped(picture) in printed


def test_first_picture_is_a_table_of_the_example():
    from rich.console import Console

    from brainsets.planning.outcome import outcome
    from brainsets.planning.status import BrainsetStatus

    name = "rokem_grasshopper_auditory_2006"
    status = BrainsetStatus(name, Path(name), 2, {"DONE": 2})
    console = Console(width=88, force_terminal=False)
    with console.capture() as captured:
        for part in outcome([status]):
            console.print(part)
    [picture] = [b for b in blocks(README, "text") if f" {name}  " in b]
    assert stripped(picture) == stripped(captured.get())


def test_files_named_in_the_tree_are_there(folder):
    """The tree of the README, but for names of recordings and the environment."""
    [tree] = [b for b in blocks(README, "text") if "└──" in b]
    workflow = folder / "data/processed/my_first_brainset/_workflow"
    named = re.findall(r"── ([\w.]+?)(?:/\S*)?(?:  | *$)", tree, re.M)
    fixed = [n for n in named if "receptor" not in n and n not in ("_workflow", "...")]
    assert {"manifest.tsv", "summary.tsv", "status", "logs"} <= {*fixed}
    for name in fixed:
        path = workflow / name
        in_logs = workflow / "logs" / name
        assert path.exists() or in_logs.exists() or name == "environment", name


def test_everything_in_the_folder_is_explained(failed_folder, folder):
    [section] = re.findall(r"^## Inside `_workflow`\n(.*?)^## ", README, re.M | re.S)
    for root in (folder, failed_folder):
        workflow = root / "data/processed/my_first_brainset/_workflow"
        for path in workflow.iterdir():
            name = f"{path.name}/" if path.is_dir() else path.name
            assert f"`{name}`" in section


def test_every_state_is_explained():
    for state in STATES:
        assert re.search(rf"^\| {state} \| ", README, re.M)
        assert state in TEXTS["docs/status_json.md"]


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


def test_formats_name_every_column_of_the_summary():
    section = TEXTS["docs/status_json.md"].partition("## `summary.tsv`")[2]
    assert re.findall(r"`([a-z_]+)`", section.replace("`str`", "")) == [*COLUMNS]


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
    assert {*rules()} == scripts
    common = (ROOT / "workflow/rules/common.smk").read_text("utf-8")
    for name, text in rules().items():
        [log] = re.findall(r'brainset_file\("logs/(\w+)(?:/\{asset\})?\.log"\)', text)
        assert log == name
        # Its command, in the rule itself or in the function that makes it.
        functions = re.findall(r"command=(\w+)", text)
        for function in functions:
            text += re.search(rf"def {function}\(.*?(?=\n\n\n|\Z)", common, re.S)[0]
        assert re.findall(r"(\w+)\.py\"", text) == [name]


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
    declared = [*project()["dependencies"]]
    declared += sum(project()["optional-dependencies"].values(), [])
    assert {Requirement(text).name for text in declared} == listed - {
        "package",
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
