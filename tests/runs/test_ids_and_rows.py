"""Every id and every cell reaches the pipeline as its manifest had it."""

import datetime
import json
import math
import pickle
import zoneinfo
from pathlib import Path

import pandas as pd
import pytest

from brainsets.shared.text.lines import asset_title
from tests.helpers.small_pipeline import data, write

LONG = "recording of a very long day " * 11
IDS = ["a/b", "..", ".hidden", "run 1", "é", "{x}", "A", "a", "007", LONG[:300]]
IDS += [
    "tab\there",
    "%",
    "~",
    "-",
    "quote'\"s",
    "$HOME",
    "a;b & c",
    "* ?",
    "\\",
    "日本",
    "sub-000" + "0" * 20,
]


def write_manifest(workspace, frame):
    raw_dir = workspace.raw_dir / "cells"
    raw_dir.mkdir(parents=True, exist_ok=True)
    (raw_dir / "manifest.pkl").write_bytes(pickle.dumps(frame))
    return workspace.copy_pipeline("cells")


def read_rows(workspace):
    """Return what process was given, by id: fields, values, and the instance's id."""
    found = {}
    for path in workspace.folder("cells").root.glob("*.pkl"):
        fields, values, asset = pickle.loads(path.read_bytes())
        assert values[0] == asset
        found[asset] = fields, values
    return found


def test_odd_ids_end_done_and_are_spelled_right(workspace):
    pipeline = write_manifest(workspace, pd.DataFrame(index=pd.Index(IDS, name="id")))
    run = workspace.run(str(pipeline))
    assert run.returncode == 0, run.stdout
    assert set(read_rows(workspace)) == set(IDS)
    records = [
        json.loads(path.read_text())
        for path in workspace.folder("cells").status.glob("*.DONE")
    ]
    assert sorted(record["asset"] for record in records) == sorted(IDS)
    # Where people read: the lines of the run, the table of ids, each log.
    for asset in IDS:
        # A line has the beginning and the end of what is longer than a line.
        assert f" cells {asset_title(asset)}: done (" in run.stdout
        assert len(asset_title(asset)) <= 130
    for record in records:
        first = Path(record["log"]).read_text().splitlines()[0]
        assert asset_title(record["asset"]) in first
    summary = workspace.folder("cells").summary.read_text().splitlines()
    assert len(summary) == len(IDS) + 1
    second = workspace.run(str(pipeline))
    assert "Nothing to be done" in second.stdout


def test_failed_odd_ids_are_named_in_the_table_and_in_status(recorder):
    odd = ["a/b", "[red]x[/red]", "{x}", "tab\there", ".."]
    recorder.write_rows([{"id": asset, "behave": "raise"} for asset in odd])
    run = recorder.run(str(recorder.pipeline))
    status = recorder.brainsets("status", "--processed-dir", recorder.processed_dir)
    assert run.returncode == 1 and status.returncode == 1
    for asset in odd:
        line = f"FAILED recorder {asset} (process)".replace("\t", "\\t")
        assert line in run.stdout
        assert line in status.stdout
    as_json = recorder.brainsets(
        "status", "--processed-dir", recorder.processed_dir, "--json"
    )
    [brainset] = json.loads(as_json.stdout)["brainsets"]
    assert sorted(f["asset"] for f in brainset["failed"]) == sorted(odd)


COLUMNS = {
    "text": ["", "NA", "007", "a\tb\nc\r\\", "'\"", "日本 🧠\u200b\x00"],
    "whole": [0, -1, 2**60, 7, 8, 9],
    "real": [0.1, math.nan, math.inf, -math.inf, 5e-324, 1 / 3],
    "flag": [True, False, True, True, False, False],
    "maybe": [None, "x", None, "None", "nan", ""],
    "nullable": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
    "when": pd.to_datetime(["2020-02-01T10:00:00.123456789"] * 6).tz_localize(
        "Europe/Paris"
    ),
    "naive": pd.to_datetime(["2020-02-01"] * 5 + [None]),
    "path": [Path("a/b c"), Path("/x\ty"), Path("."), Path("é"), Path("1"), Path("2")],
    "mixed": [None, 1, "1", 1.0, True, [1, (2, {"k": [None, math.nan]})]],
    "listed": [[], [1], ["a\tb"], [[1.5]], [None], [True]],
    "tuples": [(), (1,), ("a", 2.5), ((1,),), (None,), (False,)],
    "dicts": [{}, {"a": 1}, {1: 2}, {"$x": (1,)}, {"d": Path("p")}, {"é": "\n"}],
    "zoned": [
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")),
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
        pd.Timestamp("2020-01-01", tz="America/New_York"),
        pd.NaT,
        pd.NA,
    ],
    "class": range(6),
    "my col": range(6),
    "_private": range(6),
    5: range(6),
}


def same(one, other):
    """Whether two cells are equal, of one type, with what is not a number alike."""
    if type(other).__module__ == "numpy":
        # itertuples() gives nullable integers as numpy's; a table knows whole numbers.
        other = other.item()
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            same(one[key], other[key]) for key in one
        )
    if isinstance(one, datetime.datetime) and one is not pd.NaT:
        return one == other and str(one.tzinfo) == str(other.tzinfo)
    return one is other or one == other


def test_every_cell_type_reaches_the_pipeline_as_itertuples_gives_it(workspace):
    frame = pd.DataFrame(COLUMNS, index=pd.Index(list("abcdef"), name="session"))
    for column in ("mixed", "zoned", "maybe"):
        frame[column] = pd.Series(COLUMNS[column], index=frame.index, dtype=object)
    pipeline = write_manifest(workspace, frame)
    run = workspace.run(str(pipeline))
    assert run.returncode == 0, run.stdout
    rows = read_rows(workspace)
    for expected in frame.itertuples():
        fields, values = rows[expected.Index]
        assert fields == expected._fields
        for name, value, wanted in zip(fields, values, expected, strict=True):
            assert same(value, wanted), (expected.Index, name, value, wanted)


@pytest.mark.parametrize(
    "index", [[0, 1, 2], [10, 2, 30]], ids=["a plain range", "numbers"]
)
def test_integer_index_stays_an_integer(workspace, index):
    frame = pd.DataFrame({"x": [1, 2, 3]}, index=index)
    pipeline = write_manifest(workspace, frame)
    brainsets = [{"pipeline": str(pipeline), "assets": [str(index[1])]}]
    run = workspace.run(brainsets)
    assert run.returncode == 0, run.stdout
    [(asset, (fields, values))] = read_rows(workspace).items()
    assert asset == index[1] and type(asset) is int
    assert fields == ("Index", "x") and values == (index[1], 2)


def test_empty_manifest_is_allowed_and_says_so(workspace):
    frame = pd.DataFrame({"x": []}, index=pd.Index([], name="id"))
    run = workspace.run(str(write_manifest(workspace, frame)))
    assert run.returncode == 0, run.stdout
    assert "cells: its manifest lists no assets." in run.stdout


class Probe:
    """What a table cannot hold."""


@pytest.mark.parametrize(
    "frame, words",
    [
        ([1, 2], "get_manifest returned a list, not a pandas DataFrame"),
        (pd.DataFrame(index=["a", "b", "a"]), 'the id "a" twice, in rows 1 and 3'),
        (pd.DataFrame(index=["a", None]), "row 2 of the manifest has no id"),
        (
            pd.DataFrame({"probe": [1, {1, 2}]}, index=["s01", "s02"]),
            "asset 's02': column 'probe' holds a set object",
        ),
    ],
    ids=["no DataFrame", "duplicate", "missing", "cell"],
)
def test_broken_manifest_gives_one_sentence(workspace, frame, words):
    run = workspace.run(str(write_manifest(workspace, frame)))
    assert run.returncode == 1
    # When it happens, and in the table at the end.
    first, sentence = [line for line in run.stdout.splitlines() if words in line]
    assert " cells write_manifest: FAILED: " in first
    assert sentence.startswith("FAILED cells write_manifest: ")
    assert "Traceback" not in run.stdout
    assert (
        "Traceback" not in workspace.folder("cells").log("write_manifest").read_text()
    )
    assert not workspace.folder("cells").status.exists()


def test_id_that_differs_only_in_case_leaves_the_other_one_done(workspace):
    pipeline = write(workspace, "")
    ids = workspace.raw_dir / "recorder" / "ids.txt"
    ids.parent.mkdir(parents=True)
    ids.write_text("A b")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.events()
    ids.write_text("A b a")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert workspace.events() == ["download a", "process a"]
    ids.write_text("A b")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert workspace.events() == []
    assert workspace.sentinel("A", "DONE")


def test_respelled_ids_take_their_files_over(workspace):
    body = """
    assets = ["A"]
    def process(self, row):
        (self.processed_dir / "session 1.txt").write_text(row.Index)
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 0
    ids = workspace.raw_dir / "recorder" / "ids.txt"
    ids.write_text("sub-A")
    run = workspace.run(str(pipeline), "--forcerun", "write_manifest")
    assert run.returncode == 0, run.stdout
    assert data(workspace) == {"session 1.txt": "sub-A"}
