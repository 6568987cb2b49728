"""What the documents say is what the code says, and what they show is well-formed."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import tomllib

from brainsets.planning.schema import read_schema
from brainsets.shared.state.status import STATES
from brainsets.shared.state.summary import COLUMNS
from brainsets.sources.declaration import read_declaration
from tests.helpers.documents import (
    ALL_COMMANDS,
    OURS,
    README,
    TEXTS,
    blocks,
    commands,
    marked_command,
    shown,
    starting_with,
    stripped,
)
from tests.helpers.settings_table import main as compare_settings_table
from tests.helpers.settings_table import settings_table, with_table
from tests.helpers.workspace import ROOT


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


def test_one_line_way_needs_no_clone():
    block = marked_command("install")
    assert block.count("\n") == 1
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert block == f"uvx {project['name']} prepare rokem_grasshopper_auditory_2006\n"


def test_readme_starts_with_its_one_line_way_and_its_two_commands():
    assert [f"{command}\n" for command in commands(README)[:3]] == [
        marked_command("install"),
        marked_command("run"),
        marked_command("tests"),
    ]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_commands_are_shell(shell, command):
    subprocess.run([shell, "-n", "-c", command], check=True)
    assert len(commands(f"```bash\n{command}\n```")) == 1


def test_every_command_is_one_that_a_test_runs_or_that_installs():
    run = ("snakemake ", *OURS, "python -m benchmarks")
    run = {p.values[0] for p in starting_with(*run)}
    others = {p.values[0] for p in ALL_COMMANDS} - run
    # Of the guide, all are run in order, in test_guide.py.
    others -= {*commands(TEXTS["docs/write_a_pipeline.md"])}
    assert others == {
        marked_command("run").strip(),
        marked_command("tests").strip(),
        "uv tool install brainsets-workflow",
        "pipx install brainsets-workflow",
        "pip install brainsets-workflow",
        # Into the folder that the command before it has made.
        "cd my_project",
        "conda env create -f environment.yml",
        "conda activate brainsets-workflow",
        'pip install -e ".[bench]"',
        'pip install -e ".[report]"',
    }


@pytest.mark.parametrize("source", shown("python"))
def test_python_shown_is_python(source):
    compile(source, "document", "exec")


def test_blocks_of_packages_shown_are_read_as_such():
    opening = [b for b in shown("python") if b.startswith("# ///")]
    declared = [read_declaration(Path("document"), source) for source in opening]
    assert all(declaration.dependencies for declaration in declared)
    # That of the section on packages, and that of the guide's pipeline.
    assert [bool(d.python_version) for d in declared].count(True) == 1
    assert len(declared) == 2


def test_first_picture_is_a_table_of_the_example():
    from rich.console import Console

    from brainsets.display.status_table import place_lines, status_table
    from brainsets.shared.state.status import BrainsetStatus

    name = "rokem_grasshopper_auditory_2006"
    folder = Path("/path/to/data/processed") / name
    status = BrainsetStatus(name, folder, 2, {"DONE": 2})
    console = Console(width=88, force_terminal=False)
    with console.capture() as captured:
        for part in (*status_table([status]), *place_lines([status])):
            console.print(part, soft_wrap=isinstance(part, str))
    [picture] = [b for b in blocks(README, "text") if f" {name}  " in b]
    assert stripped(picture) == stripped(captured.get())
    places = place_lines(
        [BrainsetStatus("b", folder.parent / "my_first_brainset", 0, {})]
    )
    assert "\n".join(places) + "\n" in blocks(TEXTS["docs/commands.md"], "text")


def test_every_state_is_explained():
    for state in STATES:
        assert re.search(rf"^\| {state} \| ", TEXTS["docs/when_it_fails.md"], re.M)
        assert state in TEXTS["docs/status_json.md"]


def test_map_leads_to_every_page():
    pages = {name for name in TEXTS if name.startswith("docs/")} - {"docs/README.md"}
    pages |= {"README.md", "config/README.md", "benchmarks/README.md"}
    linked = re.findall(r"\]\(([^)#]+)", TEXTS["docs/README.md"])
    linked = [(ROOT / "docs" / link).resolve() for link in linked]
    for page in pages:
        assert linked.count(ROOT / page) == 1, page


def test_readme_is_a_front_page():
    assert len(README.splitlines()) <= 160


def test_formats_name_every_column_of_the_summary():
    section = TEXTS["docs/status_json.md"].partition("## `summary.tsv`")[2]
    assert re.findall(r"`([a-z_]+)`", section.replace("`str`", "")) == [*COLUMNS]
