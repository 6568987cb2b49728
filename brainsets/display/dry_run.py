"""What a dry-run shows: a table of the assets that are to be run, and why."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from brainsets.planning.snakemake_compat import TARGET_RULES
from brainsets.shared.text.lines import asset_title, single_line

__all__ = ["PlannedJobs"]

_STEPS = {
    "download_asset": "download",
    "process_asset": "process",
    "download_batch": "download",
    "process_batch": "process",
}
_ORDER = ("download", "process")


class PlannedJobs:
    """The jobs of a dry-run, gathered by asset.

    Parameters
    ----------
    run : brainsets.planning.run.Run
        Knows ids, reasons and batches.
    """

    def __init__(self, run: Any) -> None:
        self._run = run
        self._whole: list[str] = []
        self._unlisted: list[str] = []
        # By brainset and asset: its steps, and which of the batches it is in.
        self._steps: dict[str, dict[str, set[str]]] = {}
        self._batches: dict[str, dict[str, int]] = {}
        self._batch_of: dict[str, dict[str, int]] = {}

    def add(self, record: Any) -> bool:
        """Add a job, from its log record; False if it is none of the workflow's."""
        rule, wildcards = record.rule_name, record.wildcards or {}
        if rule in TARGET_RULES:
            return True
        if "brainset" not in wildcards:
            return False
        brainset = wildcards["brainset"]
        if rule not in _STEPS:
            self._whole.append(single_line(record.rule_msg))
            if rule == "write_manifest":
                self._unlisted.append(brainset)
            return True
        if "batch" in wildcards:
            batch = wildcards["batch"]
            assets = self._run.batch_named(brainset, batch).assets
            batches = self._batches.setdefault(brainset, {})
            number = batches.setdefault(batch, len(batches) + 1)
            in_batch = self._batch_of.setdefault(brainset, {})
            in_batch.update(dict.fromkeys(assets, number))
            steps = _needed(self._run, brainset, assets, _STEPS[rule])
        else:
            manifest = self._run.manifest(self._run.brainsets[brainset])
            steps = [manifest.names.asset(wildcards["asset"])]
        found = self._steps.setdefault(brainset, {})
        for asset in steps:
            found.setdefault(asset, set()).add(_STEPS[rule])
        return True

    @property
    def is_empty(self) -> bool:
        """Whether no job was added."""
        return not (self._whole or self._steps)

    def lines(self, encoding: str = "utf-8") -> Iterator[str]:
        """Yield the lines of the tables, and what they come to.

        With letters escaped that an encoding lacks, so that columns stay in line.
        """
        # Listings and environments come first, in the order in which they are run.
        first = [text for text in self._whole if not text.startswith("summarize ")]
        last = [text for text in self._whole if text.startswith("summarize ")]
        yield from first
        for brainset, assets in self._steps.items():
            yield ""
            yield from self._table(brainset, assets, encoding)
        if last:
            yield ""
            yield from last
        yield ""
        yield from self._summary()

    def _table(
        self, brainset: str, assets: dict[str, set[str]], encoding: str
    ) -> Iterator[str]:
        order = self._run.manifest(self._run.brainsets[brainset]).rows
        batches = self._batch_of.get(brainset, {})
        head = ["asset", "step", "reason"]
        rows = []
        for asset in (asset for asset in order if asset in assets):
            steps = ", ".join(step for step in _ORDER if step in assets[asset])
            reason = self._run.reason_of(brainset, asset)
            shown = asset_title(asset).encode(encoding, "backslashreplace")
            row = [shown.decode(encoding), steps, single_line(reason)]
            rows.append([*row[:1], str(batches.get(asset, "")), *row[1:]])
        head.insert(1, "batch")
        if not batches:
            rows = [[row[0], *row[2:]] for row in rows]
            head.remove("batch")
        # Not needed by runs, so not imported with this module.
        from rich.cells import cell_len

        widths = [max(map(cell_len, column)) for column in zip(head, *rows)]
        yield f"{single_line(brainset)}:"
        for row in (head, *rows):
            cells = "  ".join(
                cell + " " * (width - cell_len(cell))
                for cell, width in zip(row, widths)
            )
            yield f"  {cells.rstrip()}"

    def _summary(self) -> Iterator[str]:
        counts: Counter[str] = Counter()
        for assets in self._steps.values():
            counts["asset"] += len(assets)
            for steps in assets.values():
                counts.update(steps)
        parts = [f"{counts[step]:,} to {step}" for step in _ORDER if counts[step]]
        noun = "asset" if counts["asset"] == 1 else "assets"
        detail = f": {', '.join(parts)}" if parts else ""
        yield f"{counts['asset']:,} {noun} to run{detail}."
        for brainset in self._unlisted:
            yield (
                f"{single_line(brainset)}: what its list will hold is known once it is "
                "made; 'snakemake --cores 1 --until write_manifest' stops there."
            )
        yield "This was a dry-run (flag -n): nothing was run."


def _needed(run: Any, brainset: str, assets: Any, step: str) -> list[str]:
    """Return which assets of a batch need a step of it."""
    if step == "process":
        return list(assets)
    return [asset for asset in assets if run.fetches(brainset, asset)]
