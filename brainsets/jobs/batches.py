"""A job that runs a step of several assets, one after the other.

Each asset has a child process, a log and sentinels of its own, as in a job for one
asset. The job goes on after a failure, and stops when the run is stopped. If an asset
kills the job itself, the next attempt begins with the others. Assets that were finished
since the batch was planned, by an earlier attempt or a killed run, are skipped.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from brainsets.errors import BatchError, BrainsetError
from brainsets.jobs import steps
from brainsets.jobs.attempts import Forkers
from brainsets.jobs.job import Job
from brainsets.shared.locks import release_locks
from brainsets.shared.state import sentinels
from brainsets.shared.state.batch_plans import Member, read_plan
from brainsets.shared.text.lines import asset_title
from brainsets.shared.times import keep_order, utc_timestamp
from brainsets.supervision.child import flush_streams
from brainsets.supervision.failures import say, say_error

__all__ = ["download_batch", "process_batch"]

# An interrupted step returns this plus the number of the signal.
_SIGNALLED = 128


class _Stopped(Exception):
    """The run is being stopped; `status` is the exit status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def download_batch(job: Job, forkers: Forkers | None = None) -> int:
    """Fetch the assets of a batch, and leave its DOWNLOADED.

    One that fails is tried again as often as Snakemake retries a job, as the job itself
    succeeds if any of them does: the others are to be processed.

    Parameters
    ----------
    job : Job
        The job, with its batch.
    forkers : mapping, optional
        As in `steps.download_asset`.

    Returns
    -------
    int
        The exit status: 0 if anything can be processed.
    """
    return _exit_status(_download, job, steps.download_asset, forkers)


def process_batch(job: Job, forkers: Forkers | None = None) -> int:
    """Process the assets of a batch that are downloaded; leave DONE if all are done.

    Parameters are those of `download_batch`.

    Returns
    -------
    int
        The exit status: 0 if all assets are done.
    """
    return _exit_status(_process, job, steps.process_asset, forkers)


def _exit_status(
    run: Callable[["_Batch"], int],
    job: Job,
    step: Callable[[Job, Forkers | None], int],
    forkers: Forkers | None,
) -> int:
    try:
        return run(_Batch(job, step, forkers))
    except _Stopped as stopped:
        return stopped.status
    except (BrainsetError, OSError) as error:
        say_error(str(error))
        return 1


def _download(batch: "_Batch") -> int:
    failed = [m for m in batch.members if not batch.is_downloaded(m)]
    for trial in range(1 + batch.retries):
        # If all fail, Snakemake retries the job.
        if not failed or (trial and len(failed) == len(batch.members)):
            break
        if trial:
            say(f"{len(failed)} failed; once more")
        failed = [member for member in failed if not batch.run(member)]
    if len(failed) == len(batch.members) or (failed and batch.job.download_only):
        return 1
    batch.finish(sentinels.DOWNLOADED, failed)
    return 0


def _process(batch: "_Batch") -> int:
    failed = []
    for member in batch.members:
        if batch.is_done(member):
            continue
        if not batch.is_downloaded(member):
            batch.say(member, "is not downloaded")
            failed.append(member)
        elif not batch.run(member):
            failed.append(member)
    if failed:
        return 1
    batch.finish(sentinels.DONE, failed)
    return 0


class _Batch:
    """The assets of one job, and how to run a step of each."""

    def __init__(
        self,
        job: Job,
        step: Callable[[Job, Forkers | None], int],
        forkers: Forkers | None,
    ) -> None:
        assert job.batch is not None
        self.job, self._plan_file = job, job.batch
        self._step, self._forkers = step, forkers
        plan = read_plan(self._plan_file)
        self.members: list[Member] = self._ordered(plan["members"])
        self.retries: int = plan["retries"]
        self._parent = os.getppid()

    def _ordered(self, members: list[Member]) -> list[Member]:
        """Return members in the order in which they are run.

        Assets during which an earlier job died come last: one that takes the whole job
        down, by its memory or the job's time, would do so again before the others run.
        """

        def cut_off(member: Member) -> int:
            path = self.job.folder.sentinel(member["name"], sentinels.RUNNING)
            try:
                return path.stat().st_mtime_ns
            except OSError:
                return 0

        return sorted(members, key=cut_off)

    def is_downloaded(self, member: Member) -> bool:
        if not member["fetch"]:
            return True
        return self._is_new(member, sentinels.DOWNLOADED)

    def is_done(self, member: Member) -> bool:
        return self._is_new(member, sentinels.DONE, code=self.job.code)

    def _is_new(self, member: Member, state: str, **more: str) -> bool:
        """Whether an asset has come to a state since the batch was planned."""
        path = self.job.folder.sentinel(member["name"], state)
        try:
            time = path.stat().st_mtime_ns
        except OSError:
            return False
        record = sentinels.read_sentinel(path) or {}
        wanted = {"row": member["row"], "args": self.job.recorded_args(), **more}
        agrees = all(record.get(key) == value for key, value in wanted.items())
        return agrees and time != member["seen"][state]

    def run(self, member: Member) -> bool:
        """Run the step of one asset to its end; return whether it has succeeded."""
        if os.getppid() != self._parent:
            raise BatchError("whoever has started this job was killed, so this ends.")
        if not self._plan_file.exists():
            # A later run has removed it: this raises the error that says so.
            read_plan(self._plan_file)
        job = replace(self.job, asset=member["name"])
        # Not for longer: a worker of the warm server runs many batches.
        streams = os.dup(1), os.dup(2)
        self._write_to_log(member)
        try:
            status = self._step(job, self._forkers)
        except Exception:
            say_error(traceback.format_exc())
            status = 1
        flush_streams()
        for number, stream in zip((1, 2), streams):
            os.dup2(stream, number)
            os.close(stream)
        release_locks()
        if status:
            self.say(member, f"ended with exit status {status}")
        else:
            self.say(member, "is finished")
        if status > _SIGNALLED:
            raise _Stopped(status)
        return status == 0

    def _log(self, member: Member) -> Any:
        return self.job.folder.log(self._step.__name__, member["name"])

    def _write_to_log(self, member: Member) -> None:
        log = self._log(member)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            stream = os.open(log, flags, 0o666)
        except OSError as error:
            # Its output goes to the log of this job, and the other assets still run.
            self.say(member, f"has no log: {error}")
            return
        for number in (1, 2):
            os.dup2(stream, number)
        os.close(stream)

    def say(self, member: Member, what: str) -> None:
        say(f"{asset_title(member['asset'])} {what} ({self._log(member)})")

    def finish(self, state: str, failed: Sequence[Member]) -> None:
        """Write the sentinel of the finished job."""
        record = {
            "assets": [member["asset"] for member in self.members],
            "failed": [member["asset"] for member in failed],
            "ended": utc_timestamp(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
        }
        path = self._plan_file.with_suffix(f".{state}")
        sentinels.write_sentinel(path, record)
        downloaded = self._plan_file.with_suffix(f".{sentinels.DOWNLOADED}")
        folder = self.job.folder
        keep_order(path, [folder.manifest, folder.environment_ready, downloaded])
