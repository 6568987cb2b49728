"""A picture of a recording: all of it at a glance, and some seconds of it in detail."""

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from brainsets.report.data.panels import (
    INK,
    MAX_EVENT_ROWS,
    MAX_TRACES,
    PALE,
    Panels,
    Window,
)
from brainsets.report.data.recording import Events, Recording, Signal
from brainsets.report.data.statistics import Scan

__all__ = ["STYLE", "WIDTH_IN", "as_png", "picture"]

WIDTH_IN = 10.6
DPI = 100
_COLOURS_KEPT = 96
# What is shown in detail: so many seconds, but no more than a part of the whole.
_EXCERPT_S = 10.0
_EXCERPT_PART = 0.2
_MAX_SIGNALS = 4

# A panel: its height in inches, what draws it, and what of the recording is drawn.
_Panel = tuple[float, Callable[[Any, Any, Window], None], Any]
STYLE = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    # Names of channels and events are text, whatever is in them.
    "text.parse_math": False,
}


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # Letters that the font lacks are drawn as boxes.
        warnings.simplefilter("ignore")
        figure.savefig(content, format="png", dpi=DPI)
    # A palette is enough, and makes the file a third as large.
    small = io.BytesIO()
    with Image.open(content) as image:
        image.convert("RGB").quantize(_COLOURS_KEPT).save(small, "png", optimize=True)
    return small.getvalue()


def picture(recording: Recording, scans: Mapping[str, Scan]) -> bytes | None:
    """Draw a recording; None if it holds nothing that has a place in time.

    Parameters
    ----------
    recording : Recording
        What is in the file, which is still open.
    scans : mapping of str to Scan
        Of the signals, their course over time; by path.
    """
    extent = recording.extent
    if extent is None or not extent[1] > extent[0]:
        return None
    with matplotlib.rc_context(STYLE):
        return as_png(_Picture(recording, scans, extent).figure)


class _Picture:
    def __init__(
        self, recording: Recording, scans: Mapping[str, Scan], extent: Window
    ) -> None:
        self.recording, self.scans, self.extent = recording, scans, extent
        self.panels = Panels(recording, scans, extent)
        drawable = [s for s in recording.signals if s.extent is not None]
        drawable.sort(key=lambda signal: -signal.n_channels)
        self.signals = drawable[:_MAX_SIGNALS]
        window = _window(recording, extent, self.signals)
        rows = self._overview_rows()
        details = self._detail_rows(window)
        heights = [height for height, _, _ in rows + details]
        self.figure = Figure(
            figsize=(WIDTH_IN, sum(heights) + 0.55 + 0.5 * bool(details)),
            layout=ConstrainedLayoutEngine(h_pad=0.03, hspace=0.02),
        )
        parts = [rows, details] if details else [rows]
        totals = [sum(height for height, _, _ in part) + 0.4 for part in parts]
        frames = self.figure.subfigures(
            len(parts), 1, squeeze=False, height_ratios=totals
        )[:, 0]
        self._fill(frames[0], rows, extent, "the whole recording")
        if details:
            span = window[1] - window[0]
            marked = ", with its events" if recording.events else ""
            self._fill(frames[1], details, window, f"{span:.3g} s of it{marked}")

    def _fill(self, frame: Any, rows: list[_Panel], window: Window, title: str) -> None:
        axes = frame.subplots(
            len(rows),
            1,
            sharex=True,
            squeeze=False,
            height_ratios=[height for height, _, _ in rows],
        )[:, 0]
        for number, (axis, (_, draw, subject)) in enumerate(zip(axes, rows)):
            draw(axis, subject, window)
            last = number == len(rows) - 1
            axis.tick_params(axis="x", bottom=last, labelbottom=last)
            axis.spines["bottom"].set_visible(last)
        axes[0].set_xlim(*window)
        axes[-1].set_xlabel("time (s)", loc="right", labelpad=1)
        first = axes[0].get_title(loc="left")
        axes[0].set_title(f"{title}{': ' + first if first else ''}", weight="bold")

    def _overview_rows(self) -> list[_Panel]:
        rows: list[_Panel] = []
        events = [e for e in self.recording.events if len(e.starts)]
        for each in events[:MAX_EVENT_ROWS]:
            rows.append((0.28, self.panels.strip, each))
        if self.recording.splits:
            rows.append((0.28, self.panels.splits, None))
        for spikes in self.recording.spikes:
            rows.append((_raster_height(spikes.n_units), self.panels.raster, spikes))
        for signal in self.signals:
            scan = self.scans.get(signal.path)
            if scan is not None and scan.course is not None:
                several = signal.n_channels > 3
                rows.append((1.1 if several else 0.75, self.panels.course, signal))
        return rows or [(0.3, self.panels.strip, Events("", np.empty(0)))]

    def _detail_rows(self, window: Window) -> list[_Panel]:
        rows: list[_Panel] = []
        for spikes in self.recording.spikes:
            rows.append((_raster_height(spikes.n_units), self.panels.raster, spikes))
        for signal in self.signals:
            begin, end = signal.extent or self.extent
            if end <= window[0] or begin >= window[1]:
                continue
            traces = min(signal.n_channels, MAX_TRACES)
            height = 0.8 if traces == 1 else 0.35 + 0.16 * traces
            rows.append((height, self.panels.traces, signal))
        return rows


def _raster_height(n_units: int) -> float:
    return 0.45 + min(0.05 * n_units, 1.6)


def _window(recording: Recording, extent: Window, signals: list[Signal]) -> Window:
    """Return begin and end in seconds of the part that is shown in detail.

    It begins shortly before the event, or else the spike, nearest to the middle of the
    time for which there are all signals.
    """
    starts, ends = zip(extent, *(signal.extent or extent for signal in signals))
    start, end = max(starts), min(ends)
    if end <= start:
        start, end = extent
    length_s = min(_EXCERPT_S, _EXCERPT_PART * (end - start))
    middle = (start + end - length_s) / 2
    moments = [e.starts for e in recording.events if 1 < len(e.starts)]
    moments = moments or [spikes.times for spikes in recording.spikes]
    moments = [times[np.isfinite(times)] for times in moments]
    known = np.concatenate(moments) if moments else np.empty(0)
    if len(known):
        middle = known[np.argmin(np.abs(known - middle))] - 0.1 * length_s
    middle = min(max(middle, start), end - length_s)
    return float(middle), float(middle + length_s)
