"""One attempt at one step of one asset: what is known before it, and what it leaves.

Its sentinels are written here: RUNNING while it lasts, then DOWNLOADED or DONE, or
FAILED with what earlier attempts failed of.
"""

import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from brainsets.jobs.edits_meanwhile import is_same_download
from brainsets.jobs.full_disk import write_on_full_disk
from brainsets.jobs.handoffs import handoff
from brainsets.jobs.job import Job
from brainsets.jobs.tracker import StatusTracker
from brainsets.shared.files import remove_file
from brainsets.shared.manifest import RowText, find_row
from brainsets.shared.state import sentinels
from brainsets.shared.state.asset_state import HEARTBEAT_S
from brainsets.shared.times import keep_order, utc_timestamp
from brainsets.shared.version import VERSION
from brainsets.supervision.failures import say, say_error
from brainsets.supervision.run import Forker, Outcome, run_supervised

__all__ = ["Attempt", "Forkers"]

Forkers = Mapping[str, Callable[[], Forker]]
"""Factories of a step's forkers, by kind of child: download, process, inspect."""

_ATTEMPTS_KEPT = 20


class Attempt:
    """One attempt at one step of one asset, and what is known of earlier ones."""

    def __init__(self, job: Job, step: str, forkers: Forkers | None) -> None:
        self.job = job
        self._forkers = forkers or {}
        self.step = step
        self.folder = job.folder
        self.name = job.asset
        self.log = self.folder.log(f"{step}_asset", self.name)
        self._row: RowText | None = None
        self.run: str | None = None
        self.started, self.started_s = utc_timestamp(), time.monotonic()
        self.outcome = Outcome()
        self.running: dict[str, Any] = {}
        self.tracker: StatusTracker
        self.code_before = "", ""
        self.args = job.recorded_args()
        self.failed = self.read(sentinels.FAILED)
        self.leftover = self.read(sentinels.RUNNING)
        self.attempts = self.failed.get("attempts") or []
        if self.failed.get("step") != step:
            self.attempts = []
        self.number = 1 + max(len(self.attempts), self.leftover.get("attempt") or 0)

    def read(self, state: str) -> dict[str, Any]:
        return sentinels.read_sentinel(self.folder.sentinel(self.name, state)) or {}

    @property
    def is_warm(self) -> bool:
        """Whether its children start with the pipeline imported."""
        return bool(self._forkers)

    @property
    def row(self) -> RowText:
        """The asset's row of the manifest; found by `find_row`."""
        assert self._row is not None
        return self._row

    def find_row(self) -> None:
        """Find the row, or raise ManifestError."""
        self._row = find_row(self.folder.manifest, self.name)

    @property
    def success(self) -> str:
        return sentinels.DONE if self.step == "process" else sentinels.DOWNLOADED

    @property
    def key(self) -> dict[str, Any]:
        """What a download depends on."""
        return {"row": self.row.hash, "args": self.args}

    @property
    def identity(self) -> dict[str, Any]:
        """What says which asset, in which version, this is about."""
        return {
            "asset": self._row.asset if self._row else self.name,
            "brainset": self.job.brainset,
            "step": self.step,
            "row": self._row.hash if self._row else None,
            "args": self.args,
            "code": self.job.code,
            "pipeline": str(self.job.pipeline),
            "attempt": self.number,
            "log": str(self.log),
            "run": self.run,
        }

    @property
    def measured(self) -> dict[str, Any]:
        """What the attempt cost, and where it ran."""
        return {
            "started": self.started,
            "ended": utc_timestamp(),
            "wall_s": round(time.monotonic() - self.started_s, 3),
            "cpu_s": self.outcome.cpu_s,
            "max_rss_mb": self.outcome.max_rss_mb,
            "host": socket.gethostname(),
            "pid": self.running.get("pid"),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "status": self.running.get("status", ""),
        }

    @property
    def has_other_inputs(self) -> bool:
        """Whether the raw files may be of another row or of other arguments."""
        known = handoff.handoff_key(self.folder.handoff(self.name))
        if known is None:
            known = self.read(sentinels.DONE) or self.failed
        if not known:
            return False
        known = {key: known.get(key) for key in self.key}
        return not is_same_download(self.job, known, self.key)

    @property
    def may_have_truncated(self) -> bool:
        """Whether an earlier attempt may have left a part of a raw file."""
        return bool(self.leftover) or self.failed.get("step") == self.step

    def succeed(self, record: dict[str, Any]) -> None:
        record = {**self.identity, **self.measured, **record}
        path = self.folder.sentinel(self.name, self.success)
        sentinels.write_sentinel(path, record, durable=True)
        self.keep_order()
        self._remove(sentinels.RUNNING)
        if self.failed.get("step") == self.step or self.step == "process":
            self._remove(sentinels.FAILED)
        if record.get("skipped") is not None:
            say(f"{self.step}: SKIPPED: {record['skipped']}")
        say(f"{self.step}: {self.success} after {record['wall_s']} s")

    def fail(self, failure: dict[str, Any]) -> None:
        if failure["error"] == "Timeout":
            # A server that hangs may answer next time; a computation takes as long.
            failure["transient"] = self.step == "download"
        attempts = [*self.attempts, {"time": utc_timestamp(), **failure}]
        record = {
            **self.identity,
            **self.measured,
            "versions": {"brainsets-workflow": VERSION},
            "attempts": attempts[-_ATTEMPTS_KEPT:],
        }
        if self.step == "process":
            record["download_run"] = self.read(sentinels.DOWNLOADED).get("run")
        try:
            self._write_failed(record)
        except OSError as error:
            say_error(f"{self.step}: that it has failed cannot be written: {error}")
        say_error(
            f"{self.step}: FAILED after {record['wall_s']} s: "
            f"{failure['error']}: {failure['message']}"
        )

    def _write_failed(self, record: dict[str, Any]) -> None:
        path = self.folder.sentinel(self.name, sentinels.FAILED)
        running = self.folder.sentinel(self.name, sentinels.RUNNING)
        try:
            sentinels.write_sentinel(path, record)
        except OSError:
            # The disk is full: this attempt's output is useless, and RUNNING has room.
            shutil.rmtree(self.folder.staging(self.name), ignore_errors=True)
            write_on_full_disk(path, record, running)
        self._remove(sentinels.RUNNING)

    def remove_sentinels(self, *states: str) -> None:
        """Remove sentinels of success before the asset is made again.

        Snakemake does so with the files that a rule leaves, but knows nothing of those
        of a batch's members, nor that a download will be followed by processing.
        """
        for state in states:
            self._remove(state)

    def keep_order(self) -> None:
        """Make the inputs of this step no newer than its result."""
        needed = [self.folder.manifest, self.folder.environment_ready]
        if self.step == "process":
            needed.append(self.folder.sentinel(self.name, sentinels.DOWNLOADED))
        keep_order(self.folder.sentinel(self.name, self.success), needed)

    def _remove(self, state: str) -> None:
        remove_file(self.folder.sentinel(self.name, state))

    def already_done(self) -> bool:
        """Whether another attempt has finished the same while this one waited."""
        record = self.read(self.success)
        wanted = {k: self.identity[k] for k in ("row", "args", "code")}
        if self.step == "download" and record.get("skipped") is None:
            wanted.pop("code")
        return all(record.get(key) == value for key, value in wanted.items())

    def __getstate__(self) -> dict[str, Any]:
        # A child starts no children of its own, and has no outcome yet.
        return {**vars(self), "_forkers": {}, "outcome": None}

    def run_in_child(
        self,
        kind: str,
        function: Callable[[], Any],
        status: str = "starting",
        undo: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Run a function in a child process, announced by RUNNING from its start.

        It may be run twice, see `brainsets.warm.preload`; `undo` is called in between.
        """
        outcome = self._run_once(kind, function, status)
        if outcome.again is not None:
            print(
                f"{kind}: once more, without what earlier steps have imported, as it "
                f"changes what an import may depend on ({outcome.again})",
                flush=True,
            )
            undo()
            outcome = self._run_once("again", function, status)
        return outcome

    def _run_once(self, kind: str, function: Callable[[], Any], status: str) -> Outcome:
        running = self.folder.sentinel(self.name, sentinels.RUNNING)

        def beat() -> None:
            try:
                os.utime(running, follow_symlinks=False)
            except OSError:
                pass

        outcome = run_supervised(
            function,
            on_fork=lambda pid: self._write_running(pid, status),
            timeout_s=self.job.timeout_s,
            heartbeat=beat,
            heartbeat_s=HEARTBEAT_S,
            forker=self._forkers[kind]() if kind in self._forkers else None,
        )
        self.running = self.read(sentinels.RUNNING)
        return outcome

    def _write_running(self, pid: int, status: str) -> None:
        """Write RUNNING for the process that works on the asset."""
        self.running = {
            **self.identity,
            "status": status,
            "started": utc_timestamp(),
            "host": socket.gethostname(),
            "pid": pid,
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
        }
        path = self.folder.sentinel(self.name, sentinels.RUNNING)
        sentinels.write_sentinel(path, self.running)

    def make_tracker(self) -> StatusTracker:
        """Return the tracker with which the child reports its status."""
        if self.running.get("pid") != os.getpid():
            # The child was forked before its parent wrote the sentinel.
            self.running = self.read(sentinels.RUNNING)

        def write(status: str) -> None:
            self.running["status"] = status
            path = self.folder.sentinel(self.name, sentinels.RUNNING)
            sentinels.write_sentinel(path, self.running)

        self.tracker = StatusTracker(write)
        return self.tracker
