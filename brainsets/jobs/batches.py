"""A job that runs a step of several assets, one after the other.

Each asset has the command that it would have alone, with its own log, and runs it by
way of a warm process. So whatever happens to it happens to it alone; this process only
counts. It goes on after a failure, and stops when the run is stopped. It runs
nothing that has been finished since the batch was planned, by an attempt that was cut
off or by a job of a run that was killed.
"""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainsets.errors import BatchError, BrainsetError
from brainsets.jobs import warm_client
from brainsets.jobs.arguments import Job, parse_job
from brainsets.jobs.orphans import die_with_parent
from brainsets.shared import sentinels
from brainsets.shared.arguments import counted
from brainsets.shared.names import spelled
from brainsets.shared.sockets import socket_path

__all__ = ["BatchJob", "download_batch", "parse_batch", "process_batch"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class BatchJob:
    """One job of the workflow for several assets.

    Parameters
    ----------
    plan : Path
        The file that says which assets, and what was known of them.
    socket : str
        Where a warm process is to be found or put; empty where steps run cold.
    command : list of str
        The command of the step of any of them.
    job : Job
        What that command says.
    """

    plan: Path
    socket: str
    command: list[str]
    job: Job


def parse_batch(argv: Sequence[str]) -> BatchJob:
    """Parse a wrapper's command line; the command of one asset follows ``--``."""
    split = argv.index("--")
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--batch", required=True, type=Path)
    parser.add_argument("--socket", default="")
    parser.add_argument("--warm", action="store_true")
    options = parser.parse_args(argv[:split])
    command = list(argv[split + 1 :])
    # This job's own, where the run has none on this machine.
    path = options.socket or (socket_path("batch") if options.warm else "")
    script = next(n for n, word in enumerate(command) if word.endswith(".py"))
    return BatchJob(options.batch, path, command, parse_job(command[script + 1 :]))


def download_batch(batch: BatchJob) -> int:
    """Fetch the assets of a batch, and leave its DOWNLOADED.

    One that fails is tried again as often as Snakemake retries a job, as the job itself
    succeeds if any of them does: the others are to be processed.

    Returns
    -------
    int
        The exit status: 0 if anything can be processed.
    """
    return _told(_download, batch)


def process_batch(batch: BatchJob) -> int:
    """Process the assets of a batch that are downloaded; leave DONE if all are done.

    Returns
    -------
    int
        The exit status: 0 if all assets are done.
    """
    return _told(_process, batch)


def _told(step: Callable[["_Runner"], int], batch: BatchJob) -> int:
    try:
        return step(_Runner(batch))
    except BrainsetError as error:
        print(error, file=sys.stderr)
        return 1


def _download(runner: "_Runner") -> int:
    wanted = [m for m in runner.members if m["fetch"]]
    for trial in range(1 + runner.retries):
        waiting = [m for m in wanted if not runner.is_downloaded(m)]
        # If nothing works, it is up to Snakemake to try again.
        if not waiting or (trial and len(waiting) == len(runner.members)):
            break
        if trial:
            print(f"{len(waiting)} failed; once more", flush=True)
        for member in waiting:
            runner.run(member)
            if runner.stopped_by:
                return 128 + runner.stopped_by
    failed = [m for m in wanted if not runner.is_downloaded(m)]
    if len(failed) == len(runner.members) or (failed and runner.job.download_only):
        return 1
    runner.finish(sentinels.DOWNLOADED, failed)
    return 0


def _process(runner: "_Runner") -> int:
    failed = []
    for member in runner.members:
        if runner.is_done(member):
            continue
        if not runner.is_downloaded(member):
            runner.say(member, "is not downloaded")
        else:
            runner.run(member)
            if runner.stopped_by:
                return 128 + runner.stopped_by
        if not runner.is_done(member):
            failed.append(member)
    if failed:
        return 1
    runner.finish(sentinels.DONE, failed)
    return 0


class _Runner:
    """Runs the steps of one batch."""

    def __init__(self, batch: BatchJob) -> None:
        self._batch = batch
        self.job = batch.job
        plan = sentinels.read_sentinel(batch.plan)
        if plan is None:
            raise BatchError(
                f"{batch.plan} is not there; a later run has planned its assets anew, "
                "so there is nothing to do."
            )
        self.members: list[dict[str, Any]] = plan["members"]
        self.retries: int = plan["retries"]
        script = next(word for word in batch.command if word.endswith(".py"))
        self._rule = Path(script).stem
        self._child = 0
        self.stopped_by = 0
        # Loads what children need for it, once.
        die_with_parent(False)
        # Children are small and many: they need not look for garbage in all this.
        gc.collect()
        gc.freeze()
        for signum in _SIGNALS:
            signal.signal(signum, self._stop)

    def _stop(self, signum: int, frame: object) -> None:
        self.stopped_by = signum
        if self._child:
            try:
                os.kill(self._child, signum)
            except ProcessLookupError:
                pass

    def is_downloaded(self, member: Mapping[str, Any]) -> bool:
        if not member["fetch"]:
            return True
        return self._is_new(member, sentinels.DOWNLOADED)

    def is_done(self, member: Mapping[str, Any]) -> bool:
        return self._is_new(member, sentinels.DONE, code=self.job.code)

    def _is_new(self, member: Mapping[str, Any], state: str, **more: str) -> bool:
        """Whether an asset has come to a state since the batch was planned."""
        path = self.job.folder.sentinel(member["name"], state)
        try:
            time = path.stat().st_mtime_ns
        except OSError:
            return False
        record = sentinels.read_sentinel(path) or {}
        wanted = {"row": member["row"], "args": counted(self.job.arguments), **more}
        agrees = all(record.get(key) == value for key, value in wanted.items())
        return agrees and time != member["seen"][state]

    def run(self, member: Mapping[str, Any]) -> None:
        """Run the step of one asset to its end."""
        log = self.job.folder.log(self._rule, member["name"])
        log.parent.mkdir(parents=True, exist_ok=True)
        command = list(self._batch.command)
        asset = next(n for n, w in enumerate(command) if w.startswith("--asset="))
        command[asset] = f"--asset={member['name']}"
        # No signal may come between the fork and what is known of the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._child = os.fork()
        if self._child == 0:
            self._be_child(log, command)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _, status = os.waitpid(self._child, 0)
        self._child = 0
        code = os.waitstatus_to_exitcode(status)
        self.say(member, f"ended with exit status {code}" if code else "is finished")

    def _be_child(self, log: Path, command: list[str]) -> None:
        try:
            # When this job is killed, what it has started must not go on.
            die_with_parent(True)
            for signum in _SIGNALS:
                signal.signal(signum, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            for number in (1, 2):
                os.dup2(stream, number)
            os.close(stream)
            if not self._batch.socket:
                os.execv(command[0], command)
            os._exit(warm_client.main(self._batch.socket, command))
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)

    def say(self, member: Mapping[str, Any], what: str) -> None:
        log = self.job.folder.log(self._rule, member["name"])
        print(f"{spelled(member['asset'])} {what} ({log})", flush=True)

    def finish(self, state: str, failed: Sequence[Mapping[str, Any]]) -> None:
        """Write down that this job is over."""
        record = {
            "assets": [member["asset"] for member in self.members],
            "failed": [member["asset"] for member in failed],
            "ended": sentinels.now(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
        }
        path = self._batch.plan.with_suffix(f".{state}")
        sentinels.write_sentinel(path, record)
