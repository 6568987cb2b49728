"""Kills single processes of a run, chosen at random among the kinds that there are."""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Killer", "kind_of", "living"]

MARK = "BRAINSETS_CAMPAIGN"
"""A variable in the environment of a run, by which all its processes are found."""


@dataclass(frozen=True)
class Process:
    """A process as Linux shows it at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    command: str


def living(mark: str) -> dict[int, Process]:
    """Return all processes that carry a mark, whoever is their parent by now."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if stat[0] in ("Z", "X"):
            continue
        parent, group, session = map(int, stat[1:4])
        pid = int(entry.name)
        found[pid] = Process(pid, parent, group, session, words.decode())
    return found


def kind_of(process: Process, among: dict[int, Process]) -> str:
    """Return what a process is for, as far as that can be seen from outside."""
    command, parent = process.command, among.get(process.parent)
    same = parent is not None and parent.command == command
    leads = process.group == process.pid
    if "warm/main.py" in command:
        if not same:
            return "server"
        above = among.get(parent.parent)
        if above is None or above.command != command:
            return "zygote" if leads else "worker"
        # What a worker forks for itself is as in a cold job.
        if process.session == process.pid:
            return "guardian"
        return "step" if leads else "successor"
    if "build_environment.py" in command:
        return "builder"
    for script in ("download_asset", "process_asset", "download_batch"):
        if f"{script}.py" in command and "warm/client" not in command:
            break
    else:
        script = "process_batch" if "process_batch.py" in command else ""
    if "warm/client" in command:
        return "shell" if "bash" in command.split()[0] else "client"
    if script or "write_manifest.py" in command:
        if "bash" in command.split()[0]:
            return "shell"
        if not same:
            return "wrapper"
        return "guardian" if process.session == process.pid else "step"
    if "snakemake" in command and "--snakefile" in command:
        return "snakemake"
    return "program"


@dataclass
class Killer:
    """Kills as many processes as are wanted, and counts them by their kinds."""

    chance: random.Random
    wanted: int
    counts: Counter = field(default_factory=Counter)

    @property
    def is_content(self) -> bool:
        return sum(self.counts.values()) >= self.wanted

    def strike(self, mark: str) -> None:
        """Kill one process; kinds that were killed less are more likely."""
        among = living(mark)
        kinds: dict[str, list[int]] = {}
        for process in among.values():
            kinds.setdefault(kind_of(process, among), []).append(process.pid)
        if not kinds:
            return
        kind = self.chance.choice(sorted(kinds))
        if self.chance.random() < 0.6:
            # Workers and successors live for moments only, builders for seconds.
            kind = min(sorted(kinds), key=self.counts.__getitem__)
        if kind == "snakemake" and self.chance.random() < 0.9:
            # Or most runs would end before they have begun.
            return
        try:
            os.kill(self.chance.choice(kinds[kind]), signal.SIGKILL)
        except ProcessLookupError:
            return
        self.counts[kind] += 1

    def harass(self, run, mark: str, seconds: float = 60.0) -> None:
        """Kill one after the other until a run has ended, and some of what is left."""
        end = time.monotonic() + seconds
        # Few kills more often than many: after that of a zygote, say, all else is cold.
        most = sum(self.counts.values()) + self.chance.choice((1, 4, 16, 64))
        most = min(most, self.wanted)
        time.sleep(self.chance.uniform(0.5, 4.0))
        while time.monotonic() < end and sum(self.counts.values()) < most:
            self.strike(mark)
            time.sleep(self.chance.choice((0.01, 0.03, 0.1, 0.3)))
            if run.poll() is not None and self.chance.random() < 0.3:
                return
