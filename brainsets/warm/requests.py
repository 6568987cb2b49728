"""What a client asks a server for: a command, with the environment it would run in.

A job that runs a batch on a cluster asks a server of its own.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainsets.jobs.job import Job, parse_job
from brainsets.shared.sockets import socket_path
from brainsets.warm import client

__all__ = ["Request", "RunCold", "run_batch"]


class RunCold(Exception):
    """Why a step has to run cold."""


@dataclass
class Request:
    """One request, as it comes over a socket."""

    command: list[str]
    environment: dict[str, str]

    @classmethod
    def parsed(cls, content: bytes) -> "Request | None":
        """Parse a request; None while it is not complete."""
        header, newline, body = content.partition(b"\n")
        if not newline:
            return None
        words, size = map(int, header.split())
        if len(body) < size:
            return None
        items = [os.fsdecode(item) for item in body.split(b"\0")[:-1]]
        environment = dict(item.split("=", 1) for item in items[words:])
        return cls(items[:words], environment)

    @property
    def script(self) -> int:
        """Where the wrapper stands in the command."""
        return next(n for n, word in enumerate(self.command) if word.endswith(".py"))

    @property
    def rule(self) -> str:
        """The rule whose wrapper it is."""
        return Path(self.command[self.script]).stem

    def job(self) -> Job:
        try:
            return parse_job(self.command[self.script + 1 :])
        except (StopIteration, SystemExit) as error:
            raise RunCold("its command cannot be understood") from error


def run_batch(step: Callable[[Job], int], words: Sequence[str]) -> int:
    """Run a batch as its command line says; return the exit status.

    Parameters
    ----------
    step : callable
        Runs it in this process.
    words : sequence of str
        The arguments of the command line.
    """
    job = parse_job(words)
    if job.brings_warmth and (path := socket_path("batch")):
        return client.main(path, _without_warmth())
    return step(job)


def _without_warmth() -> list[str]:
    """Return the command of this process, as a warm process or none is to run it."""
    words = [sys.executable, *sys.orig_argv[1:]]
    words.remove("--warm")
    return words
