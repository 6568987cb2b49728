"""``status --watch``: the live view of a run, from the sentinels alone."""

import sys
import time
from collections.abc import Callable

from brainsets.display.rates import WriteRates
from brainsets.display.screens import (
    LineScreen,
    LiveScreen,
    can_redraw,
    console,
    pause_s,
)
from brainsets.display.status_table import place_lines, status_table
from brainsets.display.units import clock
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import Manifests
from brainsets.shared.state.sentinels import DONE, FAILED, RUNNING
from brainsets.shared.state.status import BrainsetStatus, brainset_status
from brainsets.shared.text.lines import asset_title, single_line

__all__ = ["watch"]

_REFRESH_S = 1.0
# Of one core; reading the state of 50,000 assets takes some tenths of a second.
_MAX_CPU_SHARE = 0.1
# Shown when it starts, of those that there are by then.
_MAX_FAILURES = 10


def watch(find: Callable[[], list[BrainsetFolder]]) -> int:
    """Show how far brainsets are until Ctrl-C; return 1 if anything failed.

    Parameters
    ----------
    find : callable
        Returns the folders; asked anew each time, as a run may begin meanwhile.
    """
    watcher = _Watcher(find)
    try:
        watcher.run()
    except KeyboardInterrupt:
        pass
    finally:
        watcher.screen.close()
    if watcher.screen.is_live:
        screen = console(sys.stdout)
        statuses = watcher.statuses
        for part in (*status_table(statuses), *place_lines(statuses)):
            screen.print(part, soft_wrap=isinstance(part, str))
    return int(any(status.has_failed for status in watcher.statuses))


class _Watcher:
    def __init__(self, find: Callable[[], list[BrainsetFolder]]) -> None:
        self._find = find
        self._manifests = Manifests()
        self._rates = WriteRates()
        self._failures: dict[tuple[str, str], tuple] | None = None
        self._lines: dict[str, str] = {}
        # When a brainset was seen first, and how much of it was finished then.
        self._first: dict[str, tuple[float, int]] = {}
        self.statuses: list[BrainsetStatus] = []
        self.screen = (
            LiveScreen(sys.stdout) if can_redraw(sys.stdout) else LineScreen(sys.stdout)
        )

    def run(self) -> None:
        while True:
            began = time.process_time()
            read = self._manifests.read
            self.statuses = [brainset_status(f, read=read) for f in self._find()]
            self._tell_failures()
            if self.screen.is_live:
                self._draw()
            else:
                self._tell_counts()
            cost_s = time.process_time() - began
            time.sleep(pause_s(cost_s, _REFRESH_S, share=_MAX_CPU_SHARE))

    def _tell_failures(self) -> None:
        failures = {
            (status.brainset, str(failure.get("asset") or failure.get("step"))): failure
            for status in self.statuses
            for failure in (*status.broken, *status.failures)
        }
        marks = {
            key: (failure.get("step"), failure.get("attempts"), failure.get("message"))
            for key, failure in failures.items()
        }
        known = self._failures
        fresh = [key for key, mark in marks.items() if (known or {}).get(key) != mark]
        if known is None and len(fresh) > _MAX_FAILURES:
            self.screen.tell(
                f"{len(fresh):,} failures so far, of which the last "
                f"{_MAX_FAILURES}; all of them: 'brainsets status --failed'"
            )
            fresh = fresh[-_MAX_FAILURES:]
        for key in fresh:
            failure, (brainset, asset) = failures[key], key
            what = f"{single_line(brainset)} {asset_title(asset)}"
            if failure.get("asset"):
                what += f" ({failure['step']})"
            self.screen.tell_failure(what, failure)
        self._failures = marks

    def _tell_counts(self) -> None:
        for status in self.statuses:
            counts = status.counts
            total = "" if status.total is None else f" of {status.total:,}"
            no_list = "no list yet, " if status.total is None else ""
            line = (
                f"{single_line(status.brainset)}: {no_list}"
                f"{counts.get(DONE, 0):,}{total} done, "
                f"{counts.get(FAILED, 0):,} failed, {counts.get(RUNNING, 0):,} running"
            )
            if self._lines.get(status.brainset) != line:
                self._lines[status.brainset] = line
                self.screen.tell(f"{clock(time.time())} {line}")

    def _draw(self) -> None:
        from brainsets.display.live_view import BrainsetBar, asset_lines

        now = time.time()
        bars = [
            BrainsetBar(
                status.brainset,
                status.total,
                status.counts.get(DONE, 0),
                status.counts.get(FAILED, 0),
                "no list yet" if status.total is None else "",
                self._left_s(status, now),
            )
            for status in self.statuses
        ]
        assets = asset_lines(
            [(s.brainset, record) for s in self.statuses for record in s.running],
            self._rates,
            now,
        )
        self.screen.draw(bars, assets, 0)

    def _left_s(self, status: BrainsetStatus, now: float) -> float | None:
        """Return the seconds left, from what was finished while this looked on."""
        ended = status.counts.get(DONE, 0) + status.counts.get(FAILED, 0)
        since, before = self._first.setdefault(status.brainset, (now, ended))
        left = (status.total or 0) - ended
        if ended <= before or not status.running:
            return None
        return left * (now - since) / (ended - before)
