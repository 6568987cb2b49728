"""Scripts of one supervised function each, as its child ends the script it is in."""

import fcntl
import json
import os
import subprocess
import sys
import textwrap

from tests.helpers.waiting import within
from tests.helpers.workspace import ROOT

SCRIPT = """
import json, os, resource, signal, subprocess, sys, time
from dataclasses import asdict
from pathlib import Path

from brainsets.errors import OutputError
from brainsets.supervision import run as supervision
from brainsets.supervision.run import Interrupted, run_supervised

# A crash on purpose leaves no core file behind.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
here = Path(sys.argv[1])
# The first beat says that the parent watches, and is ready to be stopped.
options = {{"heartbeat": (here / "watched").touch, "heartbeat_s": 0}}
kept = []


def hold():
    "Lock a file in this process and in one that it starts, until both are gone."
    import fcntl

    descriptor = os.open(here / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    kept.append(subprocess.Popen(["sleep", "60"], pass_fds=[descriptor]))
    (here / "held").touch()


{before}


def function():
{body}


try:
    outcome = asdict(run_supervised(function, **options))
except Interrupted as interruption:
    outcome = {{"interrupted": interruption.signum}}
(here / "outcome.json").write_text(json.dumps(outcome))
"""


class Script:
    """A script in a process that runs one function under supervision."""

    def __init__(self, folder, body, before=""):
        self.folder = folder
        body, before = map(textwrap.dedent, (body, before))
        text = SCRIPT.format(body=textwrap.indent(body, "    "), before=before)
        self.process = subprocess.Popen(
            [sys.executable, "-c", text, folder],
            # Buffered as it is for most people, so that what is lost shows.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        """Wait for the end; return the outcome."""
        self.stdout, self.stderr = self.process.communicate(timeout=120)
        path = self.folder / "outcome.json"
        assert path.exists(), self.stderr
        return json.loads(path.read_text())

    def wait_for(self, name):
        path = self.folder / name
        assert within(20, path.exists), name
        return path

    def wait_for_hold(self):
        """Wait until the function has called hold(), and its parent watches it."""
        self.wait_for("held")
        self.wait_for("watched")

    def is_held(self):
        """Whether a process that called hold(), or the one it started, still lives."""
        with open(self.folder / "lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def ended(start, body, before=""):
    script = start(body, before)
    return script.end(), script


def failure(start, body, before=""):
    """Return the failure with which a function ends."""
    outcome, _ = ended(start, body, before)
    assert outcome["result"] is None
    return outcome["failure"]
