"""Nothing is newer than what was made from it, whatever the clocks say."""

import json
import os
import socket
import time
from types import SimpleNamespace

import pytest

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.asset_state import asset_state
from brainsets.shared.times import keep_order


def written(path, at):
    path.write_text("x")
    os.utime(path, (at, at))
    return path


def test_what_is_newer_than_what_was_made_of_it_is_set_back(tmp_path):
    made = written(tmp_path / "made", 1000)
    older, newer = written(tmp_path / "older", 999), written(tmp_path / "newer", 9999)
    keep_order(made, [older, tmp_path / "not there", newer])
    assert [p.stat().st_mtime for p in (older, newer, made)] == [999, 1000, 1000]
    keep_order(tmp_path / "not there", [made])
    assert made.stat().st_mtime == 1000


def test_times_finer_than_a_float_are_kept_in_order(tmp_path):
    made, source = written(tmp_path / "made", 1), written(tmp_path / "source", 1)
    os.utime(made, ns=(1, 1_764_000_000_000_000_001))
    os.utime(source, ns=(1, 1_764_000_000_000_000_002))
    keep_order(made, [source])
    assert source.stat().st_mtime_ns == made.stat().st_mtime_ns


HERE = socket.gethostname()


@pytest.mark.parametrize(
    "host, mtime_s, ctime_s, state",
    [
        ("elsewhere", 0, 0, "RUNNING"),
        # A clock that differs by a minute.
        ("elsewhere", 60, 60, "RUNNING"),
        ("elsewhere", -3600, -3600, "INTERRUPTED"),
        # Written before a clock was set back.
        ("elsewhere", 3600, 3600, "INTERRUPTED"),
        # A copy that was made just now, and one of long ago.
        ("elsewhere", 3600, 0, "RUNNING"),
        ("elsewhere", 3600, -3600, "INTERRUPTED"),
        # Here it can be seen whether the process lives.
        (HERE, 3600, 3600, "RUNNING"),
    ],
)
def test_nothing_runs_for_ever_because_of_a_clock(
    tmp_path, monkeypatch, host, mtime_s, ctime_s, state
):
    folder = BrainsetFolder(tmp_path)
    folder.status.mkdir(parents=True)
    running = folder.sentinel("a", "RUNNING")
    running.write_text(json.dumps({"asset": "a", "host": host, "pid": os.getpid()}))
    real, now = os.stat, time.time()

    def stat(path, **options):
        if os.fspath(path) != str(running):
            return real(path, **options)
        mode, size = real(path).st_mode, real(path).st_size
        times = {"st_mtime": now + mtime_s, "st_ctime": now + ctime_s}
        return SimpleNamespace(st_mode=mode, st_size=size, **times)

    monkeypatch.setattr(os, "stat", stat)
    assert asset_state(folder, "a")[0] == state
