"""``recordings``: one table over all that was prepared, opened once."""

import contextlib
import io
import json

import h5py
import pytest

from brainsets.commands.main import main
from brainsets.training import recordings
from tests.helpers.trainable import END, publish, write


def table(root, *options):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(["recordings", "--processed-dir", str(root), *map(str, options)])
    assert code == 0
    return printed.getvalue()


def as_json(root):
    return json.loads(table(root, "--json"))["recordings"]


@pytest.fixture
def apple(tmp_path):
    return publish(tmp_path, "apple", {"a": "a.h5", "b": "sub/b.h5", "c": "notes.txt"})


def test_each_recording_has_a_row_with_what_is_in_it(apple):
    a, b = as_json(apple.root.parent)
    assert (a["brainset"], a["recording"], a["path"]) == ("apple", "a", "a.h5")
    assert (b["recording"], b["path"], b["asset"]) == ("b", "sub/b.h5", "b")
    assert (a["subject"], a["session"]) == ("subject of a", "a")
    assert a["age_days"] is None
    assert a["duration_s"] == END and a["error"] is None
    assert a["splits"]["train"] == pytest.approx(0.7 * END)
    parts = {part["name"]: part for part in a["parts"]}
    assert parts["lfp"]["rate_hz"] == 100 and parts["lfp"]["channels"] == 1
    assert parts["spikes"]["samples"] == 4000 and parts["units"]["channels"] == 2
    assert parts["trials"]["samples"] == 13


def test_what_was_seen_is_not_opened_again(apple, monkeypatch):
    first = as_json(apple.root.parent)
    opened = []
    inner = recordings.in_processes

    def spy(function, items, *more):
        opened.extend(item["path"] for item in items)
        return inner(function, items, *more)

    monkeypatch.setattr(recordings, "in_processes", spy)
    assert as_json(apple.root.parent) == first and opened == []
    # Published anew: another checksum.
    [sentinel] = [p for p in apple.status.iterdir() if '"asset": "a"' in p.read_text()]
    record = json.loads(sentinel.read_text())
    record["outputs"][0]["sha256"] = "1"
    sentinel.write_text(json.dumps(record))
    write(apple.root / "a.h5", "other")
    again = as_json(apple.root.parent)
    assert opened == ["a.h5"] and again[0]["session"] == "other"
    sentinel.unlink()
    assert [row["path"] for row in as_json(apple.root.parent)] == ["sub/b.h5"]


@pytest.mark.parametrize("content", ["", "{", "[]\n{}\n", '{"format": 2}\n', "\0"])
def test_a_broken_memory_is_made_anew(apple, content):
    first = as_json(apple.root.parent)
    recordings.table_file(apple).write_text(content)
    assert as_json(apple.root.parent) == first
    assert len(recordings.table_file(apple).read_text().splitlines()) == 2


def test_what_cannot_be_read_is_said_and_tried_again(apple):
    path = apple.root / "a.h5"
    content = path.read_bytes()
    path.write_bytes(b"no HDF5")
    assert "UNREADABLE apple a.h5: OSError" in table(apple.root.parent)
    path.write_bytes(content)
    assert as_json(apple.root.parent)[0]["error"] is None
    with h5py.File(path, "r+") as file:
        del file.attrs["object"]
    recordings.table_file(apple).unlink()
    assert "not in the layout of temporaldata" in table(apple.root.parent)


def test_forms_agree(apple, tmp_path):
    root = apple.root.parent
    lines = table(root, "--tsv").splitlines()
    header, *rows = [line.split("\t") for line in lines]
    assert len(rows) == 2 and {len(row) for row in rows} == {len(header)}
    first = dict(zip(header, rows[0]))
    assert first["recording"] == "a" and first["parts"].startswith("lfp 1 x 100 Hz")
    text = table(root)
    assert "2 recordings of 2 subjects" in text and "lfp 1 x 100 Hz" in text
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="Parquet needs it")
    table(root, "--parquet", tmp_path / "all.parquet")
    assert len(pd.read_parquet(tmp_path / "all.parquet")) == 2


def test_parquet_without_its_packages_is_told(apple, monkeypatch, capsys):
    from brainsets.commands.results import choice

    monkeypatch.setattr(choice, "find_spec", lambda name: name != "pyarrow" or None)
    where = ["recordings", "--processed-dir", str(apple.root.parent)]
    assert main([*where, "--parquet", "x.parquet"]) == 2
    assert "pip install pyarrow" in capsys.readouterr().err


def test_nothing_prepared_is_said(tmp_path):
    assert "No recordings have been prepared" in table(tmp_path)
