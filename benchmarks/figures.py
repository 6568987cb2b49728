"""The figures that count, computed from what each run was measured to use.

A ratio is that of two runs of one pair, which follow each other; its median is taken
over the pairs. It is not the ratio of the medians.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

__all__ = ["Displayed", "Figure", "Planned", "displayed", "figures", "planned"]

OURS, RAY, BATCHES = "ours", "ray", "batches"


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    `ours` and `ray` are medians in `unit`, `ratios` one for each pair. The target is an
    upper limit, of the ratio or of our own figure, as `target_of` says.
    """

    name: str
    title: str
    unit: str
    ours: float
    ray: float
    ratios: list[float]
    target: float | None = None
    target_of: str = "ratio"

    @property
    def ratio(self) -> float:
        """The median ratio of ours to Ray's."""
        return median(self.ratios)


@dataclass(frozen=True)
class Planned:
    """One way of planning: medians of seconds, CPU seconds, and MB."""

    case: str
    assets: int
    pending: int
    wall_s: float
    cpu_s: float
    max_rss_mb: float
    target: float | None = None


@dataclass(frozen=True)
class Displayed:
    """CPU seconds of a run with the display and without, medians, and their ratios."""

    assets: int
    live_s: float
    off_s: float
    ratios: list[float]
    target: float = 1.05


def displayed(results: Mapping[str, Any]) -> Displayed | None:
    """Return what the display costs, None if that was not measured."""
    runs = results.get("display", [])
    pairs: dict[int, dict[str, float]] = {}
    for run in runs:
        pairs.setdefault(run["pair"], {})[run["side"]] = run["cpu_s"]
    whole = [pair for pair in pairs.values() if {*pair} == {"live", "off"}]
    if not whole:
        return None
    return Displayed(
        assets=runs[0]["assets"],
        live_s=median(pair["live"] for pair in whole),
        off_s=median(pair["off"] for pair in whole),
        ratios=[pair["live"] / pair["off"] for pair in whole],
    )


def figures(results: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of all workloads that were measured."""
    found = []
    workloads = results["workloads"]
    for name, target in (("waiting", 0.60), ("edf", 0.80), ("nothing", 1.5)):
        if name not in workloads:
            continue
        workload = workloads[name]
        walls = _pairs(workload["runs"], "wall_s")
        found.append(_figure(name, workload["title"], "s", walls, target))
        if name == "waiting":
            found += _waiting(workload, walls)
        if name == "nothing":
            found += _nothing(workload)
    return found


def _waiting(workload: Mapping[str, Any], walls: list[dict]) -> list[Figure]:
    limit_s = workload["limit_s"]
    limits = [{side: wall / limit_s for side, wall in p.items()} for p in walls]
    return [
        _figure(
            "limit",
            f"the same, as a multiple of what {workload['cores']} cores allow "
            f"({limit_s:g} s)",
            "",
            limits,
            1.18,
            OURS,
        ),
        _figure(
            "memory",
            "the same: peak memory of all processes",
            "MB",
            _pairs(workload["runs"], "peak_pss_mb"),
            0.5,
        ),
    ]


def _nothing(workload: Mapping[str, Any]) -> list[Figure]:
    runs, assets = workload["runs"], workload["assets"]
    # Of the whole machine: Ray's raylet does not wait for the workers that it starts,
    # so what they have used is in nobody's account.
    machine_s = [run["cpu_s"] + run["other_cpu_s"] for run in runs]
    per_asset = [
        {**run, "all_ms": 1000 * used_s / assets}
        | {"jobs_ms": 1000 * (used_s - run["main_cpu_s"]) / assets}
        for run, used_s in zip(runs, machine_s)
    ]
    batches = _pairs(runs, "wall_s", BATCHES)
    title = "the same, with `batch_size: 100`"
    return [
        *([_figure("batches", title, "s", batches, 1.0)] if batches else []),
        _figure(
            "cpu",
            "the same: CPU for each asset",
            "ms",
            _pairs(per_asset, "all_ms"),
            60,
            OURS,
        ),
        _figure(
            "cpu_jobs",
            "the same, without the main process (Snakemake, Ray's driver)",
            "ms",
            _pairs(per_asset, "jobs_ms"),
        ),
    ]


def _pairs(
    runs: Sequence[Mapping[str, Any]], key: str, ours: str = OURS
) -> list[dict[str, float]]:
    """Return what both sides measured, for each pair that is complete."""
    names = {ours: OURS, RAY: RAY}
    found: dict[int, dict[str, float]] = {}
    for run in runs:
        if run["side"] in names:
            found.setdefault(run["pair"], {})[names[run["side"]]] = run[key]
    return [pair for pair in found.values() if {*pair} == {OURS, RAY}]


def _figure(
    name: str,
    title: str,
    unit: str,
    pairs: Sequence[Mapping[str, float]],
    target: float | None = None,
    target_of: str = "ratio",
) -> Figure:
    return Figure(
        name=name,
        title=title,
        unit=unit,
        ours=median(pair[OURS] for pair in pairs),
        ray=median(pair[RAY] for pair in pairs),
        ratios=[pair[OURS] / pair[RAY] for pair in pairs],
        target=target,
        target_of=target_of,
    )


def planned(results: Mapping[str, Any]) -> list[Planned]:
    """Return the figures of planning, in the order in which they were measured."""
    groups: dict[tuple[str, int, int], list[Mapping[str, Any]]] = {}
    for run in results.get("planning", []):
        key = (run["case"], run["assets"], run["pending"])
        groups.setdefault(key, []).append(run)
    smallest = min((assets for _, assets, _ in groups), default=0)
    targets = {"nothing": 15.0, "dry-run": 30.0}
    return [
        Planned(
            *key,
            median(run["wall_s"] for run in runs),
            median(run["cpu_s"] for run in runs),
            median(run["max_rss_mb"] for run in runs),
            targets.get(key[0]) if key[1] == smallest else None,
        )
        for key, runs in groups.items()
    ]
