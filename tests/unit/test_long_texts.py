"""What is told of a failure, a status or an id fits into a table, and into a log."""

import io
import pickle
import sys

import pytest

from brainsets.display.status_table import status_table
from brainsets.errors import PipelineError
from brainsets.jobs.tracker import StatusTracker
from brainsets.pipeline import BrainsetPipeline
from brainsets.shared.state.status import BrainsetStatus, failure_text
from brainsets.shared.text.lines import asset_title
from brainsets.supervision.failures import (
    failure_from_exception,
    failure_from_parent,
    make_failure,
)

LONG = "x" * 10_000_000


@pytest.mark.parametrize("kind", [ValueError, PipelineError])
@pytest.mark.parametrize("text", [LONG, "line\n" * 1_000_000], ids=["line", "lines"])
def test_long_message_makes_neither_log_nor_sentinel_long(monkeypatch, kind, text):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    try:
        raise kind(text)
    except kind as error:
        failure = failure_from_exception(error)
    assert len(failure["message"]) < 5000 and len(failure["traceback"]) < 5000
    assert len(log.getvalue()) < 110_000
    assert "characters left out" in log.getvalue()
    for failure in (failure_from_parent(OSError(text)), make_failure("Killed", text)):
        assert len(failure["message"]) < 5000


def test_long_status_is_cut_for_its_sentinel_and_the_log(capsys):
    written = []
    pipeline = object.__new__(BrainsetPipeline.__class__("P", (), {}))
    tracker = StatusTracker(written.append)
    tracker.update_status("a", LONG)
    assert len(written[0]) <= 500 and written[0].endswith("…")
    pipeline._tracker_handle = None
    BrainsetPipeline.update_status(pipeline, LONG)
    assert len(capsys.readouterr().out) < 600


def test_failures_and_ids_of_any_length_fit_a_table():
    failure = {"error": "E" * 10**6, "message": f"{LONG}\n{LONG}", "step": "process"}
    failure |= {"asset": LONG, "log": "a.log", "transient": False, "attempts": 1}
    assert len(failure_text(failure)) < 700
    running = {"asset": LONG, "step": "process", "status": "\x1b" * 10**6}
    running |= {"started": "now", "host": "h", "pid": 1, "slurm_job": None, "log": ""}
    status = BrainsetStatus("mine", "/nowhere", 3, {"FAILED": 1, "RUNNING": 1})
    status.failures, status.running, status.interrupted = (
        [failure],
        [running],
        [running],
    )
    status.orphaned = [LONG]
    lines = [part for part in status_table([status]) if isinstance(part, str)]
    assert all(len(line) < 3000 for line in lines)
    # For scripts, an id is whole.
    assert status.as_json()["failed"][0]["asset"] == LONG


def test_workers_of_process_get_a_copy_that_tells_nothing_and_a_handoff_none():
    written = []
    tracker = StatusTracker(written.append)
    with pytest.raises(TypeError):
        pickle.dumps(tracker)
    tracker.may_be_copied = True
    pickle.loads(pickle.dumps(tracker)).update_status.remote("a", "at work")
    assert written == []


def test_long_ids_are_shown_by_their_ends():
    shown = asset_title("a" * 10**7 + "\x1b" * 3 + "z")
    assert len(shown) <= 120 and shown[0] == "a" and shown[-1] == "z"
    assert "\x1b" not in shown and "…" in shown
