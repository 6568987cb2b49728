"""Figures of a run: when each asset was worked on, and what that took."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from brainsets.report.data.figure import STYLE, WIDTH_IN, as_png
from brainsets.report.records import Asset
from brainsets.shared.text.lines import single_line

__all__ = ["distributions", "timeline"]

_COLOURS = {"download": "#6aa0c8", "process": "#3c7a57", "failed": "#c0392b"}
# Times at which nothing ran are cut out if they are longer than all work together takes
# times this, and than so many seconds.
_IDLE_PART, _IDLE_S = 0.1, 60.0
_GAP_PART = 0.02
_MAX_NAMES = 40
_SHORT_S = 20
# Fewer values than this are shown one by one.
_FEW = 12
_BARS = 24


def timeline(assets: Sequence[Asset]) -> bytes | None:
    """Draw when each asset was downloaded and processed; None if none was."""
    rows = [(asset, asset.spans) for asset in assets]
    rows = [(asset, spans) for asset, spans in rows if spans]
    if not rows:
        return None
    rows.sort(key=lambda row: min(span.start for span in row[1]))
    pieces = _pieces([(s.start, s.end) for _, spans in rows for s in spans])
    with matplotlib.rc_context(STYLE):
        height = 0.75 + min(max(0.17 * len(rows), 0.6), 5.5)
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        axes = figure.add_subplot()
        _bars(axes, rows, pieces)
        _clock(axes, pieces)
        # Ids that are not UTF-8 cannot be drawn.
        names = [single_line(asset.asset) for asset, _ in rows]
        if len(rows) <= _MAX_NAMES:
            shown = [n if len(n) <= 28 else f"{n[:27]}…" for n in names]
            axes.set_yticks(range(len(rows)), shown, fontsize=7)
        else:
            axes.set_yticks([0, len(rows) - 1], ["1", str(len(rows))])
            axes.set_ylabel("assets, in the order of their start")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        keys = [Patch(color=colour, label=name) for name, colour in _COLOURS.items()]
        axes.legend(
            handles=keys,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            frameon=False,
            handlelength=0.9,
        )
        return as_png(figure)


class _Piece:
    """A time in which something ran, and where it is drawn."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end, self.at = start, end, 0.0

    def place(self, time: float) -> float:
        return self.at + time - self.start


def _pieces(times: list[tuple[float, float]]) -> list[_Piece]:
    """Return when something ran, without the long times between."""
    found: list[_Piece] = []
    for start, end in sorted(times):
        if found and start <= found[-1].end:
            found[-1].end = max(found[-1].end, end)
        else:
            found.append(_Piece(start, end))
    busy = sum(piece.end - piece.start for piece in found) or 1.0
    joined = found[:1]
    for piece in found[1:]:
        if piece.start - joined[-1].end <= max(_IDLE_S, _IDLE_PART * busy):
            joined[-1].end = piece.end
        else:
            joined.append(piece)
    total = sum(piece.end - piece.start for piece in joined) or 1.0
    at = 0.0
    for piece in joined:
        piece.at = at
        at += piece.end - piece.start + _GAP_PART * total
    return joined


def _piece_of(pieces: list[_Piece], time: float) -> _Piece:
    return next(p for p in pieces if p.start <= time <= p.end)


def _bars(axes: Any, rows: list, pieces: list[_Piece]) -> None:
    last = pieces[-1].place(pieces[-1].end) or 1.0
    for kind, colour in _COLOURS.items():
        corners = []
        for level, (_, spans) in enumerate(rows):
            for span in spans:
                if ("failed" if span.failed else span.step) == kind:
                    left = _piece_of(pieces, span.start).place(span.start)
                    # At least a visible width.
                    right = left + max(span.end - span.start, last / 600)
                    top, bottom = level - 0.4, level + 0.4
                    corners.append(
                        [(left, top), (right, top), (right, bottom), (left, bottom)]
                    )
        # One collection for all: ten thousand single bars take seconds.
        axes.add_collection(PolyCollection(corners, facecolors=colour, linewidths=0))
    axes.set_xlim(-0.01 * last, 1.01 * last)


def _clock(axes: Any, pieces: list[_Piece]) -> None:
    """Write times on the axis, and where time was cut out."""
    total = pieces[-1].place(pieces[-1].end) or 1.0
    places: list[float] = []
    labels: list[str] = []
    for number, piece in enumerate(pieces):
        length = piece.end - piece.start
        count = max(1, min(8, round(8 * length / total)))
        for part in range(count + (number == len(pieces) - 1 and length > 0)):
            time = piece.start + length * part / count
            when = datetime.fromtimestamp(time).astimezone()
            # Short runs need parts of a second.
            part_s = f".{when.microsecond // 100_000}" if total < _SHORT_S else ""
            pattern = f"%H:%M:%S{part_s}" + ("\n%Y-%m-%d" if part == 0 else "")
            if places and piece.place(time) - places[-1] < 0.06 * total:
                continue
            places.append(piece.place(time))
            labels.append(f"{when:{pattern}}")
        if number:
            before = pieces[number - 1]
            middle = (before.place(before.end) + piece.at) / 2
            axes.axvline(middle, color="#8a97a5", linestyle=":", linewidth=1.2)
            idle = _duration(piece.start - before.end)
            where = axes.get_xaxis_transform()
            style = {"fontsize": 7, "ha": "center", "va": "bottom", "color": "#566"}
            axes.text(middle, 1.0, f"{idle} idle", transform=where, **style)
    axes.set_xticks(places, labels, fontsize=7.5)


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


_MEASURES = (
    ("download_wall_s", "download: time", "s"),
    ("process_wall_s", "process: time", "s"),
    ("process_cpu_s", "process: CPU time", "s"),
    ("max_rss_mb", "peak memory", "MB"),
    ("bytes_out", "size of outputs", "MB"),
)


def distributions(assets: Sequence[Asset]) -> bytes | None:
    """Draw how durations, memory and sizes are distributed over the assets."""
    shown = []
    for column, title, unit in _MEASURES:
        values = [asset.row[column] for asset in assets if asset.row[column] != ""]
        if values:
            scale = 1e-6 if column == "bytes_out" else 1
            shown.append((np.array(values, dtype=float) * scale, title, unit))
    if not shown:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 1.9), layout="constrained")
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for axis, (values, title, unit) in zip(axes, shown):
            _distribution(axis, values, title, unit)
        return as_png(figure)


def _distribution(axis: Any, values: np.ndarray, title: str, unit: str) -> None:
    if len(values) < _FEW:
        chance = np.random.default_rng(0).uniform(0.25, 0.75, len(values))
        axis.plot(values, chance, "o", markersize=4, color="#3c7a57", alpha=0.7)
        axis.set_ylim(0, 1)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
    else:
        bins = np.linspace(0, values.max() or 1, _BARS + 1)
        axis.hist(values, bins=bins, color="#3c7a57")
        axis.set_ylabel("assets")
        axis.locator_params(axis="y", nbins=4, integer=True)
    high = values.max()
    axis.set_xlim(0, 1.08 * high or 1)
    middle = float(np.median(values))
    axis.axvline(middle, color="#c0392b", linewidth=1)
    axis.locator_params(axis="x", nbins=4)
    axis.set_xlabel(unit)
    axis.set_title(f"{title}\nmedian {middle:.3g}, most {high:.3g}", fontsize=8)
