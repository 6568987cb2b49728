"""The two steps of an asset, each in a child process, with a sentinel at the end."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, HandoffError, OutputError
from brainsets.jobs import handoff, publishing
from brainsets.jobs.arguments import Job
from brainsets.jobs.attempts import Attempt, Forkers
from brainsets.jobs.failures import told
from brainsets.jobs.loading import code_in_memory, load_pipeline, parsed_args
from brainsets.jobs.modules import versions
from brainsets.jobs.supervision import Interrupted, Outcome
from brainsets.shared import sentinels
from brainsets.shared.locks import lock_asset
from brainsets.shared.manifest import find_row
from brainsets.shared.names import spelled
from brainsets.shared.version import VERSION

__all__ = ["download_asset", "process_asset"]

# Of more, a plan does not look whether they are still there; process does.
_RAW_FILES_TOLD = 100


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
    return _run(Attempt(job, "download", forkers), _download)


def process_asset(job: Job, forkers: Forkers | None = None) -> int:
    """Convert one downloaded asset, publish what it wrote, and leave DONE, or FAILED.

    Parameters and result are those of `download_asset`.
    """
    return _run(Attempt(job, "process", forkers), _process)


def _run(attempt: Attempt, step: Callable[[Attempt], dict[str, Any] | None]) -> int:
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
    record["code"] = attempt.code_of(*record["code"])
    attempt.succeed(record)
    return 0


def _wait_for_lock(attempt: Attempt) -> bool:
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


def _download(attempt: Attempt) -> dict[str, Any] | None:
    redownload = (
        attempt.may_have_truncated
        or attempt.was_something_else
        or handoff.change_of_files(attempt.folder.handoff(attempt.name)) is not None
    )
    attempt.withdraw(sentinels.DOWNLOADED, sentinels.DONE)
    staging = _fresh_staging(attempt)
    attempt.outcome = attempt.supervised(
        "download", partial(_download_in_child, attempt, staging, redownload)
    )
    if attempt.job.download_only or attempt.outcome.result is None:
        shutil.rmtree(staging, ignore_errors=True)
    return attempt.outcome.result


def _fresh_staging(attempt: Attempt) -> Path:
    """Return an empty folder; that of a download stays there for the processing."""
    staging = attempt.folder.staging(attempt.name)
    if not _is_empty(staging):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
    return staging


def _is_empty(folder: Path) -> bool:
    try:
        return not os.listdir(folder)
    except OSError:
        return False


def _download_in_child(
    attempt: Attempt, staging: Path, redownload: bool
) -> dict[str, Any]:
    instance, row = _instance(attempt, staging, redownload)
    before = dict(vars(instance))
    output = instance.download(row)
    attempt.tracker.flush()
    if written := os.listdir(staging):
        raise OutputError(
            f"download wrote {written[0]} into processed_dir, where "
            "only process may write; write it into raw_dir."
        )
    path = attempt.folder.handoff(attempt.name)
    reason, files = handoff.write_handoff(path, output, instance, before, attempt.key)
    if reason:
        print(f"process will fetch this asset again, as its download returned {reason}")
    return {
        "handoff": reason,
        "raw_bytes": sum(files.values()) if files else None,
        "raw_files": [
            {"path": path, "bytes": size}
            for path, size in islice(files.items(), _RAW_FILES_TOLD)
        ],
        "code": attempt.code_before,
        "versions": _versions(),
    }


def _process(attempt: Attempt) -> dict[str, Any] | None:
    attempt.withdraw(sentinels.DONE)
    staging = _fresh_staging(attempt)
    attempt.outcome = attempt.supervised(
        "process", partial(_process_in_child, attempt, staging)
    )
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


def _inspected(attempt: Attempt, staging: Path) -> Outcome:
    if publishing.is_quickly_inspected(staging):
        try:
            return Outcome(publishing.inspected_outputs(staging))
        except (BrainsetError, OSError) as error:
            return Outcome(failure=told(error))
    # In a child as well: opening a broken file can crash the HDF5 library.
    inspect = partial(publishing.inspected_outputs, staging)
    return attempt.supervised("inspect", inspect, "checking what was written")


def _process_in_child(attempt: Attempt, staging: Path) -> dict[str, Any]:
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
    return {"code": attempt.code_before, "versions": _versions()}


def _instance(
    attempt: Attempt, processed_dir: Path, redownload: bool
) -> tuple[Any, Any]:
    """Return the pipeline's instance for one asset, and the asset's row."""
    job = attempt.job
    attempt.code_before = code_in_memory(job.pipeline) or attempt.look_at_code()
    pipeline = load_pipeline(job.pipeline)
    args = parsed_args(pipeline, job.arguments)
    if redownload:
        _ask_for_redownload(args)
    instance = pipeline(
        raw_dir=job.raw_dir,
        processed_dir=processed_dir,
        args=args,
        tracker_handle=attempt.make_tracker(),
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
