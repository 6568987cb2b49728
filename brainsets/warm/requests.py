"""What a client asks a keeper for: a command, with the environment it would run in."""

import os
from dataclasses import dataclass
from pathlib import Path

from brainsets.jobs.job import Job, parse_job

__all__ = ["Request", "RunCold"]


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
