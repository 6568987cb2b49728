"""The line between planning code and job code: who may import what."""

import ast
import importlib
import subprocess
import sys

import pytest

from tests.helpers.workspace import ROOT

PACKAGE = ROOT / "brainsets"
JOB_CODE = ("jobs", "supervision", "warm", "shared")
PLANNING_CODE = ("planning", "sources", "display")
SIDES = (*JOB_CODE, *PLANNING_CODE)
# Job code runs with what the pipeline's environment has, which may be these alone.
IN_EVERY_ENVIRONMENT = {"pandas", "h5py", "numpy"}
# Only pipelines import these modules, and declare what they need.
# The report has libraries of its own.
FOR_REPORTS = {"jinja2", "markupsafe", "numpy", "h5py", "matplotlib", "PIL"}
FOR_PIPELINES = {
    "archives": {"requests", "urllib3"},
    "conversion": {"numpy", "h5py", "temporaldata", "hdf5plugin", "mne", "soundfile"},
}
# What a file has to be to train on, and who looks at that after a run.
CHECKING = "brainsets.conversion.checking"
FOR_CHECKS = ("training", "testing", "report")
# From the side that imports to the parts of this package that it may import.
ALLOWED = {
    "errors": set(),
    "pipeline": set(),
    "shared": {"shared", "errors"},
    "supervision": {"supervision", "shared", "errors"},
    "jobs": {"jobs", "supervision", "shared", "pipeline", "errors"},
    "warm": {"warm", "jobs", "supervision", "shared", "errors"},
    "sources": {"sources", "shared", "errors"},
    "planning": {"planning", "sources", "shared", "errors"},
    "display": {"display", "planning", "shared", "errors"},
    # What a run has left, and a look at the data: in a process of its own.
    "report": {"report", "conversion", "shared", "errors"},
    # Whether results can be trained on.
    "training": {"training", "conversion", "shared", "errors"},
    # Whether results are what they were, and what a run would find today.
    "verification": {"verification", "planning", "sources", "shared", "errors"},
    "archives": {"archives", "shared", "errors"},
    "conversion": {"conversion", "pipeline", "shared", "errors"},
    # For authors' tests: it plans as a run does, and leaves the rest to real runs.
    "testing": {
        *("testing", "planning", "sources", "conversion", "shared", "errors"),
    },
}
HEAVY = (
    "snakemake rich ray yaml jsonschema packaging pygments numpy pandas h5py requests"
).split()


def modules():
    """Return all modules of the package by name; pipelines are not modules of it."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] != "pipelines":
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def side(module):
    return module.split(".")[1] if "." in module else "__init__"


def imports(path):
    """Yield each import of a file: module name, line, and whether at the top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_top = set()
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            at_top.add(statement)
        elif isinstance(statement, ast.Try):
            at_top.update(statement.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, node in at_top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                known = name if name in MODULES else node.module
                yield known, node.lineno, node in at_top


def foreign(path):
    """Yield the imports that are neither the standard library's nor ours."""
    for name, line, at_top in imports(path):
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names and top != "brainsets":
            yield top, line, at_top


def of_side(*sides):
    return [module for module in MODULES if side(module) in sides]


def test_both_sides_are_there():
    # Otherwise the tests below would hold for nothing.
    for name in SIDES:
        assert len(of_side(name)) > 5
    assert {"brainsets.pipeline", "brainsets.errors"} <= set(MODULES)


@pytest.mark.parametrize("module", of_side(*ALLOWED))
def test_a_module_imports_only_what_its_side_may(module):
    for name, line, _ in imports(MODULES[module]):
        if name.split(".")[0] == "brainsets":
            assert side(name) in ALLOWED[side(module)], f"{module}:{line}: {name}"


@pytest.mark.parametrize("module", of_side(*JOB_CODE, "pipeline", "errors"))
def test_job_code_needs_nothing_that_planning_alone_has(module):
    for name, line, at_top in foreign(MODULES[module]):
        assert name in IN_EVERY_ENVIRONMENT, f"{module}:{line}: {name}"
        assert not at_top, f"{module}:{line}: {name} is imported before it is needed"


@pytest.mark.parametrize("module", of_side(*PLANNING_CODE))
def test_planning_code_imports_nothing_that_belongs_to_data(module):
    for name, line, _ in foreign(MODULES[module]):
        assert name not in IN_EVERY_ENVIRONMENT, f"{module}:{line}: {name}"


@pytest.mark.parametrize("module", of_side("report"))
def test_report_needs_only_what_its_extra_brings(module):
    for name, line, _ in foreign(MODULES[module]):
        assert name in FOR_REPORTS, f"{module}:{line}: {name}"


def test_report_is_imported_by_its_command_alone():
    assert len(of_side("report")) > 3
    for module, path in MODULES.items():
        found = [(n, at_top) for n, _, at_top in imports(path) if side(n) == "report"]
        ours = [at_top for name, at_top in found if name.startswith("brainsets.")]
        if side(module) != "report" and module != "brainsets.commands.report":
            assert not ours, module
        elif side(module) == "commands":
            assert ours == [False], f"{module} imports it before it is needed"


def test_commands_load_nothing_of_the_report():
    # Of a package so named there may be others.
    loaded = loaded_by(
        "import brainsets.commands.main\n"
        "assert not [n for n in sys.modules if n.startswith('brainsets.report')]"
    )
    assert not loaded & {"numpy", "h5py", "matplotlib", "PIL"}


@pytest.mark.parametrize("module", of_side(*FOR_PIPELINES))
def test_what_is_for_pipelines_needs_only_what_they_can_declare(module):
    for name, line, _ in foreign(MODULES[module]):
        assert name in FOR_PIPELINES[side(module)], f"{module}:{line}: {name}"


def test_what_is_for_pipelines_is_imported_by_nothing_else():
    assert of_side(*FOR_PIPELINES)
    for module, path in MODULES.items():
        if side(module) not in FOR_PIPELINES:
            for name, line, _ in imports(path):
                ours = name.split(".")[0] == "brainsets"
                if name == CHECKING and side(module) in FOR_CHECKS:
                    continue
                assert not (ours and side(name) in FOR_PIPELINES), f"{module}:{line}"


@pytest.mark.parametrize("module", MODULES)
def test_only_what_is_for_authors_tests_needs_pytest(module):
    found = [line for name, line, _ in foreign(MODULES[module]) if name == "pytest"]
    assert not found or side(module) == "testing", f"{module}:{found[0]}"


@pytest.mark.parametrize("module", of_side("testing"))
def test_contract_runs_in_an_interpreter_without_data_libraries(module):
    for name, line, at_top in foreign(MODULES[module]):
        assert name in {"pytest", "h5py"}, f"{module}:{line}: {name}"
        assert name == "pytest" or not at_top, f"{module}:{line}: {name}"


def loaded_by(statement):
    """Return the top-level names of all modules that a fresh interpreter then has."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nbefore = set(sys.modules)\n"
            f"{statement}\n"
            "print(*{name.split('.')[0] for name in set(sys.modules) - before})",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["pipeline", "jobs.steps", "jobs.listing", "shared.manifest"]
)
def test_job_code_loads_nothing_heavy(module):
    loaded = loaded_by(f"import brainsets.{module}")
    assert "brainsets" in loaded
    assert not loaded & set(HEAVY)


def test_planning_loads_no_data_library_and_no_job_code():
    # A cluster job parses the Snakefile too: this is paid for every job.
    loaded = loaded_by(
        "import brainsets.planning.run, brainsets.planning.settings\n"
        "rooms = tuple(f'brainsets.{n}' for n in ('jobs', 'supervision', 'warm'))\n"
        "assert not [name for name in sys.modules if name.startswith(rooms)]"
    )
    unwanted = {"numpy", "pandas", "h5py", "ray", "rich", "jsonschema", "matplotlib"}
    assert not loaded & unwanted


def test_the_check_of_loaded_modules_sees_what_is_loaded():
    assert "yaml" in loaded_by("import brainsets.planning.settings")


def test_job_code_runs_without_anything_installed(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            *("-I", "-S", "-c"),
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import brainsets.pipeline, brainsets.jobs.steps, brainsets.jobs.listing",
            ROOT,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", [name for name in MODULES if "__main__" not in name])
def test_every_name_in_all_exists_and_is_listed_once(module):
    found = importlib.import_module(module)
    listed = getattr(found, "__all__", [])
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert hasattr(found, name), name
