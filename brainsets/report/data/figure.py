"""A picture of a recording: all of it at a glance, and some seconds of it in detail."""

import io
import math
import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from brainsets.report.data.recording import Events, Recording, Signal
from brainsets.report.data.statistics import Scan
from brainsets.shared.text.lines import single_line

__all__ = ["STYLE", "WIDTH_IN", "as_png", "picture"]

WIDTH_IN = 10.6
DPI = 100
_COLOURS_KEPT = 96
# What is shown in detail: so many seconds, but no more than a part of the whole.
_EXCERPT_S = 10.0
_EXCERPT_PART = 0.2
_MOST_SIGNALS = 4
_MOST_TRACES = 16
_MOST_EVENT_ROWS = 4
_MOST_LABELS = 10
# Marks of one kind in a picture; more would be one colour.
_MOST_MARKS = 400
_MOST_UNITS = 200
_PIXELS = 1000
# From this share of pixels with a spike on, a raster is drawn as shades of grey.
_DENSE = 0.3
_INK, _PALE = "#1f2a36", "#8a97a5"
_COLOURS = matplotlib.color_sequences["tab10"]
STYLE = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _PALE,
    "axes.labelcolor": _INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
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
    # Few colours are enough, and a third of the size.
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
        self,
        recording: Recording,
        scans: Mapping[str, Scan],
        extent: tuple[float, float],
    ) -> None:
        self.recording, self.scans, self.extent = recording, scans, extent
        drawable = [s for s in recording.signals if s.extent is not None]
        drawable.sort(key=lambda signal: -signal.n_channels)
        self.signals = drawable[:_MOST_SIGNALS]
        self.colours = _colours_of(recording.events)
        window = _window(recording, extent, self.signals)
        rows = self._overview_rows()
        details = self._detail_rows(window)
        heights = [height for height, _, _ in rows + details]
        self.figure = Figure(
            figsize=(WIDTH_IN, sum(heights) + 0.55 + 0.5 * bool(details)),
            layout="constrained",
        )
        self.figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
        parts = [rows, details] if details else [rows]
        totals = [sum(height for height, _, _ in part) + 0.4 for part in parts]
        frames = self.figure.subfigures(len(parts), 1, height_ratios=totals)
        self._fill(np.atleast_1d(frames)[0], rows, extent, "the whole recording")
        if details:
            span = window[1] - window[0]
            marked = ", with its events" if recording.events else ""
            self._fill(frames[1], details, window, f"{span:.3g} s of it{marked}")

    def _fill(
        self, frame: Any, rows: list, window: tuple[float, float], title: str
    ) -> None:
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

    def _overview_rows(self) -> list:
        rows = []
        events = [e for e in self.recording.events if len(e.starts)]
        for each in events[:_MOST_EVENT_ROWS]:
            rows.append((0.28, self._strip, each))
        if self.recording.splits:
            rows.append((0.28, self._splits, None))
        for spikes in self.recording.spikes:
            rows.append((_raster_height(spikes.n_units), self._raster, spikes))
        for signal in self.signals:
            course = self.scans.get(signal.path)
            if course is not None and course.spread is not None:
                several = signal.n_channels > 3
                rows.append((1.1 if several else 0.75, self._course, signal))
        return rows or [(0.3, self._strip, Events("", np.empty(0)))]

    def _detail_rows(self, window: tuple[float, float]) -> list:
        rows = []
        for spikes in self.recording.spikes:
            rows.append((_raster_height(spikes.n_units), self._raster, spikes))
        for signal in self.signals:
            begin, end = signal.extent
            if end <= window[0] or begin >= window[1]:
                continue
            traces = min(signal.n_channels, _MOST_TRACES)
            height = 0.8 if traces == 1 else 0.35 + 0.16 * traces
            rows.append((height, self._traces, signal))
        return rows

    def _strip(self, axis: Any, events: Events, window: tuple[float, float]) -> None:
        self._mark(axis, events, window, alpha=0.9)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_ylabel(_short(events.path), rotation=0, ha="right", va="center")
        known = [x for x in dict.fromkeys(events.labels) if x in self.colours]
        if known:
            more = len({*events.labels}) - len(known)
            from matplotlib.patches import Patch

            keys = [Patch(color=self.colours[x], label=_short(x)) for x in known]
            if more:
                keys.append(Patch(color=_PALE, label=f"{more} more"))
            axis.legend(
                handles=keys,
                loc="lower right",
                bbox_to_anchor=(1, 0.95),
                ncols=len(keys),
                frameon=False,
                fontsize=8,
                handlelength=0.9,
                columnspacing=1.0,
                borderaxespad=0,
            )

    def _splits(self, axis: Any, _: None, window: tuple[float, float]) -> None:
        for split in self.recording.splits:
            name = single_line(split.path.split("/")[-1].removesuffix("_domain"))
            colour = {"train": "#5b8db8", "test": "#c05b5b"}.get(name, "#d9a441")
            starts, ends = np.clip([split.starts, split.ends], *window)
            spans = [*zip(starts, ends - starts)]
            axis.broken_barh(spans, (0, 1), color=colour, linewidth=0, alpha=0.85)
            if not len(spans):
                continue
            start, end = starts.min(), ends.max()
            covered = np.sum(ends - starts) > 0.7 * (end - start)
            if covered and end - start > 0.05 * (window[1] - window[0]):
                style = {"color": "white", "fontsize": 7.5, "clip_on": True}
                middle = (start + end) / 2
                axis.text(middle, 0.47, name, ha="center", va="center", **style)
        axis.set_ylim(0, 1)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_ylabel("split", rotation=0, ha="right", va="center")

    def _raster(self, axis: Any, spikes: Any, window: tuple[float, float]) -> None:
        for events in self.recording.events:
            if window != self.extent:
                self._mark(axis, events, window, alpha=0.16)
        inside = (spikes.times >= window[0]) & (spikes.times <= window[1])
        times, units = spikes.times[inside], spikes.unit_index[inside]
        step = max(1, math.ceil(spikes.n_units / _MOST_UNITS))
        shown = units % step == 0
        times, units = times[shown], units[shown] // step
        rows = math.ceil(spikes.n_units / step)
        # Spikes that share a pixel are one mark.
        pixel = np.floor((times - window[0]) / (window[1] - window[0]) * _PIXELS)
        _, kept = np.unique(units * (_PIXELS + 1) + pixel, return_index=True)
        if len(kept) > _DENSE * rows * _PIXELS:
            self._rates(axis, times, units, rows, window)
        elif rows:
            by_unit = [times[kept][units[kept] == unit] for unit in range(rows)]
            style = {"linelengths": 0.8, "linewidths": 0.6, "color": _INK}
            axis.eventplot(by_unit, lineoffsets=range(rows), **style)
        axis.set_ylim(rows - 0.4, -0.6)
        axis.set_yticks([0] if rows == 1 else [0, rows - 1])
        axis.set_yticklabels(["0"] if rows == 1 else ["0", str((rows - 1) * step)])
        axis.set_ylabel("unit")
        every = f", each {step}th unit" if step > 1 else ""
        axis.set_title(
            f"{single_line(spikes.path)}: {inside.sum():,} spikes, {spikes.n_units} "
            f"unit{'s' * (spikes.n_units != 1)}{every}"
        )

    def _rates(
        self, axis: Any, times: np.ndarray, units: np.ndarray, rows: int, window: Any
    ) -> None:
        """Show how many spikes there are, where marks would run into each other."""
        edges = np.linspace(*window, _PIXELS // 3), np.arange(rows + 1) - 0.5
        counts, _, _ = np.histogram2d(times, units, bins=edges)
        axis.imshow(
            counts.T,
            aspect="auto",
            extent=(*window, rows - 0.5, -0.5),
            interpolation="nearest",
            vmin=0,
            vmax=max(1, np.percentile(counts, 99)),
            cmap="Greys",
        )

    def _course(self, axis: Any, signal: Signal, window: tuple[float, float]) -> None:
        course = self.scans[signal.path]
        start, end = signal.extent
        if signal.n_channels > 3:
            top = np.nanpercentile(course.spread, 99) if course.spread.size else 1
            axis.imshow(
                course.spread.T,
                aspect="auto",
                extent=(start, end, signal.n_channels - 0.5, -0.5),
                interpolation="nearest",
                vmin=0,
                vmax=top or 1,
                cmap="viridis",
            )
            axis.set_ylabel("channel")
            axis.set_yticks([0, signal.n_channels - 1])
            what = f"standard deviation, 0 (dark) to {_told(top, signal.unit)}"
        else:
            times = start + (np.arange(len(course.lows)) + 0.5) * (
                (end - start) / len(course.lows)
            )
            factor, unit = _scaled(_largest(course.lows, course.highs), signal.unit)
            for channel in range(signal.n_channels):
                axis.fill_between(
                    times,
                    course.lows[:, channel] * factor,
                    course.highs[:, channel] * factor,
                    color=_COLOURS[channel],
                    alpha=0.7,
                    linewidth=0.4,
                )
            axis.set_ylabel(unit)
            axis.locator_params(axis="y", nbins=3)
            what = "smallest and largest value"
        axis.set_title(f"{single_line(signal.path)}: {what}")

    def _traces(self, axis: Any, signal: Signal, window: tuple[float, float]) -> None:
        for events in self.recording.events:
            self._mark(axis, events, window, alpha=0.16)
        times, values = signal.excerpt(*window)
        count = signal.n_channels
        chosen = np.unique(
            np.linspace(0, count - 1, min(count, _MOST_TRACES)).astype(int)
        )
        values = values[:, chosen]
        several = len(chosen) > 1
        if several:
            values = values - _middle(values)
            apart = 1.6 * (np.nanpercentile(np.abs(values), 98) if values.size else 0)
            apart = apart if np.isfinite(apart) and apart > 0 else 1.0
        factor, unit = (1.0, "") if several else _scaled(_largest(values), signal.unit)
        for row in range(values.shape[1]):
            trace = values[:, row] * factor
            if several:
                trace = -row + trace / apart
            xs, ys = _thinned(times, trace)
            axis.plot(xs, ys, color=_INK, linewidth=0.5)
        title = single_line(signal.path)
        if several:
            names = signal.channels or [str(c) for c in range(count)]
            axis.set_yticks(-np.arange(len(chosen)), [_short(names[c]) for c in chosen])
            axis.tick_params(axis="y", labelsize=7, length=0)
            axis.set_ylim(-len(chosen) + 0.3, 0.7)
            title += (
                f": {len(chosen)} of {count} channels" if len(chosen) < count else ""
            )
            title += f"{',' if len(chosen) < count else ':'} rows are "
            title += f"{_told(apart, signal.unit)} apart"
        else:
            axis.set_ylabel(unit)
            axis.locator_params(axis="y", nbins=3)
        if len(times) == 0:
            title += ": no samples here"
        axis.set_title(title)

    def _mark(
        self, axis: Any, events: Events, window: tuple[float, float], alpha: float
    ) -> None:
        """Mark events as spans, moments as lines, in the colours of their labels."""
        ends = events.starts if events.ends is None else events.ends
        inside = np.flatnonzero((ends >= window[0]) & (events.starts <= window[1]))
        if len(inside) > _MOST_MARKS:
            inside = inside[:: math.ceil(len(inside) / _MOST_MARKS)]
        by_colour: dict[Any, list[int]] = {}
        for number in inside:
            label = events.labels[number] if events.labels else events.path
            by_colour.setdefault(self.colours.get(label, _PALE), []).append(number)
        faint = alpha < 0.5
        for colour, numbers in by_colour.items():
            if events.ends is None:
                xs, strength = events.starts[numbers], 0.8 if faint else 1.0
                across = axis.get_xaxis_transform()
                axis.vlines(
                    xs,
                    0,
                    1,
                    transform=across,
                    color=colour,
                    linewidth=1,
                    alpha=strength,
                )
            else:
                for number in numbers:
                    span = np.clip(
                        [events.starts[number], events.ends[number]], *window
                    )
                    axis.axvspan(*span, color=colour, alpha=alpha, linewidth=0)
                    if not faint:
                        axis.axvline(span[0], color="white", linewidth=0.5)


def _raster_height(n_units: int) -> float:
    return 0.45 + min(0.05 * n_units, 1.6)


def _colours_of(events: list[Events]) -> dict[str, Any]:
    """Return a colour for each label, or for each set of events without labels."""
    names: dict[str, None] = {}
    for each in events[:_MOST_EVENT_ROWS]:
        names.update(dict.fromkeys(each.labels or [each.path]))
    # An id of its own for each event says nothing as a colour.
    return dict(zip([*names][:_MOST_LABELS], _COLOURS))


def _window(
    recording: Recording, extent: tuple[float, float], signals: list[Signal]
) -> tuple[float, float]:
    """Return begin and end in seconds of the part that is shown in detail.

    It begins shortly before the event, or else the spike, nearest to the middle of the
    time for which there are all signals.
    """
    starts, ends = zip(extent, *(signal.extent for signal in signals))
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


def _middle(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        # A channel without any value has no middle.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=0)


def _thinned(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest value for each pixel, if there are many more."""
    each = len(values) // (2 * _PIXELS)
    if each < 2:
        return times, values
    count = len(values) // each
    parts = values[: count * each].reshape(count, each)
    both = np.stack([np.fmin.reduce(parts, 1), np.fmax.reduce(parts, 1)], 1)
    return np.repeat(times[: count * each : each], 2), both.ravel()


def _largest(*values: np.ndarray) -> float:
    known = [np.abs(v[np.isfinite(v)]) for v in values]
    return max((float(k.max()) for k in known if k.size), default=0.0)


def _scaled(size: float, unit: str) -> tuple[float, str]:
    """Return the factor and the unit in which values of a size read well."""
    if unit not in ("V", "volts", "A", "amperes", "T"):
        return 1.0, _cut(unit)
    short = {"volts": "V", "amperes": "A"}.get(unit, unit)
    for prefix, power in (("", 0), ("m", 3), ("µ", 6), ("n", 9)):
        if size * 10**power >= 0.5 or prefix == "n":
            return 10.0**power, f"{prefix}{short}"
    raise AssertionError


def _told(size: float, unit: str) -> str:
    factor, shown = _scaled(size, unit)
    return f"{size * factor:.3g} {shown}".strip()


def _short(text: str) -> str:
    return _cut(" ".join(text.split("/")[-1].split()))


def _cut(text: str) -> str:
    """Return text in a form and a length that can be drawn."""
    text = single_line(text)
    return text if len(text) <= 18 else f"{text[:17]}…"
