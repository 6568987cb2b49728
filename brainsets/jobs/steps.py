"""The two steps of an asset, each in a child process, with a sentinel at the end."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, HandoffError, OutputError
from brainsets.jobs import handoff, publishing
from brainsets.jobs.arguments import Job
from brainsets.jobs.failures import told
from brainsets.jobs.loading import code_in_memory, load_pipeline, parsed_args
from brainsets.jobs.modules import versions
from brainsets.jobs.supervision import Forker, Interrupted, Outcome, run_supervised
from brainsets.jobs.tracker import StatusTracker
from brainsets.shared import sentinels
from brainsets.shared.arguments import counted
from brainsets.shared.code import code_hash, code_stamp
from brainsets.shared.locks import lock_asset
from brainsets.shared.manifest import RowText, find_row
from brainsets.shared.names import spelled
from brainsets.shared.version import VERSION

__all__ = ["download_asset", "process_asset"]

Forkers = Mapping[str, Callable[[], Forker]]
"""Makes who forks the child of a step, by kind: download, process, inspect."""

_ATTEMPTS_KEPT = 20


def download_asset(job: Job, forkers: Forkers | None = None) -> int:
    """Fetch one asset; leave DOWNLOADED and a handoff, or FAILED.

    Parameters
    ----------
    job : Job
        The job.
    forkers : mapping, optional
        Makes those who fork its children; this process does where there is none.

    Returns
    -------
    int
        The exit status: 0 on success.
    """
    return _run(_Attempt(job, "download", forkers), _download)


def process_asset(job: Job, forkers: Forkers | None = None) -> int:
    """Convert one downloaded asset, publish what it wrote, and leave DONE, or FAILED.

    Parameters
    ----------
    job : Job
        The job.
    forkers : mapping, optional
        Makes those who fork its children; this process does where there is none.

    Returns
    -------
    int
        The exit status: 0 on success.
    """
    return _run(_Attempt(job, "process", forkers), _process)


class _Attempt:
    """One attempt at one step of one asset, and what is known of earlier ones."""

    def __init__(self, job: Job, step: str, forkers: Forkers | None) -> None:
        self.job = job
        self._forkers = forkers or {}
        self.step = step
        self.folder = job.folder
        self.name = job.asset
        self.log = self.folder.log(f"{step}_asset", self.name)
        self.row: RowText | None = None
        self.started, self.started_s = sentinels.now(), time.monotonic()
        self.outcome = Outcome()
        self.running: dict[str, Any] = {}
        self.tracker: StatusTracker | None = None
        self.code_before = job.code
        self.failed = self.read(sentinels.FAILED)
        self.leftover = self.read(sentinels.RUNNING)
        self.attempts = [a for a in self.failed.get("attempts", []) if a]
        if self.failed.get("step") != step:
            self.attempts = []
        self.number = 1 + max(len(self.attempts), int(self.leftover.get("attempt", 0)))

    def read(self, state: str) -> dict[str, Any]:
        return sentinels.read_sentinel(self.folder.sentinel(self.name, state)) or {}

    @property
    def is_warm(self) -> bool:
        """Whether its children start with the pipeline imported."""
        return bool(self._forkers)

    @property
    def success(self) -> str:
        return sentinels.DONE if self.step == "process" else sentinels.DOWNLOADED

    @property
    def key(self) -> dict[str, Any]:
        """What a download depends on."""
        return {"row": self.row.hash, "args": counted(self.job.arguments)}

    @property
    def identity(self) -> dict[str, Any]:
        """What says which asset, in which version, this is about."""
        return {
            "asset": self.row.asset if self.row else self.name,
            "brainset": self.job.brainset,
            "step": self.step,
            "row": self.row.hash if self.row else None,
            "args": counted(self.job.arguments),
            "code": self.job.code,
            "pipeline": str(self.job.pipeline),
            "attempt": self.number,
            "log": str(self.log),
        }

    @property
    def measured(self) -> dict[str, Any]:
        """What the attempt cost, and where it ran."""
        return {
            "started": self.started,
            "ended": sentinels.now(),
            "wall_s": round(time.monotonic() - self.started_s, 3),
            "cpu_s": self.outcome.cpu_s,
            "max_rss_mb": self.outcome.max_rss_mb,
            "host": socket.gethostname(),
            "pid": self.running.get("pid"),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "status": self.running.get("status", ""),
        }

    @property
    def was_something_else(self) -> bool:
        """Whether raw files may be those of another row or of other arguments."""
        known = handoff.handoff_key(self.folder.handoff(self.name))
        if known is None:
            known = self.read(sentinels.DONE) or self.failed
        return bool(known) and any(
            known.get(key) != value for key, value in self.key.items()
        )

    def code_now(self) -> str:
        """Return the hash of the code as it lies on disk at this moment."""
        path = self.job.pipeline
        if code_stamp(path) == self.job.code_stamp:
            return self.job.code
        return code_hash(path)

    def code_loaded(self) -> str:
        """Return the hash of the code that this step has run.

        That of the plan, unless somebody edited the code before or since it was
        imported: then the asset must not be taken for one made by the planned code.
        """
        planned = self.job.code
        # The code of a published package has no stamp, as nobody edits it.
        if not self.job.code_stamp:
            return planned
        return self.code_before if self.code_before != planned else self.code_now()

    @property
    def may_have_truncated(self) -> bool:
        """Whether an earlier attempt may have left a part of a raw file."""
        return bool(self.leftover) or self.failed.get("step") == self.step

    def succeed(self, record: dict[str, Any]) -> None:
        record = {**self.identity, **self.measured, **record}
        path = self.folder.sentinel(self.name, self.success)
        sentinels.write_sentinel(path, record, durable=True)
        self._remove(sentinels.RUNNING)
        if self.failed.get("step") == self.step or self.step == "process":
            self._remove(sentinels.FAILED)
        print(f"{self.step}: {self.success} after {record['wall_s']} s", flush=True)

    def fail(self, failure: dict[str, Any]) -> None:
        if failure["error"] == "Timeout":
            # A server that hangs may answer next time; a computation takes as long.
            failure["transient"] = self.step == "download"
        attempts = [*self.attempts, {"time": sentinels.now(), **failure}]
        record = {
            **self.identity,
            **self.measured,
            "versions": {"brainsets-workflow": VERSION},
            "attempts": attempts[-_ATTEMPTS_KEPT:],
        }
        path = self.folder.sentinel(self.name, sentinels.FAILED)
        sentinels.write_sentinel(path, record)
        self._remove(sentinels.RUNNING)
        print(
            f"{self.step}: FAILED after {record['wall_s']} s: "
            f"{failure['error']}: {failure['message']}",
            file=sys.stderr,
            flush=True,
        )

    def _remove(self, state: str) -> None:
        self.folder.sentinel(self.name, state).unlink(missing_ok=True)

    def already_done(self) -> bool:
        """Whether somebody has finished the same thing while this attempt waited."""
        record = self.read(self.success)
        wanted = {k: self.identity[k] for k in ("row", "args", "code")}
        if self.step == "download":
            wanted.pop("code")
        return all(record.get(key) == value for key, value in wanted.items())

    def __getstate__(self) -> dict[str, Any]:
        # A child starts none of its own.
        return {**vars(self), "_forkers": {}}

    def supervised(self, kind: str, function: Callable[[], Any]) -> Outcome:
        running = self.folder.sentinel(self.name, sentinels.RUNNING)

        def beat() -> None:
            try:
                os.utime(running)
            except OSError:
                pass

        return run_supervised(
            function,
            timeout_s=self.job.timeout_s,
            heartbeat=beat,
            heartbeat_s=sentinels.HEARTBEAT_S,
            forker=self._forkers[kind]() if kind in self._forkers else None,
        )

    def announce(self, status: str) -> None:
        """Say that this process is the one that works on the asset."""
        path = self.folder.sentinel(self.name, sentinels.RUNNING)
        self.tracker = StatusTracker(path, self.identity, status)


def _run(attempt: _Attempt, step: Callable[[_Attempt], dict[str, Any] | None]) -> int:
    job = attempt.job
    try:
        job.enter_environment()
        waited = _wait_for_lock(attempt)
        attempt.row = find_row(attempt.folder.manifest, attempt.name)
        if waited and attempt.already_done():
            print("already finished by the attempt that was waited for")
            return 0
        print(
            f"{attempt.step} {spelled(attempt.row.asset)} of {job.brainset}: "
            f"attempt {attempt.number}, {attempt.started}"
            f"{', warm' if attempt.is_warm else ''}",
            flush=True,
        )
        record = step(attempt)
    except Interrupted as interruption:
        print(f"{attempt.step}: stopped by {interruption}", file=sys.stderr)
        return 128 + interruption.signum
    except (BrainsetError, OSError) as error:
        attempt.fail(told(error))
        return 1
    if record is None:
        attempt.fail(attempt.outcome.failure)
        return 1
    attempt.succeed(record)
    return 0


def _wait_for_lock(attempt: _Attempt) -> bool:
    """Make sure that nobody else works on the asset; return whether that took time."""
    if lock_asset(attempt.folder.lock, attempt.name, wait=False):
        return False
    holder = attempt.leftover
    print(
        f"waiting for process {holder.get('pid')} on {holder.get('host')}, which still "
        "works on this asset for a run that has ended",
        flush=True,
    )
    lock_asset(attempt.folder.lock, attempt.name, wait=True)
    return True


def _download(attempt: _Attempt) -> dict[str, Any] | None:
    redownload = attempt.may_have_truncated or attempt.was_something_else
    staging = _fresh_staging(attempt)
    attempt.outcome = attempt.supervised(
        "download", partial(_download_in_child, attempt, staging, redownload)
    )
    attempt.running = attempt.read(sentinels.RUNNING)
    shutil.rmtree(staging, ignore_errors=True)
    return attempt.outcome.result


def _fresh_staging(attempt: _Attempt) -> Path:
    staging = attempt.folder.staging(attempt.name)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    return staging


def _download_in_child(
    attempt: _Attempt, staging: Path, redownload: bool
) -> dict[str, Any]:
    instance, row = _instance(attempt, staging, redownload)
    before = dict(vars(instance))
    output = instance.download(row)
    attempt.tracker.flush()
    written = next(staging.rglob("*"), None)
    if written is not None:
        raise OutputError(
            f"download wrote {written.relative_to(staging)} into processed_dir, where "
            "only process may write; write it into raw_dir."
        )
    reason = handoff.write_handoff(
        attempt.folder.handoff(attempt.name), output, instance, before, attempt.key
    )
    if reason:
        print(f"process will fetch this asset again, as its download returned {reason}")
    return {"handoff": reason, "code": attempt.code_loaded(), "versions": _versions()}


def _process(attempt: _Attempt) -> dict[str, Any] | None:
    staging = _fresh_staging(attempt)
    attempt.outcome = attempt.supervised(
        "process", partial(_process_in_child, attempt, staging)
    )
    attempt.running = attempt.read(sentinels.RUNNING)
    record = attempt.outcome.result
    if record is not None:
        inspected = _inspected(attempt, staging)
        if inspected.failure is None:
            publishing.publish(
                attempt.folder, attempt.name, attempt.row.asset, inspected.result
            )
            record["outputs"] = inspected.result
            if not inspected.result:
                print("process wrote no file")
        else:
            attempt.outcome.failure, record = inspected.failure, None
    shutil.rmtree(staging, ignore_errors=True)
    return record


def _inspected(attempt: _Attempt, staging: Path) -> Outcome:
    if publishing.is_quickly_inspected(staging):
        try:
            return Outcome(publishing.inspected_outputs(staging))
        except (BrainsetError, OSError) as error:
            return Outcome(failure=told(error))
    # In a child as well: opening a broken file can crash the HDF5 library.
    return attempt.supervised("inspect", partial(_inspect_in_child, attempt, staging))


def _inspect_in_child(attempt: _Attempt, staging: Path) -> list[dict[str, Any]]:
    attempt.announce("checking what was written")
    return publishing.inspected_outputs(staging)


def _process_in_child(attempt: _Attempt, staging: Path) -> dict[str, Any]:
    path = attempt.folder.handoff(attempt.name)
    known = handoff.handoff_key(path)
    instance, row = _instance(attempt, staging, False)
    try:
        if known != attempt.key:
            raise HandoffError("it was downloaded for another row or other arguments")
        output, attributes = handoff.read_handoff(path)
        vars(instance).update(attributes)
    except HandoffError as reason:
        print(f"fetching again before processing: {reason}", flush=True)
        kept_back = "could not be kept" in str(reason)
        if attempt.may_have_truncated or not kept_back:
            _ask_for_redownload(instance.args)
        output = instance.download(row)
    instance.process(output)
    attempt.tracker.flush()
    return {"code": attempt.code_loaded(), "versions": _versions()}


def _instance(
    attempt: _Attempt, processed_dir: Path, redownload: bool
) -> tuple[Any, Any]:
    """Return the pipeline's instance for one asset, and the asset's row."""
    job = attempt.job
    attempt.announce("starting")
    attempt.code_before = code_in_memory(job.pipeline) or attempt.code_now()
    pipeline = load_pipeline(job.pipeline)
    args = parsed_args(pipeline, job.arguments)
    if redownload:
        _ask_for_redownload(args)
    instance = pipeline(
        raw_dir=job.raw_dir,
        processed_dir=processed_dir,
        args=args,
        tracker_handle=attempt.tracker,
        download_only=job.download_only,
    )
    row = attempt.row.row()
    instance._asset_id = row.Index
    return instance, row


def _ask_for_redownload(args: Any) -> None:
    if hasattr(args, "redownload"):
        print("raw files may be incomplete or outdated: --redownload is set")
        args.redownload = True


def _versions() -> dict[str, str]:
    """Return the versions of all packages that the step has imported."""
    return {
        "brainsets-workflow": VERSION,
        "python": sys.version.split()[0],
        **versions(),
    }
