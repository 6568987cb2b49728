"""Runs of Snakemake that need not import it: a server of each test process forks them.

A request is a message with the arguments, the folder and the environment, and two file
descriptors: what is to be stdout and stderr, and a socket for the answers.
"""

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_SERVER = Path(__file__).with_name("fork_server.py")
# What an interpreter looks at when it starts, and never again.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_")


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen]:
    """Start the server; return the socket for requests. It ends when that is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, _SERVER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # numpy starts no threads, which a fork would lose.
            env={**os.environ, "PYTHONPATH": "", "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours, process


def can_fork(environment: dict[str, str]) -> bool:
    """Whether an interpreter would start with this environment as the server did."""

    def read_at_start(variables):
        return {k: v for k, v in variables.items() if k.startswith(_READ_AT_START)}

    return read_at_start(environment) == read_at_start({**os.environ, "PYTHONPATH": ""})


def run_snakemake(
    arguments: list[str], environment: dict[str, str], timeout_s: float
) -> tuple[int, str]:
    """Run ``python -m snakemake`` to its end; return exit status and what it prints."""
    deadline = time.monotonic() + timeout_s
    request = {"arguments": arguments, "cwd": os.getcwd(), "environment": environment}
    answers, asker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output, writer = os.pipe()
    with answers, open(output, "rb", buffering=0) as printed:
        message = json.dumps(request).encode()
        socket.send_fds(_server()[0], [message], [writer, asker.fileno()])
        os.close(writer)
        asker.close()
        pid = int(answers.recv(64))
        try:
            parts = []
            while _is_ready(printed, deadline) and (part := printed.read(2**16)):
                parts.append(part)
            _is_ready(answers, deadline)
            status = int(answers.recv(64))
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            raise
    text = b"".join(parts).decode()
    return status, text.replace("\r\n", "\n").replace("\r", "\n")


def _is_ready(file, deadline: float) -> bool:
    """Wait until there is something to read, or its end."""
    left_s = max(deadline - time.monotonic(), 0)
    poll = select.poll()
    poll.register(file, select.POLLIN)
    if not poll.poll(1000 * left_s):
        raise TimeoutError("the run goes on and on")
    return True
