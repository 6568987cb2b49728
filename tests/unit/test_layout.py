"""The layout of the package: no circles, no arrows upwards, nothing too large."""

import graphlib
from collections import Counter

import pytest
from test_sides import MODULES, PACKAGE, imports

from tests.helpers.workspace import ROOT

# Each room imports only from those on lines above its own, and from itself.
FLOORS = (
    ("errors", "pipeline", "shared"),
    ("archives", "conversion", "sources", "supervision"),
    ("jobs", "planning", "report"),
    ("display", "testing", "training", "verification", "warm"),
    ("commands",),
    ("__main__", "runner"),
)
MAX_LINES = 400
MAX_MODULES = 12


def room(module):
    return module.split(".")[1]


def floor(module):
    return next(number for number, names in enumerate(FLOORS) if room(module) in names)


def graph():
    """Return what each module imports of the package."""
    found = {}
    for module, path in MODULES.items():
        names = {name for name, _, _ in imports(path) if name.startswith("brainsets.")}
        found[module] = (names & MODULES.keys()) - {module}
    return found


GRAPH = graph()


def test_graph_has_arrows():
    # Otherwise the tests below would hold for nothing.
    assert sum(map(len, GRAPH.values())) > 300


def test_no_module_imports_itself_by_way_of_others():
    graphlib.TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("module", [name for name in MODULES if "." in name])
def test_no_module_imports_what_is_above_it(module):
    for name in GRAPH[module]:
        is_below = floor(name) < floor(module) or name == "brainsets.errors"
        # The report is a command's own program, for which it is imported when it runs.
        assert is_below or room(name) == room(module), name


def test_no_folder_imports_itself_by_way_of_others():
    folders = {}
    for module, names in GRAPH.items():
        folder = MODULES[module].parent
        found = folders.setdefault(folder, set())
        # What a folder holds for all its parts, these may use.
        found |= {MODULES[name].parent for name in names} - {folder, *folder.parents}
    graphlib.TopologicalSorter(folders).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_short_enough_to_be_read_at_once(module):
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES


def test_a_folder_is_small_enough_to_be_seen_at_once():
    folders = [path.parent for path in MODULES.values() if path.stem != "__init__"]
    counts = Counter(str(folder.relative_to(PACKAGE)) for folder in folders)
    assert {n: c for n, c in counts.items() if c > MAX_MODULES} == {}


def test_no_two_modules_of_tests_have_one_name():
    # pytest takes the second for the first, and does not run it.
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
