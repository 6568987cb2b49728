"""``check``: finds what would stop a training loop, and reads windows of the rest."""

import contextlib
import io
import json
import os
import shutil
import sys

import h5py
import numpy as np
import pytest

from brainsets.commands.main import main
from brainsets.training.windows import draw
from tests.helpers.trainable import END, RATE, SPIKES, publish, write


def check(root, *options):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(["check", "--processed-dir", str(root), *map(str, options)])
    return code, printed.getvalue()


def as_json(root, *options):
    code, text = check(root, "--json", *options)
    return code, json.loads(text)


@pytest.fixture
def apple(tmp_path):
    return publish(tmp_path, "apple", {"a": "a.h5", "b": "b.h5", "c": "notes.txt"})


def test_recordings_that_can_be_trained_on_are_fit(apple):
    code, found = as_json(apple.root.parent, "--windows", 7)
    [brainset] = found["brainsets"]
    assert code == 0 and brainset["others"] == 1
    assert [(f["path"], f["problems"], f["notes"]) for f in brainset["files"]] == [
        ("a.h5", [], []),
        ("b.h5", [], []),
    ]
    assert all(f["windows"] == 7 and f["window_s"] > 0 for f in brainset["files"])
    code, text = check(apple.root.parent)
    assert code == 0 and "UNFIT" not in text


def break_sorted_times(file):
    file["spikes/timestamps"][:2] = [5.0, 1.0]


def break_splits(file):
    file["test_domain/start"][0] = 0.0


def break_root(file):
    del file.attrs["absolute_start"]


def break_ids(file):
    del file["session"].attrs["id"]


@pytest.mark.parametrize(
    "damage, words",
    [
        (break_sorted_times, "times are not sorted"),
        (break_splits, "they overlap, so tests would see training"),
        (break_root, "absolute_start"),
        (break_ids, "session.id: there is none"),
    ],
)
def test_what_would_stop_training_is_said(apple, damage, words):
    with h5py.File(apple.root / "b.h5", "r+") as file:
        damage(file)
    code, text = check(apple.root.parent)
    assert code == 1 and "UNFIT" in text and words in text
    _, found = as_json(apple.root.parent)
    a, b = found["brainsets"][0]["files"]
    assert a["problems"] == [] and any(words in problem for problem in b["problems"])


@pytest.mark.parametrize("spoil", [b"", b"not HDF5", None], ids=str)
def test_files_that_cannot_be_read_are_unfit(apple, spoil):
    path = apple.root / "b.h5"
    path.unlink()
    if spoil is not None:
        path.write_bytes(spoil)
    code, text = check(apple.root.parent)
    said = "It is not there" if spoil is None else "It cannot be read as HDF5"
    assert code == 1 and f"UNFIT apple b.h5 (b): {said}: " in text


def test_recording_ids_are_unique(tmp_path):
    publish(tmp_path, "apple", {"a": "x.h5", "b": "sub/x.h5"})
    code, text = check(tmp_path)
    assert code == 1 and "its recording id, 'x', is also that of sub/x.h5" in text


def test_sessions_in_several_brainsets_are_told(tmp_path):
    publish(tmp_path, "apple", {"a": "x.h5"})
    publish(tmp_path, "pear", {"a": "x.h5"})
    code, text = check(tmp_path)
    assert code == 0 and "x is the session of recordings in apple, pear" in text
    assert as_json(tmp_path)[1]["shared_sessions"] == {"x": ["apple", "pear"]}


def test_windows_that_are_longer_than_all_are_told(apple):
    code, text = check(apple.root.parent, "--window", 1000)
    assert code == 0 and "no interval of its domain has the 1000 s" in text


def test_windows_hold_what_is_in_their_time(tmp_path, monkeypatch):
    write(tmp_path / "a.h5", "a", gap=(50.0, 61.5))
    seen = []
    from brainsets.training import windows

    inner = windows._window

    def spy(group, begin, end):
        found = inner(group, begin, end)
        if group.name != "/":
            return found
        seen.append((begin, end, dict(found)))
        return found

    monkeypatch.setattr(windows, "_window", spy)
    with h5py.File(tmp_path / "a.h5") as file:
        drawn = draw(file, 200, 1.0, np.random.default_rng(0))
    assert drawn.windows == len(seen) == 200
    n_gaps = 0
    for begin, end, parts in seen:
        times = SPIKES[(SPIKES >= begin) & (SPIKES < end)]
        np.testing.assert_array_equal(parts["spikes.timestamps"], times)
        values = parts["lfp.signal"][:, 0]
        grid = np.arange(int(END * RATE)) / RATE
        grid = grid[(grid >= begin - 1e-9) & (grid < end - 1e-9)]
        assert len(values) == len(grid)
        known = ~np.isnan(values)
        np.testing.assert_allclose(values[known], grid[known])
        n_gaps += not known.all()
        trials = parts.get("trials.start", np.zeros(0))
        expected = [t for t in np.arange(0.0, END - 1, 10) if t < end and t + 5 > begin]
        np.testing.assert_array_equal(trials, expected)
    assert n_gaps > 5 and drawn.missing["lfp.signal"] > 0


def test_wrong_words_are_one_sentence(apple, capsys):
    where = ["check", "--processed-dir", str(apple.root.parent)]
    assert main([*where, "--python", sys.executable]) == 2
    assert "--python is for --train" in capsys.readouterr().err
    assert main([*where, "pear"]) == 2
    for words in (["--window", "0"], ["--window", "x"], ["--windows", "-1"]):
        with pytest.raises(SystemExit):
            main([*where, *words])


def test_training_without_torch_is_told(apple, capsys, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    where = ["check", "--processed-dir", str(apple.root.parent), "--train"]
    assert main([*where, "--python", str(python)]) == 2
    assert "--train needs torch and torch_brain" in capsys.readouterr().err


def test_batches_are_drawn_by_torch_brain(apple):
    pytest.importorskip("torch", reason="batches need torch")
    pytest.importorskip("torch_brain.samplers", reason="torch_brain draws them")
    code, found = as_json(apple.root.parent, "--train")
    splits = found["brainsets"][0]["batches"]["splits"]
    assert code == 0, splits
    assert {*splits} == {"train", "valid", "test"}
    for each in splits.values():
        assert each["recordings"] == 2 and each["windows"] > 0 and each["values"] > 0
    code, text = check(apple.root.parent, "--train")
    assert "batches of train" in text
    with h5py.File(apple.root / "b.h5", "r+") as file:
        break_sorted_times(file)
    code, text = check(apple.root.parent, "--train")
    assert code == 1 and "no batches: 1 of its recordings are unfit" in text
    shutil.rmtree(apple.root)
    assert not os.path.exists(apple.root)


def test_the_report_says_what_cannot_be_trained_on(apple, tmp_path):
    with h5py.File(apple.root / "b.h5", "r+") as file:
        break_sorted_times(file)
    page = tmp_path / "page.html"
    where = ["--processed-dir", str(apple.root.parent), "--output", str(page)]
    assert main(["report", *where, "apple"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "1 of 3 files cannot be trained on" in text
    assert "cannot be trained on: spikes.timestamps: times are not sorted" in text
