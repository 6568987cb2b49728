"""Results as a picture: ratios of each pair, times of both sides, and planning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import OURS, RAY, figures, planned

__all__ = ["draw"]

_COLORS = {OURS: "#0072b2", RAY: "#d55e00"}
_NAMES = {OURS: "this workflow", RAY: "Ray runner"}
_SHORT = {
    "waiting": "waiting, then\ncomputing",
    "edf": "EDF over HTTP\nto HDF5",
    "nothing": "nothing",
    "memory": "peak memory,\nwaiting",
}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the picture of what was measured, as SVG."""
    import matplotlib

    matplotlib.use("Agg")
    # The same results give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "brainsets", "font.size": 9})
    from matplotlib import pyplot

    compared = [f for f in figures(results) if f.name in _SHORT]
    rows = planned(results)
    panels = [_draw_ratios, _draw_times] if compared else []
    count = len(panels) + bool(rows)
    figure, axes = pyplot.subplots(
        1, max(count, 1), figsize=(4.2 * max(count, 1), 3.2), squeeze=False
    )
    for panel, ax in zip(panels, axes[0]):
        panel(ax, compared, results)
    if rows:
        _draw_planning(axes[0][-1], rows)
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, facecolor="white", metadata={"Date": None})
    pyplot.close(figure)


def _draw_ratios(ax: Any, compared: list, results: Mapping[str, Any]) -> None:
    labels = [_SHORT[figure.name] for figure in compared]
    for position, figure in enumerate(compared):
        places = [position] * len(figure.ratios)
        ax.bar(position, figure.ratio, color=_COLORS[OURS], alpha=0.4, width=0.6)
        ax.plot(places, figure.ratios, "o", color=_COLORS[OURS], markersize=4)
        if figure.target is not None:
            ends = (position - 0.35, position + 0.35)
            ax.hlines(figure.target, *ends, colors="black", linestyles="dotted")
    ax.axhline(1, color=_COLORS[RAY], linewidth=1)
    ax.set_xticks(range(len(labels)), labels, fontsize=7)
    ax.set_ylabel("ratio to the Ray runner (1)")
    ax.set_title("median and pairs; dotted: target", fontsize=9)


def _draw_times(ax: Any, compared: list, results: Mapping[str, Any]) -> None:
    timed = [figure for figure in compared if figure.unit == "s"]
    for offset, side in ((-0.2, OURS), (0.2, RAY)):
        for position, figure in enumerate(timed):
            runs = results["workloads"][figure.name]["runs"]
            walls = [run["wall_s"] for run in runs if run["side"] == side]
            place = position + offset
            height = getattr(figure, side)
            label = _NAMES[side] if position == 0 else None
            ax.bar(place, height, 0.36, color=_COLORS[side], alpha=0.4, label=label)
            ax.plot([place] * len(walls), walls, "o", color=_COLORS[side], markersize=4)
    labels = [_SHORT[figure.name] for figure in timed]
    ax.set_xticks(range(len(labels)), labels, fontsize=7)
    ax.set_ylabel("wall time (s)")
    ax.legend(frameon=False, fontsize=8)
    ax.set_title("median and runs", fontsize=9)


def _draw_planning(ax: Any, rows: list) -> None:
    labels = [
        f"{row.case}\n{row.assets:,}"
        + (f", {row.pending:,} pending" if row.pending else "")
        for row in rows
    ]
    places = range(len(rows))
    ax.barh(places, [row.wall_s for row in rows], color=_COLORS[OURS], alpha=0.4)
    for place, row in zip(places, rows):
        if row.target:
            ax.vlines(row.target, place - 0.4, place + 0.4, "black", "dotted")
    ax.set_yticks(places, labels, fontsize=7)
    ax.invert_yaxis()
    ax.set_xlabel("wall time (s)")
    ax.set_title("planning; dotted: target", fontsize=9)
