"""The two steps of an asset, each in a child process, with a sentinel at the end."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, HandoffError, OutputError
from brainsets.jobs.attempts import Attempt, Forkers
from brainsets.jobs.code.imported_modules import versions
from brainsets.jobs.code.loading import code_in_memory, load_pipeline, parsed_args
from brainsets.jobs.code.outside_modules import hash_outside_modules
from brainsets.jobs.edits_meanwhile import (
    args_unless_edited,
    code_unless_edited,
    current_code,
    is_same_download,
)
from brainsets.jobs.handoffs.handoff import Handoff, write_handoff, write_skipped
from brainsets.jobs.handoffs.instance_state import (
    MissingAttributes,
    changes,
    restore,
    snapshot,
)
from brainsets.jobs.handoffs.skipping import Skipped, SkippedBefore
from brainsets.jobs.job import Job
from brainsets.jobs.job_process import set_up_process
from brainsets.jobs.outputs.inspection import inspected_outputs, is_quickly_inspected
from brainsets.jobs.outputs.publishing import publish
from brainsets.jobs.outputs.staging import Staging, fresh_staging
from brainsets.jobs.return_values import check_download_has_run, check_process_has_run
from brainsets.pipeline import SkipAsset
from brainsets.shared.inputs.raw_data import has_failed_later, looks_missing
from brainsets.shared.locks import current_run, lock_asset
from brainsets.shared.state import sentinels
from brainsets.shared.text.lines import asset_title
from brainsets.shared.version import VERSION
from brainsets.supervision.failures import failure_from_parent, say_error
from brainsets.supervision.run import Interrupted, Outcome

__all__ = ["download_asset", "process_asset"]


def download_asset(job: Job, forkers: Forkers | None = None) -> int:
    """Fetch one asset; leave DOWNLOADED and a handoff, or FAILED.

    Parameters
    ----------
    job : Job
        The job.
    forkers : mapping, optional
        Factories of the forkers of its children; without, this process forks them.

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
        set_up_process(job)
        waited = _wait_for_lock(attempt)
        attempt.find_row()
        if waited and attempt.already_done():
            print("already finished by the attempt that was waited for")
            attempt.keep_order()
            return 0
        print(
            f"{attempt.step} {asset_title(attempt.row.asset)} of {job.brainset}: "
            f"attempt {attempt.number}, {attempt.started}"
            f"{', warm' if attempt.is_warm else ''}",
            flush=True,
        )
        record = step(attempt)
        if record is not None:
            record["code"] = code_unless_edited(job, *record["code"])
            record["args"] = args_unless_edited(job, attempt.args)
            attempt.succeed(record)
            return 0
        failure = attempt.outcome.failure
        assert failure is not None
    except Interrupted as interruption:
        say_error(f"{attempt.step}: stopped by {interruption}")
        return 128 + interruption.signum
    except (BrainsetError, OSError) as error:
        failure = failure_from_parent(error)
    attempt.fail(failure)
    return 1


def _wait_for_lock(attempt: Attempt) -> bool:
    """Wait until no other process works on the asset; return whether one did."""
    if lock_asset(attempt.folder.lock, attempt.name, wait=False):
        attempt.run = current_run(attempt.folder.lock)
        return False
    holder = attempt.leftover
    print(
        f"waiting for process {holder.get('pid')} on {holder.get('host')}, which still "
        "works on this asset for a run that has ended",
        flush=True,
    )
    lock_asset(attempt.folder.lock, attempt.name, wait=True)
    attempt.run = current_run(attempt.folder.lock)
    return True


def _download(attempt: Attempt) -> dict[str, Any] | None:
    kept = _earlier_handoff(attempt)
    redownload = attempt.may_have_truncated or attempt.has_other_inputs
    is_repeat = False
    if kept is not None:
        is_repeat = has_failed_later(attempt.failed, kept.run)
        # Fetching the missing files did not help: those that are there may be broken.
        is_missing = looks_missing(attempt.failed, attempt.job.raw_dir)
        is_useless = is_repeat and kept.is_repeat and is_missing
        redownload = redownload or is_useless or _has_changed(kept, attempt)
    attempt.remove_sentinels(sentinels.DOWNLOADED, sentinels.DONE)
    staging = fresh_staging(attempt.folder, attempt.name)
    attempt.outcome = attempt.run_in_child(
        "download",
        partial(_download_in_child, attempt, staging.folder, redownload, is_repeat),
    )
    record: dict[str, Any] | None = attempt.outcome.result
    if record is not None:
        staging.check("download")
    staging.remove()
    return record


def _earlier_handoff(attempt: Attempt) -> Handoff | None:
    """Return what is known of an earlier download of the asset."""
    try:
        return Handoff.read(attempt.folder.handoff(attempt.name))
    except HandoffError:
        return None


def _has_changed(kept: Handoff, attempt: Attempt) -> bool:
    """Whether raw files of an earlier attempt have changed since."""
    return _is_here(kept, attempt) and kept.change() is not None


def _is_here(kept: Handoff, attempt: Attempt) -> bool:
    """Whether a handoff was written for the present raw folder.

    Another folder may hold files that the handoff does not know of.
    """
    return kept.raw_dir in (None, str(attempt.job.raw_dir))


def _download_in_child(
    attempt: Attempt, staging: Path, redownload: bool, is_repeat: bool
) -> dict[str, Any]:
    instance, row = _make_instance(attempt, staging, redownload)
    before = snapshot(instance)
    origin = Handoff(attempt.key, str(attempt.job.raw_dir), attempt.run, is_repeat)
    try:
        output = instance.download(row)
    except SkipAsset as reason:
        skipped = Skipped.now(reason, attempt.job.pipeline, attempt.code_before[1])
        write_skipped(attempt.folder.handoff(attempt.name), origin, skipped)
        return _skipped(attempt, skipped)
    check_download_has_run(output)
    attempt.tracker.flush()
    if staging.is_dir() and (written := os.listdir(staging)):
        raise OutputError(
            f"download wrote {written[0]} into processed_dir, where "
            "only process may write; write it into raw_dir."
        )
    path = attempt.folder.handoff(attempt.name)
    kept, named = write_handoff(
        path,
        output,
        changes(instance, before),
        origin,
    )
    if kept.reason:
        print(
            "process will fetch this asset again, as its download returned what "
            f"cannot be kept: {kept.reason}"
        )
    for name, why in kept.left_out.items():
        print(f"self.{name} cannot be kept for process: {why}")
    return {
        "handoff": kept.reason,
        "left_out": kept.left_out,
        **named.as_record(),
        "code": attempt.code_before,
        "versions": _versions(),
    }


def _process(attempt: Attempt) -> dict[str, Any] | None:
    attempt.remove_sentinels(sentinels.DONE)
    staging = fresh_staging(attempt.folder, attempt.name)
    attempt.outcome = attempt.run_in_child(
        "process",
        partial(_process_in_child, attempt, staging.folder),
        undo=staging.empty,
    )
    if missed := (attempt.outcome.result or {}).get("missed"):
        names = ", ".join(f"self.{name}" for name in missed)
        print(f"fetching again, as process needs {names} of its download", flush=True)
        staging = fresh_staging(attempt.folder, attempt.name)
        attempt.outcome = attempt.run_in_child(
            "process",
            partial(_process_in_child, attempt, staging.folder, fetch=True),
            undo=staging.empty,
        )
    record: dict[str, Any] | None = attempt.outcome.result
    if record is not None:
        # Checked before removal: files written elsewhere are kept for inspection.
        staging.check("process")
        if "skipped" in record:
            # What was begun is no result.
            staging.empty()
        inspected = _inspected(attempt, staging)
        if inspected.failure is None:
            record["outputs"] = inspected.result
            if not inspected.result and "skipped" not in record:
                print("process wrote no file")
            _publish(attempt, staging, inspected.result)
        else:
            attempt.outcome.failure, record = inspected.failure, None
    staging.remove()
    return record


def _inspected(attempt: Attempt, staging: Staging) -> Outcome:
    try:
        if is_quickly_inspected(staging.folder):
            return Outcome(inspected_outputs(staging.folder))
    except (BrainsetError, OSError) as error:
        return Outcome(failure=failure_from_parent(error))
    # In a child process: opening a broken file can crash the HDF5 library.
    inspect = partial(inspected_outputs, staging.folder)
    outcome = attempt.run_in_child("inspect", inspect, "checking what was written")
    # Again, as the inspection may have taken a while.
    staging.check("process")
    return outcome


def _publish(attempt: Attempt, staging: Staging, outputs: list[dict[str, Any]]) -> None:
    try:
        publish(
            attempt.folder, attempt.name, attempt.row.asset, staging.folder, outputs
        )
    except (BrainsetError, OSError):
        staging.remove()
        raise


def _process_in_child(
    attempt: Attempt, staging: Path, *, fetch: bool = False
) -> dict[str, Any]:
    """Process what was downloaded, or what is downloaded again first.

    Returns
    -------
    dict
        The content of the sentinel; or ``missed``: attributes set by download that
        process has used and that could not be kept.
    """
    try:
        return _processed(attempt, staging, fetch)
    except SkippedBefore as earlier:
        return _skipped(attempt, earlier.skipped)
    except SkipAsset as reason:
        skipped = Skipped.now(reason, attempt.job.pipeline, attempt.code_before[1])
        return _skipped(attempt, skipped)


def _processed(attempt: Attempt, staging: Path, fetch: bool) -> dict[str, Any]:
    instance, row = _make_instance(attempt, staging, False)
    absent = MissingAttributes(instance, ())
    try:
        if fetch:
            output = instance.download(row)
            check_download_has_run(output)
        else:
            output, absent = _restore_download(attempt, instance)
    except HandoffError as reason:
        print(f"fetching again before processing: {reason}", flush=True)
        if attempt.may_have_truncated or not isinstance(reason, _NotKept):
            _ask_for_redownload(instance.args)
        output = instance.download(row)
        check_download_has_run(output)
    attempt.tracker.may_be_copied = True
    try:
        returned = instance.process(output)
    except (Exception, SystemExit) as error:
        if not absent.is_noticed and not absent.is_cause(error):
            raise
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return {"missed": absent.names}
    if absent.is_noticed:
        return {"missed": absent.names}
    check_process_has_run(returned)
    attempt.tracker.flush()
    return {
        "code": attempt.code_before,
        "imported": hash_outside_modules(attempt.job.pipeline),
        "versions": _versions(),
    }


class _NotKept(HandoffError):
    """The raw files are intact, but the return value of download was not kept."""


def _restore_download(attempt: Attempt, instance: Any) -> tuple[Any, MissingAttributes]:
    """Return what download returned, with the instance as download has left it."""
    kept = Handoff.read(attempt.folder.handoff(attempt.name), with_payload=True)
    if not is_same_download(attempt.job, kept.key, attempt.key):
        raise HandoffError("it was downloaded for another row or other arguments")
    if kept.skipped is not None:
        if kept.skipped.code != attempt.code_before[1]:
            raise _NotKept("it was skipped by other code")
        raise SkippedBefore(kept.skipped)
    if kept.reason is None and (change := kept.change()):
        raise (HandoffError if _is_here(kept, attempt) else _NotKept)(change)
    try:
        output, attributes = kept.value()
    except HandoffError as error:
        raise _NotKept(str(error)) from error
    fresh = instance.args
    restore(instance, attributes)
    if instance.args is not fresh:
        # Flags that ask for a repetition come from this step, not from the download.
        for name in ("redownload", "reprocess"):
            if hasattr(fresh, name):
                setattr(instance.args, name, getattr(fresh, name))
    return output, MissingAttributes(instance, kept.left_out)


def _make_instance(
    attempt: Attempt, processed_dir: Path, redownload: bool
) -> tuple[Any, Any]:
    """Return the pipeline's instance for one asset, and the asset's row."""
    job = attempt.job
    attempt.code_before = code_in_memory(job.pipeline) or current_code(job)
    pipeline = load_pipeline(job.pipeline)
    if job.own_id:
        pipeline.brainset_id = job.brainset
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


def _skipped(attempt: Attempt, skipped: Skipped) -> dict[str, Any]:
    """Return the content of a sentinel of an asset that is skipped."""
    attempt.tracker.flush()
    return {
        "skipped": skipped.reason,
        "code": attempt.code_before,
        "imported": skipped.imported,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Return the versions of all packages that the step has imported."""
    return {
        "brainsets-workflow": VERSION,
        "python": sys.version.split()[0],
        **versions(),
    }
