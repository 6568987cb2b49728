"""Warm processes serve the jobs of their run alone, and end when they should."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers.waiting import within
from tests.helpers.warm_jobs import (
    CLIENT,
    ONLY_ON_LINUX,
    found,
    is_alive,
    sockets,
    write,
)

pytestmark = ONLY_ON_LINUX


@pytest.mark.parametrize("alone", [True, False])
def test_warm_process_ends_when_snakemake_is_killed(workspace, alone):
    wait = "while not (self.raw_dir / 'go').exists(): time.sleep(0.05)"
    limited = [{"pipeline": str(write(workspace, process=wait)), "limit": 1}]
    run = workspace.start(limited, warm=True)
    try:
        path = workspace.raw_dir / "recorder" / "found" / "process a"
        assert within(120, path.exists)
        note = found(workspace, "process", "a")
        assert note["imported_by"] != note["pid"]
    finally:
        (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
        run.wait()
    assert within(60, lambda: not sockets(run.pid))
    if alone:
        # Its jobs go on, and so does what they need.
        assert is_alive(note["pid"])
        (workspace.raw_dir / "recorder" / "go").touch()
        assert within(60, lambda: workspace.sentinel("a", "DONE"))
    for pid in (note["pid"], note["parent"], note["imported_by"]):
        assert within(60, lambda: not is_alive(pid))


@pytest.mark.parametrize("client", [".pl", ".py"])
def test_either_client_tells_how_a_step_ended(jobs, client):
    made = jobs(process="assert asset != 'b'")
    made.client = CLIENT.with_suffix(client)
    status, log = made.both("a")
    assert status == 0 and ", warm" in log
    status, log = made.both("b")
    assert status == 1 and ", warm" in log and "AssertionError" in log
    assert made.found("process", "a")["parent"] == made.found("process", "b")["parent"]


def test_two_clients_at_once_start_one_warm_process(jobs):
    made = jobs()
    started = [made.start("download_asset", asset) for asset in "abcdef"]
    assert [one.wait(timeout=60) for one in started] == [0] * 6
    assert len({made.found("download", a)["imported_by"] for a in "abcdef"}) == 1


# A client on a machine so busy that something comes between two of its system calls.
BUSY_CLIENT = """
import _socket, runpy, sys, time

class Socket(_socket.socket):
    def listen(self, backlog):
        time.sleep(0.5)
        super().listen(backlog)

_socket.socket = Socket
runpy.run_path({client!r}, run_name="__main__")
"""


def test_socket_is_there_once_it_listens(jobs):
    made = jobs()
    client = str(CLIENT.with_suffix(".py"))
    made.client = made.workspace.root / "busy_client.py"
    made.client.write_text(BUSY_CLIENT.format(client=client), encoding="utf-8")
    started = [made.start("download_asset", asset) for asset in "abcd"]
    assert [job.wait(timeout=60) for job in started] == [0] * 4
    assert len({made.found("download", a)["imported_by"] for a in "abcd"}) == 1


@pytest.mark.parametrize("client", [".pl", ".py"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signal_to_a_job_stops_its_step(jobs, client, signum):
    made = jobs(process="print('started', flush=True); time.sleep(600)")
    made.client = CLIENT.with_suffix(client)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    step = made.wait_for_step("a")
    job.send_signal(signum)
    assert job.wait(timeout=60) in (128 + signum, -signum)
    assert within(60, lambda: not is_alive(step))
    assert made.workspace.sentinel("a", "DONE") is None
    assert made.workspace.sentinel("a", "RUNNING")
    if signum != signal.SIGKILL:
        log = made.folder.log("process_asset", "a")
        # Whoever supervises the step says so once it has ended.
        assert within(60, lambda: f"stopped by {signum.name}" in log.read_text())


def test_program_that_leaves_its_group_ends_with_a_killed_job(jobs):
    process = (
        "script = 'while true; do echo x >> out; sleep 0.05; done'; "
        "subprocess.Popen(['sh', '-c', script], cwd=self.processed_dir, "
        "start_new_session=True); time.sleep(600)"
    )
    made = jobs(process=process)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    made.wait_for_step("a")
    out = made.folder.processed("a") / "out"
    assert within(60, out.exists)
    job.kill()
    job.wait()

    def is_quiet():
        size = out.stat().st_size
        time.sleep(0.3)
        return out.stat().st_size == size

    assert within(60, is_quiet)


def server_of(zygote):
    stat = Path(f"/proc/{zygote}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


WAIT = "time.sleep(0 if asset != 'a' else 2)"


def test_killed_server_costs_no_step(jobs):
    made = jobs(process=WAIT)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    made.wait_for_step("a")
    zygote = made.found("process", "a")["imported_by"]
    os.kill(server_of(zygote), signal.SIGKILL)
    assert job.wait(timeout=60) == 0
    assert made.workspace.sentinel("a", "DONE")
    status, log = made.both("b")
    assert status == 0 and "no warm process answers" in log
    assert within(60, lambda: not is_alive(zygote))


def test_killed_warm_process_is_told_and_steps_go_on_cold(jobs):
    made = jobs(process=WAIT)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    step = made.wait_for_step("a")
    os.kill(made.found("process", "a")["imported_by"], signal.SIGKILL)
    assert job.wait(timeout=60) == 1
    [attempt] = made.workspace.sentinel("a", "FAILED")["attempts"]
    assert "the warm process that had started it was killed" in attempt["message"]
    assert within(60, lambda: not is_alive(step))
    status, log = made.both("b")
    assert status == 0 and "it was killed" in log


def test_socket_is_for_this_user_alone(jobs):
    made = jobs()
    # A folder that does not exist yet is made.
    made.socket = made.socket.parent / "new" / made.socket.name
    assert ", warm" in made.both("a")[1]
    assert made.socket.parent.stat().st_mode & 0o777 == 0o700
    made.socket.parent.chmod(0o755)
    status, log = made.both("b")
    assert status == 0 and "is no folder of this user alone" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_somebody_else_is_not_served(jobs):
    made = jobs()
    assert made.both("a")[0] == 0
    # As open as it can be, so that the process itself has to refuse.
    made.socket.chmod(0o777)
    for parent in [made.socket.parent, *made.socket.parents]:
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "$SIG{PIPE} = 'IGNORE'; socket S, 1, 1, 0;"
        "connect S, pack 'S a*', 1, $ARGV[0] or exit 9; syswrite S, qq{1 0\\n};"
        "my $got = sysread S, $b, 9; exit($got ? 1 : 0)"
    )
    command = ["perl", "-e", script, str(made.socket)]
    assert subprocess.run(command, user=65534).returncode == 0
    made.socket.parent.chmod(0o700)
    assert ", warm" in made.both("b")[1]
