"""A failure is written in whatever room there is, and a fork comes to its end."""

import errno
import os
import resource
import signal
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from brainsets.jobs import attempts, full_disk
from brainsets.jobs.attempts import Attempt
from brainsets.shared import files
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.sentinels import read_sentinel
from brainsets.supervision import failures
from brainsets.supervision.forking import fork
from tests.helpers.workspace import ROOT

ATTEMPT = {
    "error": "OSError",
    "message": "[Errno 28] No space left on device",
    "traceback": "line\n" * 500,
    "signal": None,
    "timeout_s": None,
    "transient": False,
}
RECORD = {"asset": "a", "step": "process", "attempt": 3, "attempts": [ATTEMPT] * 3}


@pytest.fixture
def room(monkeypatch):
    """Let files have at most as many bytes, as on a disk that is full."""
    monkeypatch.setattr(full_disk, "_WAITS_S", (0.0, 0.0))

    def limit(size):
        # In place of a signal, the system then says that the file is too large.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    yield limit
    limit(resource.RLIM_INFINITY)


def test_failure_takes_the_room_of_what_is_needed_no_more(tmp_path, room):
    running, failed = tmp_path / "a.RUNNING", tmp_path / "a.FAILED"
    running.write_text("{}\n" * 100)
    room(700)
    full_disk.write_on_full_disk(failed, RECORD, running)
    record = read_sentinel(failed)
    [attempt] = record["attempts"]
    assert attempt["message"] == ATTEMPT["message"] and record["attempt"] == 3
    assert os.listdir(tmp_path) == ["a.FAILED"]


def test_failure_waits_for_room_that_others_give_back(tmp_path, monkeypatch):
    tries, waits = [], []

    def write(path, content):
        tries.append(content)
        if len(waits) < 3:
            raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(full_disk, "write_atomically", write)
    monkeypatch.setattr(full_disk.time, "sleep", waits.append)
    reason = errno.EDQUOT
    full_disk.write_on_full_disk(tmp_path / "a.FAILED", RECORD, tmp_path / "gone")
    assert len(waits) == 3 and max(map(len, tries)) == len(tries[-1])
    # But not for what does not pass.
    waits.clear()
    reason = errno.EROFS
    with pytest.raises(OSError, match="Read-only"):
        full_disk.write_on_full_disk(tmp_path / "a.FAILED", RECORD, tmp_path / "gone")
    assert len(waits) == 1


def test_failure_first_takes_the_room_of_what_the_attempt_has_written(
    tmp_path, monkeypatch, capsys
):
    attempt = SimpleNamespace(
        step="process",
        attempts=[],
        name="a",
        folder=BrainsetFolder(tmp_path),
        identity={},
        measured={"wall_s": 1},
        read=lambda state: {},
    )
    attempt._write_failed = partial(Attempt._write_failed, attempt)
    staging = attempt.folder.staging("a")
    staging.mkdir(parents=True)

    def write(*arguments):
        raise OSError(errno.ENOSPC, "No space left")

    def write_on_full_disk(*arguments):
        assert not staging.exists()
        write()

    monkeypatch.setattr(attempts.sentinels, "write_sentinel", write)
    monkeypatch.setattr(attempts, "write_on_full_disk", write_on_full_disk)
    Attempt.fail(attempt, ATTEMPT)
    assert "cannot be written: [Errno 28] No space left" in capsys.readouterr().err


def test_failure_that_cannot_be_written_is_an_error_of_the_system(tmp_path, room):
    running = tmp_path / "a.RUNNING"
    running.write_text("{}")
    room(10)
    with pytest.raises(OSError):
        full_disk.write_on_full_disk(tmp_path / "a.FAILED", RECORD, running)
    room(resource.RLIM_INFINITY)
    assert files.why_unwritable(tmp_path) is None
    room(10)
    assert files.why_unwritable(tmp_path) == os.strerror(errno.EFBIG)
    assert os.listdir(tmp_path) == ["a.RUNNING"]


def test_file_that_is_written_over_keeps_its_room(tmp_path):
    running, failed = tmp_path / "a.RUNNING", tmp_path / "a.FAILED"
    running.write_bytes(b"x" * 1000)
    inode = running.stat().st_ino
    files.write_over(running, failed, b"short")
    assert failed.read_bytes() == b"short" and failed.stat().st_ino == inode
    assert not running.exists()


def test_log_that_cannot_be_written_is_no_error():
    text = (
        "from brainsets.supervision.failures import failure_from_exception, say\n"
        "say('words')\n"
        "assert failure_from_exception(ValueError('of data'))['message'] == 'of data'\n"
    )
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-c", text], stdout=full, stderr=full, cwd=ROOT
        )
    assert run.returncode == 0
    assert (
        failures.failure_from_exception(ValueError("of data"))["message"] == "of data"
    )


ENDS = {
    "pass": 0,
    "raise OSError(28, 'full')": 1,
    "raise KeyboardInterrupt": 1,
    "sys.exit(7)": 7,
    "sys.exit('words')": 1,
    "sys.stderr.close(); os.close(2); raise MemoryError": 1,
}


@pytest.mark.parametrize("statement", ENDS)
def test_process_that_is_forked_for_one_thing_only_ends(statement):
    script = (
        "import os, sys\n"
        "from brainsets.supervision.forking import fork\n"
        f"def task():\n    {statement}\n"
        "try:\n"
        "    pid = fork(task)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n"
        "except BaseException as error:\n    print('escaped', error, flush=True)\n"
        "finally:\n    print('end of', os.getpid(), flush=True)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT
    )
    assert ("full" in run.stderr) == ("full" in statement), run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == str(ENDS[statement]) and len(lines) == 2, run.stdout


def test_fork_returns_in_the_parent_alone(tmp_path):
    pid = fork((tmp_path / "done").touch)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (tmp_path / "done").exists()
