"""The display of a run: Snakemake's log records in, assets on the screen out."""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from brainsets.display.dry_run import PlannedJobs
from brainsets.display.progress import BrainsetProgress, Happening
from brainsets.display.rates import WriteRates
from brainsets.display.screens import LineScreen, LiveScreen, can_redraw
from brainsets.display.snakemake_messages import (
    is_end,
    is_end_of_dry_run,
    is_noise,
    is_preamble,
    is_repeated_by_table,
    is_stop,
    restarted_job,
)
from brainsets.display.ticker import Ticker
from brainsets.display.units import age_s, clock
from brainsets.planning.pending import Pending
from brainsets.shared.files import why_unwritable
from brainsets.shared.state.sentinels import DONE, DOWNLOADED, FAILED, read_sentinel
from brainsets.shared.state.status import failure_summary, failure_text
from brainsets.shared.text.lines import asset_title, single_line

__all__ = ["DisplayHandler"]

# Often enough to be called live; a picture takes some ms.
_DRAW_S = 0.5
# Lines for assets of batches; nobody waits for them.
_LOOK_S = 2.0

_STEPS = {"download_asset": "download", "process_asset": "process"}
_BATCH_STEPS = {"download_batch": "download", "process_batch": "process"}
_WHOLE = {
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


class DisplayHandler(LogHandlerBase):
    """Takes the place of the handler that prints what Snakemake logs.

    Until a run or a dry-run begins, and if the display itself fails, all records go to
    that handler as they are: whatever else Snakemake does looks as ever.

    Parameters
    ----------
    common_settings : OutputSettings
        Snakemake's settings of what is printed.
    run : brainsets.planning.run.Run
        The run as the rules see it.
    ordinary : logging.StreamHandler
        Snakemake's own handler.
    """

    def __init__(self, common_settings: Any, run: Any, ordinary: Any) -> None:
        self._run = run
        self._ordinary = ordinary
        super().__init__(common_settings, None)
        self.filters = list(ordinary.filters)
        self._state = threading.RLock()
        self._is_begun = self._is_broken = self._is_closed = False
        self._has_told_failure = self._is_stopped = self._is_ending = False
        self._jobs: dict[int, _Job] = {}
        self._planned = PlannedJobs(run)
        self._rates = WriteRates()
        self._screen: LineScreen | LiveScreen = LineScreen(ordinary.stream)
        self._ticker: Ticker | None = None
        only = run.settings.download_only
        self._progress = {
            name: BrainsetProgress(brainset.folder, download_only=only)
            for name, brainset in run.brainsets.items()
        }

    @property
    def writes_to_stream(self) -> bool:
        """It is what is seen of a run."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's log file is not its business."""
        return False

    @property
    def has_filter(self) -> bool:
        """It filters what Snakemake's own handler filters."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It formats what it shows."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It does not show rules."""
        return False

    def plan(self, brainset: str, total: int, pending: Iterable[Pending]) -> None:
        """Be told what is to be done of a brainset; see `BrainsetProgress.plan`."""
        with self._state:
            progress = self._progress[brainset]
            progress.plan(total, pending)
            progress.note = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a record says. Called in a thread that nothing waits for."""
        with self._state:
            if not self._is_broken:
                try:
                    self._take(record)
                    return
                except Exception as error:
                    # An error here would end the thread, and all words of the run.
                    self._break(error)
            self._pass_on(record)

    def close(self) -> None:
        """End the display; what is printed from now on stays."""
        with self._state:
            if not self._is_closed:
                self._is_closed = True
                try:
                    if self._ticker is not None:
                        self._ticker.stop()
                        if not self._is_broken:
                            self._look()
                    if not (self._is_broken or self._planned.is_empty):
                        # Where the dry-run has ended with an error.
                        self._tell_planned()
                    self._screen.close()
                except Exception as error:
                    self._break(error)
        super().close()

    def _break(self, error: Exception) -> None:
        self._is_broken = True
        if self._ticker is not None:
            self._ticker.stop()
        try:
            self._screen.close()
        except Exception:
            pass
        sentence = (
            f"The display has failed ({type(error).__name__}: {error}); the run goes "
            "on, and what follows is what Snakemake itself prints."
        )
        self._pass_on(logging.makeLogRecord({"msg": sentence, "levelname": "WARNING"}))

    def _pass_on(self, record: logging.LogRecord) -> None:
        try:
            self._ordinary.handle(record)
        except OSError:
            # Whoever read our output has gone.
            pass

    def _take(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        message = record.getMessage()
        self._is_begun = self._is_begun or event == LogEvent.WORKFLOW_STARTED
        self._is_stopped = self._is_stopped or is_stop(message)
        if not self._is_begun:
            if not is_preamble(message):
                self._pass_on(record)
        elif self.common_settings.dryrun:
            self._take_planned(record, event, message)
        elif event == LogEvent.JOB_INFO:
            self._begin_job(record)
        elif event == LogEvent.JOB_FINISHED:
            self._end_job(record)
        elif event == LogEvent.JOB_ERROR:
            self._fail_job(record)
        elif is_noise(event, message):
            pass
        elif is_end(message):
            # Snakemake says so with every job that ends from now on.
            if not self._is_ending:
                self._is_ending = True
                self._tell_record(record, message)
        elif not (self._has_told_failure and is_repeated_by_table(message)):
            self._tell_record(record, message)

    def _take_planned(
        self, record: logging.LogRecord, event: LogEvent | None, message: str
    ) -> None:
        if event == LogEvent.JOB_INFO:
            if not self._planned.add(record):
                self._tell_record(record, message)
            return
        if is_end_of_dry_run(message):
            self._tell_planned()
        if not is_noise(event, message):
            self._tell_record(record, message)

    def _tell_planned(self) -> None:
        """Show the jobs of a dry-run, once."""
        encoding = getattr(self._ordinary.stream, "encoding", None) or "utf-8"
        for line in self._planned.lines(encoding):
            self._screen.tell(line)
        self._planned = PlannedJobs(self._run)

    def _tell_record(self, record: logging.LogRecord, message: str) -> None:
        """Show a record in Snakemake's own words."""
        number = restarted_job(message)
        job = None if number is None else self._jobs.get(number)
        if job is not None and job.name:
            what = self._title(job)
            self._tell_event(record.created, f"{what}: is tried again")
            return
        if not self._screen.is_live:
            self._pass_on(record)
            return
        style = "red" if record.levelno >= logging.ERROR else ""
        if record.levelno == logging.WARNING:
            style = "yellow"
        self._screen.tell(self._ordinary.format(record), style)

    def _title(self, job: _Job) -> str:
        if not job.name:
            return single_line(job.brainset)
        asset = self._progress[job.brainset].asset(job.name) or job.name
        return f"{single_line(job.brainset)} {asset_title(asset)}"

    def _tell_event(self, at: float, text: str, style: str = "") -> None:
        self._screen.tell(f"{clock(at)} {text}", style)

    def _begin_job(self, record: Any) -> None:
        self._start()
        rule, wildcards = record.rule_name, record.wildcards or {}
        brainset = wildcards.get("brainset", "")
        job = _Job(rule, brainset, wildcards.get("asset", ""), record.created)
        self._jobs[record.jobid] = job
        progress = self._progress.get(brainset)
        if progress is None:
            return
        if rule in _STEPS:
            progress.pace.begin(record.jobid, _STEPS[rule], 1, record.created)
        elif rule in _BATCH_STEPS:
            job.assets = self._run.batch_named(brainset, wildcards["batch"]).assets
            step, assets = _BATCH_STEPS[rule], len(job.assets)
            progress.pace.begin(record.jobid, step, assets, record.created)
        elif rule in _WHOLE:
            progress.note = _WHOLE[rule][0]
            job.failure_before = _written(self._failure_file(job))
            if not self._screen.is_live:
                self._tell_event(record.created, single_line(record.rule_msg))
        else:
            self._tell_event(record.created, single_line(record.rule_msg or rule))

    def _end_job(self, record: Any) -> None:
        job = self._jobs.pop(record.job_id, None)
        progress = self._progress.get(job.brainset) if job else None
        if job is None or progress is None:
            return
        if job.rule in _STEPS:
            step = _STEPS[job.rule]
            progress.pace.end(record.job_id, step, record.created)
            self._tell(progress.finish(job.name, step), record.created)
        elif job.rule in _BATCH_STEPS:
            progress.pace.end(record.job_id, _BATCH_STEPS[job.rule], record.created)
        elif job.rule in _WHOLE:
            progress.note = ""
            if job.rule == "write_manifest" and progress.planned_at < record.created:
                progress.note = "planning"
            if not self._screen.is_live:
                ended = f"{single_line(job.brainset)}: {_WHOLE[job.rule][1]}"
                self._tell_event(record.created, ended)

    def _fail_job(self, record: Any) -> None:
        job = self._jobs.get(record.jobid)
        progress = self._progress.get(job.brainset) if job else None
        is_known = False
        if job is None or progress is None:
            pass
        elif job.rule in _STEPS:
            progress.pace.end(record.jobid, _STEPS[job.rule], record.created)
            is_known, happening = progress.fail(job.name, job.began)
            self._tell(happening, record.created)
        elif job.rule in _BATCH_STEPS:
            progress.pace.end(record.jobid, _BATCH_STEPS[job.rule], record.created)
            for happening in progress.look():
                self._tell(happening, record.created)
            is_known = progress.has_failed_since(job.assets, job.began)
        elif job.rule in _WHOLE:
            progress.note = f"failed {_WHOLE[job.rule][0]}".rstrip()
            is_known = self._tell_whole(job, record.created)
        self._has_told_failure = True
        if is_known:
            return
        if job is None or job.rule in _WHOLE or progress is None:
            self._tell_record(record, "")
            if progress is not None and (
                reason := why_unwritable(progress.folder.root)
            ):
                where = f"{single_line(job.brainset)}: {progress.folder.root}"
                self._tell_event(record.created, f"{where}: {reason}", "red")
        elif not self._is_stopped:
            # Else the table at the end names it as interrupted.
            self._tell_silent_end(job, record)

    def _tell_silent_end(self, job: _Job, record: Any) -> None:
        """Say of a job that was killed with all that would have said why."""
        step = {**_STEPS, **_BATCH_STEPS}.get(job.rule, job.rule)
        what = self._title(job)
        if job.assets:
            what += (
                f" (batch of {len(job.assets):,}, first {asset_title(job.assets[0])})"
            )
        # With a cluster's own log among them, and its job's number.
        parts = [f"log: {single_line(log)}" for log in record.log or ()]
        parts += [f"{key}: {single_line(value)}" for key, value in record.aux.items()]
        text = "ended without saying why (was it killed?)"
        if reason := why_unwritable(self._progress[job.brainset].folder.root):
            text = f"could not write how it ended: {reason}"
        self._tell_event(
            record.created, "; ".join([f"{what}: {step} {text}", *parts]), "red"
        )

    def _failure_file(self, job: _Job) -> Any:
        folder = self._progress[job.brainset].folder
        if job.rule == "build_environment":
            return folder.environment_failure
        return folder.listing_failure

    def _tell_whole(self, job: _Job, at: float) -> bool:
        """Say why a job for a whole brainset failed; return whether that is known."""
        if job.rule == "summarize_brainset":
            return False
        file = self._failure_file(job)
        record = read_sentinel(file)
        if record is None or _written(file) == job.failure_before:
            return False
        failure = failure_summary(record)
        text = failure_text(failure, with_type=False)
        if self._screen.is_live:
            self._screen.tell(
                f"FAILED {single_line(job.brainset)} {job.rule}: {text}", "red"
            )
            self._screen.tell(f"       log: {single_line(failure['log'])}")
        else:
            self._tell_event(
                at,
                f"{single_line(job.brainset)} {job.rule}: FAILED: {text}; "
                f"log: {single_line(failure['log'])}",
            )
        return True

    def _tell(self, happening: Happening | None, at: float) -> None:
        """Say what became of an asset."""
        if happening is None:
            return
        progress = self._progress[happening.brainset]
        what = f"{single_line(happening.brainset)} {asset_title(happening.asset)}"
        failure = happening.failure
        if self._screen.is_live:
            if failure is not None:
                text = f"FAILED {what} ({failure['step']}): {failure_text(failure)}"
                self._screen.tell(text, "red")
                self._screen.tell(f"       log: {single_line(failure['log'])}")
            return
        counts = f"{progress.done:,} of {progress.total:,} done"
        if progress.failed:
            counts += f", {progress.failed:,} failed"
        if failure is None:
            self._tell_event(at, f"{what}: {_VERBS[happening.state]} ({counts})")
        else:
            self._tell_event(
                at,
                f"{what}: {failure['step']} {FAILED}: {failure_text(failure)}; "
                f"log: {single_line(failure['log'])} ({counts})",
            )

    def _start(self) -> None:
        """Begin to draw, now that there is something to be seen."""
        if self._ticker is not None:
            return
        if can_redraw(self._ordinary.stream):
            no_color = bool(self.common_settings.nocolor)
            self._screen = LiveScreen(self._ordinary.stream, no_color=no_color)
            self._ticker = Ticker(self._tick, _DRAW_S)
        else:
            # Jobs tell of assets, but for those that are in batches.
            self._ticker = Ticker(self._tick, _LOOK_S)
        self._ticker.start()

    def _tick(self) -> None:
        with self._state:
            if self._is_closed or self._is_broken:
                return
            try:
                self._look()
                if self._screen.is_live:
                    self._draw()
            except Exception as error:
                self._break(error)

    def _look(self) -> None:
        for brainset, progress in self._progress.items():
            batched = self._run.brainsets[brainset].batch_size != 1
            if progress.total is not None and (self._screen.is_live or batched):
                for happening in progress.look():
                    self._tell(happening, time.time())

    def _draw(self) -> None:
        from brainsets.display.live_view import AssetLine, BrainsetBar

        now = time.time()
        parts = list(self._progress.values())
        bars = [
            BrainsetBar(
                part.brainset,
                part.total,
                part.done,
                part.failed,
                part.note or ("waiting" if part.total is None else ""),
                part.left_s(now),
            )
            for part in parts
        ]
        running = [(part.brainset, record) for part in parts for record in part.running]
        rates = self._rates.measure(record for _, record in running)
        assets = [
            AssetLine(
                brainset,
                record["asset"],
                str(record.get("step")),
                str(record.get("status")),
                age_s(record.get("started"), now),
                rates.get(record.get("pid")),
            )
            for brainset, record in running
        ]
        self._screen.draw(bars, assets, sum(part.more_running for part in parts))


def _written(path: Any) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
