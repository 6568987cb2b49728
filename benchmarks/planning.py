"""How long the workflow takes to find out what there is to do: ours alone.

One asset is prepared for real. What it left is then written for all others, with the
project's own functions, as if each had been run. Snakemake has to agree that nothing is
to be done, or nothing is measured.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.meter import MeasuringError, measure
from benchmarks.sides import OurWorkflow, set_aside, snakemake
from benchmarks.workloads import CORES, Sizes, Workload, planning
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    read_sentinel,
    write_sentinel,
)
from brainsets.shared.state.summary import write_summary

__all__ = ["measured_planning"]


def measured_planning(
    sizes: Sizes, repeats: int, work: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Measure each way of planning `repeats` times; yields one record a run.

    In the larger of the two brainsets, a dry-run finds as many assets pending as there
    are in the smaller one.
    """
    small, _ = sizes.planning
    for assets in sizes.planning:
        site = _Site(planning(assets), OurWorkflow(work))
        say(f"planning: preparing a brainset of {assets:,} assets")
        site.prepare()
        for case, command, expected in (
            ("parse", site.snakemake("--list-rules"), r"^process_asset\b"),
            ("nothing", site.snakemake("--cores", CORES), "Nothing to be done"),
            ("status", site.status(), rf"\s{assets}\s+0\s+0\s+0\s+0\s+{assets}\s"),
        ):
            yield from site.measured(case, 0, command, expected, repeats)
        site.make_pending(assets // small)
        expected = rf"^{small:,} assets to run: "
        command = site.snakemake("--dry-run")
        yield from site.measured("dry-run", small, command, expected, repeats)


class _Site:
    """A brainset of which everything is done."""

    def __init__(self, workload: Workload, workflow: OurWorkflow) -> None:
        self.workload = workload
        self.workflow = workflow
        self.folder = workflow.folder(workload)
        self.run = self.folder.root.parents[1]

    def snakemake(self, *arguments: object) -> list[object]:
        return snakemake(self.run, *arguments)

    def status(self) -> list[object]:
        command = [sys.executable, "-m", "brainsets", "status"]
        return [*command, "--processed-dir", self.folder.root.parent]

    def prepare(self) -> None:
        """Prepare one asset for real, and write the same of all others."""
        set_aside(self.run, self.workflow.work, kept=self.folder.environment)
        self.workflow.configure(self.workload, limit=1)
        self._measure(self.snakemake("--cores", CORES), "prepare")
        self.workflow.configure(self.workload)
        manifest = read_manifest(self.folder.manifest)
        _write_as_done(self.folder, manifest)
        write_summary(self.folder)

    def make_pending(self, every: int) -> None:
        """Undo every n-th asset: sentinels and results, as if it had never run."""
        manifest = read_manifest(self.folder.manifest)
        for asset, name in [*manifest.names.items()][::every]:
            for state in (DOWNLOADED, DONE):
                self.folder.sentinel(name, state).unlink()
            _result(self.folder, asset).unlink()

    def _measure(self, command: list[object], name: str) -> tuple[Any, str]:
        log = self.run / f"{name}.log"
        usage = measure(command, folder=ROOT, log=log)
        if usage.exit_status:
            raise MeasuringError(
                f"{self.workload.name}: exit status {usage.exit_status}; see {log}."
            )
        return usage, log.read_text(encoding="utf-8")

    def measured(
        self,
        case: str,
        pending: int,
        command: list[object],
        expected: str,
        repeats: int,
    ) -> Iterator[dict[str, Any]]:
        for repeat in range(1, repeats + 1):
            usage, output = self._measure(command, case)
            if not re.search(expected, output, re.M):
                raise MeasuringError(
                    f"{self.workload.name}, {case}: the output has no {expected!r}."
                )
            yield {
                "case": case,
                "assets": self.workload.assets,
                "pending": pending,
                "repeat": repeat,
                **asdict(usage),
            }


def _result(folder: BrainsetFolder, asset: str) -> Path:
    return folder.root / f"{asset}.txt"


def _write_as_done(folder: BrainsetFolder, manifest: Manifest) -> None:
    first, first_name = next(iter(manifest.names.items()))
    models = {
        state: read_sentinel(folder.sentinel(first_name, state)) or {}
        for state in (DOWNLOADED, DONE)
    }
    content = _result(folder, first).read_bytes()
    for asset, name in manifest.names.items():
        if name == first_name:
            continue
        result = _result(folder, asset)
        result.write_bytes(content)
        own = {"asset": asset, "row": manifest.row_hash(asset)}
        for state, model in models.items():
            record = {**model, **own}
            if state == DONE:
                [output] = model["outputs"]
                record["outputs"] = [{**output, "path": result.name}]
            write_sentinel(folder.sentinel(name, state), record)
