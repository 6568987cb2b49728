"""How far a run is: events and looks agree, in whatever order they come."""

import json
import os
import tempfile
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from brainsets.display.eta import Pace
from brainsets.display.live_view import AssetLine, BrainsetBar, draw_run
from brainsets.display.progress import BrainsetProgress
from brainsets.display.screens import pause_s
from brainsets.display.units import duration, rate
from brainsets.planning.pending import Pending
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.sentinels import DONE, DOWNLOADED, FAILED, RUNNING

CLOCK = iter(range(1, 10**9))


def put(folder, name, state, **record):
    """Write a sentinel, later than all before it."""
    path = folder.sentinel(name, state)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"asset": name, **record}))
    at = 10**18 + next(CLOCK) * 10**6
    os.utime(path, ns=(at, at))


def failure(step, message):
    attempt = {"error": "ValueError", "message": message}
    return {"step": step, "attempts": [attempt], "log": "a log"}


def planned(folder, assets, **options):
    progress = BrainsetProgress(folder, **options)
    progress.plan(len(assets), [Pending(a, a, "new") for a in assets])
    return progress


def test_sentinels_of_before_are_no_news(tmp_path):
    folder = BrainsetFolder(tmp_path / "apple")
    put(folder, "a", FAILED, **failure("process", "old"))
    put(folder, "b", DONE)
    put(folder, "b", DOWNLOADED)
    put(folder, "up to date", DONE)
    progress = BrainsetProgress(folder)
    pending = [Pending("a", "a", "failed"), Pending("b", "b", "changed", (DONE,))]
    progress.plan(3, pending)
    assert progress.look() == [] and (progress.done, progress.failed) == (1, 0)
    put(folder, "b", DONE)
    put(folder, "a", FAILED, **failure("process", "new"))
    told = {event.asset: event for event in progress.look()}
    assert told["b"].state == DONE and told["a"].failure["message"] == "new"
    assert (progress.done, progress.failed) == (2, 1)
    assert progress.look() == []


def test_each_attempt_that_fails_is_told_once_and_success_takes_it_back(tmp_path):
    folder = BrainsetFolder(tmp_path / "apple")
    progress = planned(folder, ["a"])
    for message in ("first", "second"):
        put(folder, "a", FAILED, **failure("download", message))
        is_known, event = progress.fail("a", 0.0)
        assert is_known and event.failure["message"] == message
        assert progress.look() == [] and progress.failed == 1
    assert progress.finish("a", "download").state == DOWNLOADED
    assert progress.failed == 0
    assert progress.finish("a", "process").state == DONE
    assert progress.finish("a", "process") is None and progress.done == 1


def test_a_download_that_is_heard_of_late_does_not_hide_a_failure(tmp_path):
    folder = BrainsetFolder(tmp_path / "apple")
    progress = planned(folder, ["a"])
    put(folder, "a", DOWNLOADED)
    put(folder, "a", FAILED, **failure("process", "electrode 7"))
    assert progress.fail("a", 0.0)[0]
    assert progress.finish("a", "download") is None and progress.look() == []
    assert progress.failed == 1 and progress.remaining()["process"] == 0


def test_a_job_that_ends_without_a_word_is_not_taken_for_known(tmp_path):
    folder = BrainsetFolder(tmp_path / "apple")
    put(folder, "a", FAILED, **failure("process", "of an earlier run"))
    progress = planned(folder, ["a", "b"])
    assert progress.fail("a", 0.0) == (False, None)
    assert progress.fail("b", 0.0) == (False, None)


def test_of_dead_processes_none_is_shown_as_running(tmp_path):
    folder = BrainsetFolder(tmp_path / "apple")
    progress = planned(folder, ["a", "b"])
    host = os.uname().nodename
    (tmp_path / "apple").mkdir()
    put(folder, "a", RUNNING, step="process", host=host, pid=os.getpid())
    os.utime(folder.sentinel("a", RUNNING))
    put(folder, "b", RUNNING, step="process", host=host, pid=2**22 + 1)
    os.utime(folder.sentinel("b", RUNNING))
    progress.look()
    assert [record["asset"] for record in progress.running] == ["a"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["download", "process", "fail", "look"]),
        )
    ),
    st.booleans(),
)
def test_counts_are_those_of_the_last_word_on_each_asset(events, download_only):
    """Each asset goes through its steps; looks come in between, wherever they like."""
    with tempfile.TemporaryDirectory() as root:
        folder = BrainsetFolder(Path(root))
        progress = planned(folder, list("abc"), download_only=download_only)
        last = dict.fromkeys("abc", None)
        goal = DOWNLOADED if download_only else DONE
        for asset, event in events:
            if event == "look":
                progress.look()
                continue
            if last[asset] == goal:
                continue
            if event == "process" and (download_only or last[asset] is None):
                continue
            if event == "fail":
                step = "download" if last[asset] is None else "process"
                put(folder, asset, FAILED, **failure(step, str(next(CLOCK))))
                progress.fail(asset, 0.0)
                last[asset] = f"{FAILED} {step}"
            elif event == "download" and last[asset] in (None, f"{FAILED} download"):
                put(folder, asset, DOWNLOADED)
                folder.sentinel(asset, FAILED).unlink(missing_ok=True)
                progress.finish(asset, "download")
                last[asset] = DOWNLOADED
            elif event == "process" and last[asset] != f"{FAILED} download":
                put(folder, asset, DONE)
                folder.sentinel(asset, FAILED).unlink(missing_ok=True)
                last[asset] = DONE
        progress.look()
        states = list(last.values())
        assert progress.done == states.count(goal)
        assert progress.failed == sum(str(s).startswith(FAILED) for s in states)


def test_time_left_counts_steps_by_how_long_they_took():
    pace = Pace()
    assert pace.left_s({"download": 2, "process": 2}, 0.0) is None
    pace.begin(1, "download", 1, 0.0)
    pace.end(1, "download", 10.0)
    # Nobody knows how long processing takes.
    assert pace.left_s({"download": 1, "process": 2}, 10.0) is None
    pace.begin(2, "process", 1, 10.0)
    pace.end(2, "process", 40.0)
    # One at a time: 10 s and 2 x 30 s.
    assert pace.left_s({"download": 1, "process": 2}, 40.0) == 70.0
    # A batch of two, half-way: 30 of its 60 s are over, and two jobs ran at once.
    pace.begin(3, "process", 2, 40.0)
    assert pace.left_s({"download": 0, "process": 2}, 70.0) == 30.0
    assert pace.left_s({"download": 0, "process": 0}, 70.0) == 0.0


def test_the_picture_fits_the_terminal():
    bars = [BrainsetBar(f"chewed_apple_{n}_of_2024", 10**n, 3, 2) for n in range(9)]
    assets = [
        AssetLine(
            "chewed_apple_2_of_2024", f"sub-é{n}/a\nb 東京", "process", "x" * 99, n
        )
        for n in range(40)
    ]
    for width, height, unicode in product((40, 80, 200), (6, 24, 60), (True, False)):
        text = draw_run(
            bars, assets, width=width, height=height, more=2, unicode=unicode
        )
        lines = text.plain.split("\n")
        assert len(lines) <= height
        assert max(map(cell_len, lines)) <= width
        assert unicode or text.plain.isascii()
        shown = sum(("é" if unicode else r"\xe9") in line for line in lines)
        assert f"... and {42 - shown} more at work" in text.plain
    small = draw_run(bars, [], width=80, height=4).plain
    assert "more brainsets" in small
    for width, height in product((-1, 1, 5, 12, 24), (0, 1, 2, 3, 9)):
        text = draw_run(bars, assets, width=width, height=height, more=2)
        lines = text.plain.split("\n")
        assert len(lines) <= max(height, 1)
        assert max(map(cell_len, lines)) <= max(width, 1)


def test_a_narrow_terminal_shows_numbers_rather_than_a_bar():
    bar = [BrainsetBar("chewed_apple_of_2024", 10, 3, 2)]
    wide, narrow = (
        draw_run(bar, [], width=width, height=3, unicode=False).plain
        for width in (80, 34)
    )
    assert "==" in wide and "3 of 10 done, 2 failed" in wide
    assert "==" not in narrow and "  3 of 10 done, 2 failed" in narrow
    assert narrow.startswith("chew")


def test_one_failure_among_thousands_is_seen():
    bar = [BrainsetBar("apple", 50_000, 49_999, 1)]
    assert "×" in draw_run(bar, [], width=80, height=5).plain
    plain = draw_run(bar, [], width=80, height=5, unicode=False).plain
    assert plain.isascii() and "=x" in plain


def test_a_dear_look_is_taken_seldom():
    assert pause_s(0.001, 0.5) == 0.5
    # At most one hundredth of a core.
    assert 0.5 / (pause_s(0.5, 0.5) + 0.5) <= 0.01 + 1e-9


def test_durations_and_rates_are_short():
    texts = [duration(s) for s in (0, 59.9, 61, 3723)]
    assert texts == ["0:00", "0:59", "1:01", "1:02:03"]
    texts = [rate(r) for r in (12, 1500, 123_456, 12_345_678, 2.5e9)]
    assert texts == ["12 B/s", "1.5 kB/s", "123 kB/s", "12.3 MB/s", "2.5 GB/s"]
