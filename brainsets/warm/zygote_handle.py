"""What a keeper knows of the process that has imported the pipeline, its zygote.

A step can be forked from it as long as that is what an interpreter of its own would
import: the same files, with the same environment around it.
"""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from functools import partial

from brainsets.jobs.job import Job
from brainsets.shared.inputs.code import code_stamp
from brainsets.warm.requests import Request, RunCold
from brainsets.warm.zygote_forker import WarmForker

__all__ = ["ZygoteHandle"]

_IMPORT_TIMEOUT_S = 120
# A look at all imported files takes milliseconds, on a network disk much longer.
_BETWEEN_LOOKS_S = 1.0
_SHARE_OF_LOOKS = 0.02
# A shell sets the first for itself; Python sets the last where the locale is C.
_IGNORED_VARIABLES = {"_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE"}


class ZygoteHandle:
    """Whether steps can be forked from a zygote.

    Parameters
    ----------
    job : Job
        Any job of the brainset.
    channels : mapping
        Where requests for a child go in, by kind of step.
    pid, life : int
        The zygote, and the descriptor that its reports come from; -1 once all is over.
    """

    def __init__(
        self, job: Job, channels: Mapping[str, socket.socket], pid: int, life: int
    ) -> None:
        self.pid, self.life = pid, life
        self._job = job
        self._channels = channels
        self._started = time.monotonic()
        self._environment = dict(os.environ)
        self._heard = b""
        self._stamp: str | None = None
        self._obstacle: str | None = None
        self._files: dict[str, tuple[int, ...] | None] = {}
        self._next_look = 0.0

    @property
    def forkers(self) -> dict[str, partial]:
        """Make those who fork the children of steps, by kind of step."""
        return {kind: partial(WarmForker, end) for kind, end in self._channels.items()}

    @property
    def is_settled(self) -> bool:
        """Whether the import is over, with whatever end."""
        return self._stamp is not None or self._obstacle is not None

    def hear(self) -> None:
        """Take in what the zygote reports."""
        content = os.read(self.life, 1 << 16)
        *lines, self._heard = (self._heard + content).split(b"\n")
        for line in lines:
            report = json.loads(line)
            self._obstacle = report.get("obstacle", self._obstacle)
            self._stamp = report.get("stamp", self._stamp)
            self._files |= {file: _identity(file) for file in report.get("files", ())}
        if not content:
            os.close(self.life)
            self.life = -1
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
