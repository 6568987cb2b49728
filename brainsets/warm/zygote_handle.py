"""What others know of the process that has imported the pipeline, the zygote.

A step can be forked from it as long as that is what an interpreter of its own would
import: the same files, with the same environment around it.
"""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from functools import partial

from brainsets.jobs.job import Job
from brainsets.shared.inputs.code import code_stamp
from brainsets.supervision.run import ChildExit
from brainsets.warm.requests import Request, RunCold

__all__ = ["DESCRIPTORS", "END", "PID", "WarmForker", "ZygoteHandle"]

PID = struct.Struct("=q")
END = struct.Struct("=qdd?")
DESCRIPTORS = 5
"""How many come with a request: for news, results and start, and two streams."""

# A process with much memory is forked in milliseconds; this one is not well.
_FORK_TIMEOUT_S = 60
_IMPORT_TIMEOUT_S = 120
# A look at all imported files takes milliseconds, on a network disk much longer.
_BETWEEN_LOOKS_S = 1.0
_SHARE_OF_LOOKS = 0.02
# A shell sets the first for itself; Python sets the last where the locale is C.
_IGNORED_VARIABLES = {"_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE"}


class WarmForker:
    """Has children forked by a zygote; one for each child.

    Parameters
    ----------
    channel : socket
        The end of a zygote's channel that requests go into.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def fork(self, results: int, start: int, mark: str) -> int | None:
        """Return the pid of a new child with our standard streams, None on failure."""
        self._news, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptors = [theirs.fileno(), results, start, 1, 2]
        try:
            socket.send_fds(self._channel, [mark.encode()], descriptors)
        except OSError:
            return None
        finally:
            theirs.close()
        self._news.settimeout(_FORK_TIMEOUT_S)
        message = self._received()
        return PID.unpack(message)[0] if message else None

    def guard(self, mark: str) -> None:
        """Do nothing: the zygote guards the child, as long as this process lives."""

    def ended(self) -> ChildExit | None:
        """Return the end of the child, None while it lives."""
        self._news.settimeout(0)
        try:
            message = self._received()
        except BlockingIOError:
            return None
        if not message:
            return ChildExit(None)
        return ChildExit(*END.unpack(message))

    def wait(self, seconds: float) -> None:
        """Wait for news of the child."""
        select.select([self._news], [], [], seconds)

    def _received(self) -> bytes:
        try:
            return self._news.recv(END.size)
        except BlockingIOError:
            raise
        except OSError:
            return b""

    def close(self) -> None:
        """Take no more news of the child."""
        self._news.close()


class ZygoteHandle:
    """Whether steps can be forked from a zygote.

    Parameters
    ----------
    job : Job
        Any job of the brainset.
    channels : mapping
        Where requests for a child go in, by kind of step.
    pid, reports : int
        The zygote, and the descriptor that its reports come from.
    """

    def __init__(
        self, job: Job, channels: Mapping[str, socket.socket], pid: int, reports: int
    ) -> None:
        self.pid, self._reports = pid, reports
        self._job = job
        self._channels = channels
        self._started = time.monotonic()
        self._environment = dict(os.environ)
        # With all its successors.
        self.has_ended = False
        self._heard = b""
        self._stamp: str | None = None
        self._obstacle: str | None = None
        self._files: dict[str, tuple[int, ...] | None] = {}
        self._next_look = 0.0

    @property
    def forkers(self) -> dict[str, Callable[[], WarmForker]]:
        """Make those who fork the children of steps, by kind of step."""
        return {kind: partial(WarmForker, end) for kind, end in self._channels.items()}

    @property
    def is_settled(self) -> bool:
        """Whether the import is over, with whatever end."""
        return self._stamp is not None or self._obstacle is not None

    def hear(self) -> None:
        """Take in what the zygote reports."""
        content = os.read(self._reports, 1 << 16)
        *lines, self._heard = (self._heard + content).split(b"\n")
        for line in lines:
            report = json.loads(line)
            self._obstacle = report.get("obstacle", self._obstacle)
            self._stamp = report.get("stamp", self._stamp)
            self._files |= {file: _identity(file) for file in report.get("files", ())}
        if not content:
            os.close(self._reports)
            self.has_ended = True
            died = "it was killed" if self._stamp else "its import ended the process"
            self._obstacle = self._obstacle or died

    def limit_import(self) -> None:
        """End an import that takes too long."""
        limit = min(_IMPORT_TIMEOUT_S, self._job.timeout_s or _IMPORT_TIMEOUT_S)
        if not self.is_settled and time.monotonic() - self._started > limit:
            self._obstacle = f"its import took longer than {limit:g} s"
            os.killpg(self.pid, signal.SIGKILL)

    def look_at_files(self) -> None:
        """Notice when what is imported is no longer what is on disk.

        Then nothing is forked any more, for steps that are being watched either.
        """
        started = time.monotonic()
        if started < self._next_look or self._obstacle or not self._stamp:
            return
        for file, identity in self._files.items():
            if _identity(file) != identity:
                self._obstacle = f"{file} has changed since"
                self._retire()
                break
        took = time.monotonic() - started
        self._next_look = started + max(_BETWEEN_LOOKS_S, took / _SHARE_OF_LOOKS)

    def _retire(self) -> None:
        for channel in self._channels.values():
            # For all processes that hold it: they fork for themselves from now on.
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    def check(self, request: Request, job: Job) -> None:
        """Make sure that the step that a client asks for can be forked.

        Raises
        ------
        RunCold
            It has to run cold; says why.
        """
        self.look_at_files()
        if self._obstacle:
            raise RunCold(self._obstacle)
        for name in {*self._environment, *request.environment} - _IGNORED_VARIABLES:
            given, ours = request.environment.get(name), self._environment.get(name)
            if given != ours and _normal(name, given) != _normal(name, ours):
                raise RunCold(f"{name} in its environment is not that of other jobs")
        if code_stamp(job.pipeline) != self._stamp:
            raise RunCold("the pipeline's code has changed since it was imported")


def _normal(name: str, value: str | None) -> str | None:
    # See set_up_process: a download, with no threads, gets one.
    return "1" if name.endswith("_THREADS") and value == "0" else value


def _identity(file: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
