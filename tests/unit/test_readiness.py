"""What a server does when what its zygote has imported is no longer what is on disk."""

import json
import os
import socket
import sys
from types import SimpleNamespace

import pytest

from brainsets.warm.requests import Request, RunCold
from brainsets.warm.zygote_handle import ZygoteHandle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm processes")


@pytest.fixture
def zygote(tmp_path):
    """A readiness, the zygote's end of its channel, and a file that was imported."""
    imported = tmp_path / "library.py"
    imported.write_text("x = 1\n")
    pipeline = tmp_path / "mine" / "pipeline.py"
    pipeline.parent.mkdir()
    pipeline.write_text("class Pipeline: pass\n")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    life, told = os.pipe()
    job = SimpleNamespace(pipeline=pipeline, timeout_s=None)
    readiness = ZygoteHandle(job, {"process": ours}, os.getpid(), life)
    yield SimpleNamespace(
        readiness=readiness, job=job, channel=theirs, told=told, imported=imported
    )
    for end in (ours, theirs):
        end.close()
    os.close(told)


def report(zygote, **content):
    os.write(zygote.told, json.dumps(content).encode() + b"\n")
    zygote.readiness.hear()


def settle(zygote):
    from brainsets.shared.inputs.code import code_stamp

    stamp = code_stamp(zygote.job.pipeline)
    report(zygote, stamp=stamp, files=[str(zygote.imported)])


def asked(zygote, **environment):
    """A request with the environment of the server, but for what is given."""
    ours = zygote.readiness._environment
    return Request(["python", "process_asset.py"], {**ours, **environment})


def refusal(zygote, **environment):
    request = asked(zygote, **environment)
    with pytest.raises(RunCold) as caught:
        zygote.readiness.check(request, zygote.job)
    return str(caught.value)


def test_fit_until_an_imported_file_changes(zygote):
    assert not zygote.readiness.is_settled
    settle(zygote)
    assert zygote.readiness.is_settled
    zygote.readiness.check(asked(zygote), zygote.job)
    zygote.imported.write_text("x = 22\n")
    zygote.readiness._next_look = 0.0
    assert refusal(zygote) == f"{zygote.imported} has changed since"


def test_steps_that_are_being_watched_are_forked_from_it_no_more(zygote):
    settle(zygote)
    forker = zygote.readiness.forkers["process"]()
    zygote.imported.unlink()
    zygote.readiness.look_at_files()
    ends = os.pipe()
    # None: whoever asks forks for himself.
    assert forker.fork(ends[1], ends[0], "mark") is None
    assert zygote.channel.recv(10) == b""
    for end in ends:
        os.close(end)


def test_other_environment_or_code_is_refused(zygote):
    settle(zygote)
    assert "MY_VARIABLE" in refusal(zygote, MY_VARIABLE="1")
    zygote.job.pipeline.write_text("class Pipeline: x = 1\n")
    assert "code has changed" in refusal(zygote)


def test_obstacle_that_the_zygote_tells_is_passed_on(zygote):
    report(zygote, obstacle="a thread runs")
    assert zygote.readiness.is_settled and refusal(zygote) == "a thread runs"
