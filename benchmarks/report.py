"""Results as tables in Markdown, and as a part of the page on benchmarks."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import (
    OURS,
    Displayed,
    Figure,
    Planned,
    displayed,
    figures,
    planned,
)

__all__ = [
    "MARKERS",
    "page_part",
    "report",
    "summary",
    "with_part",
    "write_into",
]

MARKERS = ("<!-- benchmarks: begin -->", "<!-- benchmarks: end -->")
"""What the page's part stands between."""

_CASES = {
    "parse": "read the rules: `snakemake --list-rules`",
    "nothing": "all DONE, nothing to do: `snakemake --cores 2`",
    "status": "`python -m brainsets status`",
    "dry-run": "{pending:,} pending: `snakemake --dry-run`",
}


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _quantity(value: float, unit: str) -> str:
    digits = {"MB": 0, "s": 1, "ms": 1}.get(unit, 2)
    return f"{value:,.{digits}f} {unit}".rstrip()


def _figure_row(figure: Figure) -> list[str]:
    low, high = min(figure.ratios), max(figure.ratios)
    target = ""
    if figure.target is not None and figure.target_of == OURS:
        target = f"ours at most {figure.target:g} {figure.unit}".rstrip()
    elif figure.target is not None:
        target = f"ratio at most {figure.target:g}"
    return [
        figure.title,
        _quantity(figure.ours, figure.unit),
        _quantity(figure.ray, figure.unit),
        f"{figure.ratio:.2f} ({low:.2f} to {high:.2f})",
        target,
    ]


def _planned_row(row: Planned) -> list[str]:
    return [
        _CASES[row.case].format(pending=row.pending),
        f"{row.assets:,}",
        _quantity(row.wall_s, "s"),
        _quantity(row.cpu_s, "s"),
        _quantity(row.max_rss_mb, "MB"),
        f"at most {row.target:g} s" if row.target else "",
    ]


def _displayed_row(row: Displayed) -> list[str]:
    low, high = min(row.ratios), max(row.ratios)
    return [
        f"CPU of {row.assets:,} assets that do nothing, in a terminal",
        _quantity(row.live_s, "s"),
        _quantity(row.off_s, "s"),
        f"{median(row.ratios):.3f} ({low:.3f} to {high:.3f})",
        f"ratio at most {row.target:g}",
    ]


def summary(results: Mapping[str, Any]) -> str:
    """Return the tables of figures, with what they were measured on."""
    parts = []
    rows = [_figure_row(figure) for figure in figures(results)]
    if rows:
        header = ["work", "this workflow", "Ray runner", "ratio", "target"]
        parts.append(_table(header, rows))
    rows = [_planned_row(row) for row in planned(results)]
    if rows:
        header = ["planning", "assets", "time", "CPU", "memory", "target"]
        parts.append(_table(header, rows))
    shown = displayed(results)
    if shown:
        header = ["display", "live", "off", "ratio", "target"]
        parts.append(_table(header, [_displayed_row(shown)]))
    parts += [f"Not measured: {name}, as {why}.\n" for name, why in _skipped(results)]
    return "\n".join([*parts, _circumstances(results)])


def _skipped(results: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return results.get("skipped", {}).items()


def _circumstances(results: Mapping[str, Any]) -> str:
    machine, versions = results["machine"], results["versions"]
    pipelines = {**versions.get("ours", {}), **versions.get("ray", {})}
    named = [f"{name} {version}" for name, version in versions["workflow"].items()]
    if pipelines:
        rest = sorted(pipelines.items())
        named.append(f"for pipelines {', '.join(f'{n} {v}' for n, v in rest)}")
    repeats = results["repeats"]
    text = (
        f"Medians of {repeats} {'run' if repeats == 1 else 'runs'} of each side, in "
        "turn; in brackets the lowest and the highest ratio. "
        f"{results['started'][:10]}, commit {results['commit'] or 'unknown'}; "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['kernel']}; {'; '.join(named)}. "
        f"{_others(results)}"
    )
    return _wrapped(text)


def _others(results: Mapping[str, Any]) -> str:
    """Say how much else the machine had to do meanwhile."""
    runs = [*results["planning"], *results.get("display", [])]
    for name, workload in results["workloads"].items():
        # There, the archive's server is among the others; and Ray's workers always are.
        known = [run for run in workload["runs"] if run["side"] == OURS]
        runs += known if name != "edf" else []
    if not runs:
        return ""
    most = max(run["other_cpu_s"] / run["settled_s"] for run in runs)
    share = 100 * most / results["machine"]["cores"]
    return f"Other programs used up to {share:.0f} % of the CPU meanwhile."


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 88, break_on_hyphens=False)) + "\n"


def page_part(results: Mapping[str, Any], figure: str) -> str:
    """Return what stands in benchmarks/README.md: the summary and the plot."""
    return f"{summary(results)}\n![Ratios, times and planning]({figure})"


def report(results: Mapping[str, Any], figure: str) -> str:
    """Return the whole report: the summary, the plot, and every run."""
    parts = [
        "# Benchmark\n",
        "Written by `python -m benchmarks`; what is measured, and how: "
        "[benchmarks](../README.md).\n"
        if not results["quick"]
        else "Made with --quick: these figures say nothing of either side.\n",
        summary(results),
        f"![Ratios and times]({figure})\n",
    ]
    for workload in results["workloads"].values():
        parts += [f"## {workload['title']}\n", _runs_table(workload["runs"])]
    return "\n".join(parts)


def _runs_table(runs: Sequence[Mapping[str, Any]]) -> str:
    columns = {
        "wall_s": "s",
        "cpu_s": "s",
        "main_cpu_s": "s",
        "other_cpu_s": "s",
        "peak_pss_mb": "MB",
    }
    rows = [
        [f"{run['pair']}", run["side"]]
        + [_quantity(run[key], unit) for key, unit in columns.items()]
        for run in runs
    ]
    for side in sorted({run["side"] for run in runs}):
        own = [run for run in runs if run["side"] == side]
        rows.append(
            ["median", side]
            + [
                _quantity(median(run[key] for run in own), unit)
                for key, unit in columns.items()
            ]
        )
    return _table(["pair", "side", *(f"`{key}`" for key in columns)], rows)


def with_part(document: str, part: str) -> str:
    """Return a document with the part between the markers replaced."""
    begin, end = MARKERS
    before, found, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the document lacks {begin} or {end}")
    return f"{before}{begin}\n{part}\n{end}{after}"


def write_into(path: Path, part: str) -> None:
    """Replace the part between the markers of a file."""
    text = with_part(path.read_text(encoding="utf-8"), part)
    path.write_text(text, encoding="utf-8")
