"""What Snakemake's jobs mean for assets, told in lines of text.

Snakemake logs jobs; whoever watches a run counts assets, and wants to know of each that
failed why it did. The lines are those of a log file, or on a terminal that is redrawn
only the failures, as the bars show all else.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainsets.display.progress import AssetEvent, BrainsetProgress
from brainsets.display.screens import Screen
from brainsets.display.units import clock
from brainsets.planning.run import Run
from brainsets.shared.files import why_unwritable
from brainsets.shared.state.listing_notes import listing_notes
from brainsets.shared.state.sentinels import DONE, DOWNLOADED, FAILED, read_sentinel
from brainsets.shared.state.status import failure_summary, failure_text
from brainsets.shared.text.lines import asset_title, first_line, single_line

__all__ = ["JobEvents"]

_ASSET_STEPS = {"download_asset": "download", "process_asset": "process"}
_BATCH_STEPS = {"download_batch": "download", "process_batch": "process"}
# Jobs for a whole brainset: what is shown while they run, and when they have ended.
_BRAINSET_RULES = {
    "build_environment": ("building its environment", "its environment is ready"),
    "write_manifest": ("listing its assets", "its assets are listed"),
    "summarize_brainset": ("", "summarized"),
}
_VERBS = {DOWNLOADED: "downloaded", DONE: "done"}


@dataclass
class _Job:
    """A job that Snakemake has started; `name` is an asset's, in file names."""

    rule: str
    brainset: str
    name: str
    began: float
    # When the file that would say why it failed was written, before it began.
    failure_before: int | None = None
    # Ids of a batch.
    assets: Sequence[str] = ()


class JobEvents:
    """Keeps the progress of a run up to date, and says what became of its jobs.

    Parameters
    ----------
    run : Run
        The run as the rules see it.
    screen : Screen
        Where lines are shown.
    """

    def __init__(self, run: Run, screen: Screen) -> None:
        self.screen = screen
        self.progress = {
            name: BrainsetProgress(
                brainset.folder, download_only=run.settings.download_only
            )
            for name, brainset in run.brainsets.items()
        }
        self._run = run
        self._jobs: dict[int, _Job] = {}

    def begin(self, record: Any) -> None:
        """Take over from its log record that a job has started."""
        rule, wildcards = record.rule_name, record.wildcards or {}
        brainset = wildcards.get("brainset", "")
        job = _Job(rule, brainset, wildcards.get("asset", ""), record.created)
        self._jobs[record.jobid] = job
        progress = self.progress.get(brainset)
        if progress is None:
            return
        if rule in _ASSET_STEPS:
            progress.pace.begin(record.jobid, _ASSET_STEPS[rule], 1, record.created)
        elif rule in _BATCH_STEPS:
            job.assets = self._run.batch_named(brainset, wildcards["batch"]).assets
            step, assets = _BATCH_STEPS[rule], len(job.assets)
            progress.pace.begin(record.jobid, step, assets, record.created)
        elif rule in _BRAINSET_RULES:
            progress.note = _BRAINSET_RULES[rule][0]
            job.failure_before = _written(_failure_file(progress, rule))
            if not self.screen.is_live:
                self._tell(record.created, single_line(record.rule_msg))
        else:
            self._tell(record.created, single_line(record.rule_msg or rule))

    def restart(self, job_id: int, at: float) -> bool:
        """Say that a job of an asset is tried again; return whether it is one."""
        job = self._jobs.get(job_id)
        if job is None or not job.name:
            return False
        self._tell(at, f"{self._title(job)}: is tried again")
        return True

    def end(self, record: Any) -> None:
        """Take over from its log record that a job has succeeded."""
        job = self._jobs.pop(record.job_id, None)
        progress = self.progress.get(job.brainset) if job else None
        if job is None or progress is None:
            return
        if job.rule in _ASSET_STEPS:
            step = _ASSET_STEPS[job.rule]
            progress.pace.end(record.job_id, step, record.created)
            self._tell_asset(progress.finish(job.name, step), record.created)
        elif job.rule in _BATCH_STEPS:
            progress.pace.end(record.job_id, _BATCH_STEPS[job.rule], record.created)
        elif job.rule in _BRAINSET_RULES:
            progress.note = ""
            if job.rule == "write_manifest" and progress.planned_at < record.created:
                progress.note = "planning"
            if not self.screen.is_live:
                ended = f"{single_line(job.brainset)}: {_BRAINSET_RULES[job.rule][1]}"
                self._tell(record.created, ended)
            if job.rule == "write_manifest":
                for note in listing_notes(progress.folder.log(job.rule)):
                    self._tell(record.created, f"{single_line(job.brainset)}: {note}")

    def fail(self, record: Any, *, is_stopped: bool) -> bool:
        """Take over from its log record that a job has failed.

        Parameters
        ----------
        record : logging.LogRecord
            With the attributes of ``LogEvent.JOB_ERROR``.
        is_stopped : bool
            Whether the run is being stopped, and its jobs with it.

        Returns
        -------
        bool
            False if the record itself is to be shown, as nothing else says why.
        """
        job = self._jobs.get(record.jobid)
        progress = self.progress.get(job.brainset) if job else None
        is_known = False
        if job is None or progress is None:
            return False
        if job.rule in _ASSET_STEPS:
            progress.pace.end(record.jobid, _ASSET_STEPS[job.rule], record.created)
            is_known, event = progress.fail(job.name, job.began)
            self._tell_asset(event, record.created)
        elif job.rule in _BATCH_STEPS:
            progress.pace.end(record.jobid, _BATCH_STEPS[job.rule], record.created)
            for event in progress.look():
                self._tell_asset(event, record.created)
            is_known = progress.has_failed_since(job.assets, job.began)
        elif job.rule in _BRAINSET_RULES:
            progress.note = f"failed {_BRAINSET_RULES[job.rule][0]}".rstrip()
            return self._tell_brainset_failure(job, record.created)
        if not is_known and not is_stopped:
            # Else the table at the end names it as interrupted.
            self._tell_silent_end(job, record)
        return True

    def tell_unwritable(self, record: Any) -> None:
        """Say why a failed job could not write into its brainset's folder, if so."""
        job = self._jobs.get(record.jobid)
        progress = self.progress.get(job.brainset) if job else None
        if job and progress and (reason := why_unwritable(progress.folder.root)):
            where = f"{single_line(job.brainset)}: {progress.folder.root}"
            self._tell(record.created, f"{where}: {reason}", "red")

    def look(self) -> None:
        """Say what the sentinels have that no job has told: that of batches."""
        for brainset, progress in self.progress.items():
            batched = self._run.brainsets[brainset].batch_size != 1
            if progress.total is not None and (self.screen.is_live or batched):
                for event in progress.look():
                    self._tell_asset(event, time.time())

    def _title(self, job: _Job) -> str:
        if not job.name:
            return single_line(job.brainset)
        asset = self.progress[job.brainset].asset(job.name) or job.name
        return f"{single_line(job.brainset)} {asset_title(asset)}"

    def _tell(self, at: float, text: str, style: str = "") -> None:
        self.screen.tell(f"{clock(at)} {text}", style)

    def _tell_asset(self, event: AssetEvent | None, at: float) -> None:
        """Say what became of an asset."""
        if event is None or (event.failure is None and self.screen.is_live):
            return
        progress = self.progress[event.brainset]
        what = f"{single_line(event.brainset)} {asset_title(event.asset)}"
        counts = f"{progress.done:,} of {progress.total:,} done"
        if progress.failed:
            counts += f", {progress.failed:,} failed"
        failure = event.failure
        if failure is None:
            skipped = progress.why_skipped(event)
            verb = f"skipped: {first_line(skipped)}" if skipped else _VERBS[event.state]
            self._tell(at, f"{what}: {verb} ({counts})")
        elif self.screen.is_live:
            self.screen.tell_failure(f"{what} ({failure['step']})", failure)
        else:
            self._tell(
                at,
                f"{what}: {failure['step']} {FAILED}: {failure_text(failure)}; "
                f"log: {single_line(failure['log'])} ({counts})",
            )

    def _tell_brainset_failure(self, job: _Job, at: float) -> bool:
        """Say why a job for a whole brainset failed; return whether that is known."""
        file = _failure_file(self.progress[job.brainset], job.rule)
        record = read_sentinel(file) if file else None
        if record is None or _written(file) == job.failure_before:
            return False
        failure = failure_summary(record)
        what = f"{single_line(job.brainset)} {job.rule}"
        if self.screen.is_live:
            self.screen.tell_failure(what, failure, with_type=False)
        else:
            self._tell(
                at,
                f"{what}: FAILED: {failure_text(failure, with_type=False)}; "
                f"log: {single_line(failure['log'])}",
            )
        return True

    def _tell_silent_end(self, job: _Job, record: Any) -> None:
        """Say that a job ended without a record of why, as after a kill of its node."""
        step = {**_ASSET_STEPS, **_BATCH_STEPS}.get(job.rule, job.rule)
        what = self._title(job)
        if job.assets:
            first = asset_title(job.assets[0])
            what += f" (batch of {len(job.assets):,}, first {first})"
        # With a cluster's own log among them, and its job's number.
        parts = [f"log: {single_line(log)}" for log in record.log or ()]
        parts += [f"{key}: {single_line(value)}" for key, value in record.aux.items()]
        text = "ended without saying why (was it killed?)"
        if reason := why_unwritable(self.progress[job.brainset].folder.root):
            text = f"could not write how it ended: {reason}"
        self._tell(record.created, "; ".join([f"{what}: {step} {text}", *parts]), "red")


def _failure_file(progress: BrainsetProgress, rule: str) -> Path | None:
    """Return the file that says why a job for a whole brainset failed."""
    return {
        "build_environment": progress.folder.environment_failure,
        "write_manifest": progress.folder.listing_failure,
    }.get(rule)


def _written(path: Path | None) -> int | None:
    try:
        return path.stat().st_mtime_ns if path else None
    except OSError:
        return None
