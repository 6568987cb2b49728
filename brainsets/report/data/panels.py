"""The panels of a figure: events, splits, rasters of spikes, and signals.

Each is drawn into axes of its own, for a window of time: the whole recording, or an
excerpt of it.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.patches import Patch

from brainsets.report.data.recording import Events, Recording, Signal, Spikes
from brainsets.report.data.statistics import Scan
from brainsets.shared.text.lines import single_line

__all__ = ["INK", "MAX_EVENT_ROWS", "MAX_TRACES", "PALE", "Panels", "Window"]

Window = tuple[float, float]
"""Begin and end in seconds."""

INK, PALE = "#1f2a36", "#8a97a5"
MAX_EVENT_ROWS = 4
MAX_TRACES = 16
_MAX_LABELS = 10
_MAX_MARKS = 400  # of one kind in a panel; more would be one colour
_MAX_UNITS = 200
_MAX_TEXT_LENGTH = 18
_PIXELS = 1000
# From this share of pixels with a spike on, a raster is drawn as shades of grey.
_DENSE = 0.3
_COLOURS = matplotlib.color_sequences["tab10"]


class Panels:
    """Draws the panels of one recording, with the same colours in all of them.

    Parameters
    ----------
    recording : Recording
        What is in the file, which is still open.
    scans : mapping of str to Scan
        Of the signals, their course over time; by path.
    extent : tuple of float
        When the recording begins and ends.
    """

    def __init__(
        self, recording: Recording, scans: Mapping[str, Scan], extent: Window
    ) -> None:
        self.recording, self.scans, self.extent = recording, scans, extent
        self.colours = _colours_of(recording.events)

    def strip(self, axis: Any, events: Events, window: Window) -> None:
        self._mark(axis, events, window, alpha=0.9)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_ylabel(_short(events.path), rotation=0, ha="right", va="center")
        known = [x for x in dict.fromkeys(events.labels) if x in self.colours]
        if known:
            more = len({*events.labels}) - len(known)
            keys = [Patch(color=self.colours[x], label=_short(x)) for x in known]
            if more:
                keys.append(Patch(color=PALE, label=f"{more} more"))
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

    def splits(self, axis: Any, _: None, window: Window) -> None:
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

    def raster(self, axis: Any, spikes: Spikes, window: Window) -> None:
        for events in self.recording.events:
            if window != self.extent:
                self._mark(axis, events, window, alpha=0.16)
        inside = (spikes.times >= window[0]) & (spikes.times <= window[1])
        times, units = spikes.times[inside], spikes.unit_index[inside]
        step = max(1, math.ceil(spikes.n_units / _MAX_UNITS))
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
            style = {"linelengths": 0.8, "linewidths": 0.6, "color": INK}
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
        self, axis: Any, times: np.ndarray, units: np.ndarray, rows: int, window: Window
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

    def course(self, axis: Any, signal: Signal, window: Window) -> None:
        course = self.scans[signal.path].course
        assert course is not None, "only signals with one are drawn so"
        start, end = signal.extent or self.extent
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
            what = f"standard deviation, 0 (dark) to {_with_unit(top, signal.unit)}"
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

    def traces(self, axis: Any, signal: Signal, window: Window) -> None:
        for events in self.recording.events:
            self._mark(axis, events, window, alpha=0.16)
        times, values = signal.excerpt(*window)
        count = signal.n_channels
        chosen = np.unique(
            np.linspace(0, count - 1, min(count, MAX_TRACES)).astype(int)
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
            axis.plot(xs, ys, color=INK, linewidth=0.5)
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
            title += f"{_with_unit(apart, signal.unit)} apart"
        else:
            axis.set_ylabel(unit)
            axis.locator_params(axis="y", nbins=3)
        if len(times) == 0:
            title += ": no samples here"
        axis.set_title(title)

    def _mark(self, axis: Any, events: Events, window: Window, alpha: float) -> None:
        """Mark events as spans, moments as lines, in the colours of their labels."""
        ends = events.starts if events.ends is None else events.ends
        inside = np.flatnonzero((ends >= window[0]) & (events.starts <= window[1]))
        if len(inside) > _MAX_MARKS:
            inside = inside[:: math.ceil(len(inside) / _MAX_MARKS)]
        by_colour: dict[Any, list[int]] = {}
        for number in inside.tolist():
            label = events.labels[number] if events.labels else events.path
            by_colour.setdefault(self.colours.get(label, PALE), []).append(number)
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


def _colours_of(events: list[Events]) -> dict[str, Any]:
    """Return a colour for each label, or for each set of events without labels."""
    names: dict[str, None] = {}
    for each in events[:MAX_EVENT_ROWS]:
        names.update(dict.fromkeys(each.labels or [each.path]))
    # Labels that differ for each event are not shown as colours.
    return dict(zip([*names][:_MAX_LABELS], _COLOURS))


def _middle(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        # NaN for a channel without any value.
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


def _with_unit(size: float, unit: str) -> str:
    factor, shown = _scaled(size, unit)
    return f"{size * factor:.3g} {shown}".strip()


def _short(text: str) -> str:
    return _cut(" ".join(text.split("/")[-1].split()))


def _cut(text: str) -> str:
    """Return text in a form and a length that can be drawn."""
    text = single_line(text)
    return text if len(text) <= _MAX_TEXT_LENGTH else f"{text[: _MAX_TEXT_LENGTH - 1]}…"
