"""The log handler that shows a run: Snakemake's records in, lines and bars out."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface

from brainsets.display.dry_run import PlannedJobs
from brainsets.display.job_events import JobEvents
from brainsets.display.rates import WriteRates
from brainsets.display.screens import LineScreen, LiveScreen, Ticker, can_redraw
from brainsets.display.snakemake_messages import (
    is_end,
    is_end_of_dry_run,
    is_noise,
    is_preamble,
    is_repeated_by_table,
    is_stop,
    restarted_job,
)
from brainsets.planning.pending import Pending
from brainsets.planning.run import Run

__all__ = ["DisplayHandler"]

# Between two drawings, each of which takes some milliseconds.
_DRAW_INTERVAL_S = 0.5
# Between two looks at the sentinels of batches, where nothing is drawn.
_LOOK_INTERVAL_S = 2.0


class DisplayHandler(LogHandlerBase):
    """Takes the place of the handler that prints what Snakemake logs.

    Until a run or a dry-run begins, and if the display itself fails, all records go to
    that handler as they are: whatever else Snakemake does looks as ever.

    Parameters
    ----------
    common_settings : OutputSettingsLoggerInterface
        Snakemake's settings of what is printed.
    run : Run
        The run as the rules see it.
    ordinary : logging.StreamHandler
        Snakemake's own handler.
    """

    # What Snakemake asks of every handler.
    writes_to_stream = has_filter = has_formatter = True
    writes_to_file = needs_rulegraph = False

    def __init__(
        self,
        common_settings: OutputSettingsLoggerInterface,
        run: Run,
        ordinary: logging.StreamHandler[TextIO],
    ) -> None:
        self._run = run
        self._ordinary = ordinary
        super().__init__(common_settings, None)
        self.filters = list(ordinary.filters)
        self._state = threading.RLock()
        self._is_begun = self._is_broken = self._is_closed = False
        self._has_told_failure = self._is_stopped = self._is_ending = False
        self._events = JobEvents(run, LineScreen(ordinary.stream))
        self._planned = PlannedJobs(run)
        self._rates = WriteRates()
        self._ticker: Ticker | None = None

    def plan(self, brainset: str, total: int, pending: Iterable[Pending]) -> None:
        """Set what is to be done of a brainset; see `BrainsetProgress.plan`."""
        with self._state:
            progress = self._events.progress[brainset]
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
                    # An error here would end the thread through which all records go.
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
                            self._events.look()
                    if not (self._is_broken or self._planned.is_empty):
                        # Where the dry-run has ended with an error.
                        self._tell_planned()
                    self._events.screen.close()
                except Exception as error:
                    self._break(error)
        super().close()

    def _break(self, error: Exception) -> None:
        self._is_broken = True
        if self._ticker is not None:
            self._ticker.stop()
        try:
            self._events.screen.close()
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
            # Our output was closed, as by `head`.
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
            self._start()
            self._events.begin(record)
        elif event == LogEvent.JOB_FINISHED:
            self._events.end(record)
        elif event == LogEvent.JOB_ERROR:
            self._has_told_failure = True
            if not self._events.fail(record, is_stopped=self._is_stopped):
                self._tell_record(record, "")
                self._events.tell_unwritable(record)
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
            self._events.screen.tell(line)
        self._planned = PlannedJobs(self._run)

    def _tell_record(self, record: logging.LogRecord, message: str) -> None:
        """Show a record in Snakemake's own words."""
        number = restarted_job(message)
        if number is not None and self._events.restart(number, record.created):
            return
        if not self._events.screen.is_live:
            self._pass_on(record)
            return
        style = "red" if record.levelno >= logging.ERROR else ""
        if record.levelno == logging.WARNING:
            style = "yellow"
        self._events.screen.tell(self._ordinary.format(record), style)

    def _start(self) -> None:
        """Begin to draw, now that there is something to be seen."""
        if self._ticker is not None:
            return
        if can_redraw(self._ordinary.stream):
            no_color = bool(self.common_settings.nocolor)
            self._events.screen = LiveScreen(self._ordinary.stream, no_color=no_color)
            self._ticker = Ticker(self._tick, _DRAW_INTERVAL_S)
        else:
            # Jobs tell of assets, but for those that are in batches.
            self._ticker = Ticker(self._tick, _LOOK_INTERVAL_S)
        self._ticker.start()

    def _tick(self) -> None:
        with self._state:
            if self._is_closed or self._is_broken:
                return
            try:
                self._events.look()
                if self._events.screen.is_live:
                    self._draw()
            except Exception as error:
                self._break(error)

    def _draw(self) -> None:
        from brainsets.display.live_view import BrainsetBar, asset_lines

        now = time.time()
        parts = list(self._events.progress.values())
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
        assets = asset_lines(running, self._rates, now)
        self._events.screen.draw(bars, assets, sum(part.more_running for part in parts))
