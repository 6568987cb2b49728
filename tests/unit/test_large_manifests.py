"""A long list costs what a run does of it, not what is in it."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brainsets.errors import ManifestError
from brainsets.shared import manifest
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.manifest_schema import Column
from brainsets.shared.state import asset_state, summary
from brainsets.shared.state import status as planning_status
from brainsets.shared.state.status import brainset_status
from brainsets.shared.state.summary import write_summary
from brainsets.shared.text import asset_names
from tests.helpers.sentinel_files import History, Step, write_brainset

STEP = Step(1.0, 1.0, 1.0, 1, "host", "2026-01-31T12:00:00.000+00:00")
MANY = 300_000
# One by one these took 15 s.
MOST_S = 6


def of(folder, count, begun):
    """Write a brainset of which some assets have been begun, by their numbers."""
    stories = {
        f"sub-{n:06}": History(
            begun.get(n, "nothing"), STEP, STEP, 1, [("a", 1)], [("ValueError", "odd")]
        )
        for n in range(count)
    }
    write_brainset(folder, {a: s for a, s in stories.items() if s.how_far != "nothing"})
    rows = "".join(f"{asset}\n" for asset in stories)
    folder.manifest.write_text(f"asset\n{rows}", encoding="utf-8")


def test_hundreds_of_thousands_of_pending_assets_take_seconds(tmp_path):
    folder = BrainsetFolder(tmp_path)
    of(folder, MANY, {3: "done", MANY - 1: "not fetched"})
    began = time.process_time()
    for _ in range(2):
        write_summary(folder)
        told = brainset_status(folder)
    assert time.process_time() - began < MOST_S
    assert told.counts == {"DONE": 1, "FAILED": 1, "PENDING": MANY - 2}
    lines = folder.summary.read_text().split("\n")
    assert len(lines) == MANY + 2
    assert lines[4].startswith("sub-000003\tDONE\ta\t")
    assert lines[5] == "sub-000004\tPENDING" + 12 * "\t"


def test_only_what_has_been_begun_is_looked_at(tmp_path, monkeypatch):
    folder = BrainsetFolder(tmp_path)
    of(folder, 1000, {3: "done", 5: "fetched", 7: "processing"})
    asked = []
    real_name, real_state = asset_names.asset_name, asset_state.asset_state
    monkeypatch.setattr(
        asset_names, "asset_name", lambda a, **kw: asked.append(a) or real_name(a, **kw)
    )

    def state(folder, name, existing):
        asked.append(name)
        return real_state(folder, name, existing)

    for module in (summary, planning_status):
        monkeypatch.setattr(module, "asset_state", state)
    manifest = read_manifest(folder.manifest)
    assert manifest.names["sub-000009"] == "sub-000009"
    write_summary(folder)
    told = brainset_status(folder)
    assert told.counts["PENDING"] == 997
    assert {*asked} == {"sub-000003", "sub-000005", "sub-000007", "sub-000009"}


FIELDS = st.text("ab\\tN", max_size=3)
COLUMNS = [Column("id", "str"), Column("n", "str")]


@given(
    st.lists(st.lists(FIELDS, min_size=1, max_size=3), max_size=5),
    st.sampled_from(["str", "int"]),
)
@example([["a", "b"], ["b", ""]], "str")
@example([["a", "b"], ["a", ""]], "str")
@example([[""], ["a"]], "str")
@example([["\\N", "b"]], "str")
@example([["\\N", "b"]], "int")
def test_rows_read_at_once_are_those_read_one_by_one(tmp_path_factory, rows, kind):
    path = tmp_path_factory.getbasetemp() / "manifest.tsv"
    columns = [Column("id", kind), COLUMNS[1]]
    lines = ["id\tn", *("\t".join(row) for row in rows)]
    at_once = manifest._rows_at_once(lines, columns)
    try:
        expected = manifest._rows_one_by_one(path, lines, columns)
    except ManifestError:
        assert at_once is None
    else:
        assert at_once in (None, expected)
        if at_once is not None:
            assert list(at_once) == list(expected)


def test_ordinary_rows_are_read_at_once(tmp_path, monkeypatch):
    folder = BrainsetFolder(tmp_path)
    of(folder, 3, {})
    monkeypatch.setattr(
        manifest, "_rows_one_by_one", lambda *args: pytest.fail("one by one")
    )
    assert list(read_manifest(folder.manifest).rows) == [
        f"sub-{n:06}" for n in range(3)
    ]
