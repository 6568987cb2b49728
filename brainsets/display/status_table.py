"""Show how far brainsets are: the table at the end of a run, and of ``status``."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainsets.shared.files import why_unwritable
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.state.sentinels import DONE
from brainsets.shared.state.status import (
    STATES,
    BrainsetStatus,
    assets_by_reason,
    brainset_status,
    failure_text,
)
from brainsets.shared.text.lines import (
    MAX_LINE_LENGTH,
    asset_title,
    single_line,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["place_lines", "print_status_table", "status_table"]

_STYLES = {
    "DONE": "green",
    "SKIPPED": "yellow",
    "FAILED": "red",
    "RUNNING": "cyan",
    "INTERRUPTED": "yellow",
    "DOWNLOADED": "blue",
}
# Columns for these only where there are any: the table must fit 80 characters.
_RARE_STATES = ("SKIPPED", "INTERRUPTED", "DOWNLOADED")
_MAX_SHOWN = {"FAILED": 50, "RUNNING": 20, "INTERRUPTED": 10}
_MAX_ORPHANS = 5
_MAX_REASONS = 10


def print_status_table(
    brainsets: Iterable[Any], read: Callable[[Path], Manifest] = read_manifest
) -> None:
    """Print the state of a run's brainsets to stderr, where Snakemake prints.

    `read` reads a manifest; a run remembers those that it has read.
    """
    # Imported when a run has ended, not by every job that parses the Snakefile.
    from brainsets.display.screens import console

    screen = console(sys.stderr)
    statuses = [brainset_status(b.folder, read=read) for b in brainsets]
    try:
        for part in status_table(statuses):
            screen.print(part, soft_wrap=isinstance(part, str))
        for line in (*_unwritable(statuses), *place_lines(statuses)):
            screen.print(line, soft_wrap=True)
    except (OSError, ValueError):
        # Our output was closed, as by `head`.
        pass


def _unwritable(statuses: Iterable[BrainsetStatus]) -> Iterator[str]:
    """Yield a line for each folder that cannot be written to, as on a full disk."""
    for status in statuses:
        if status.total is None or status.counts.get(DONE, 0) < status.total:
            if reason := why_unwritable(Path(status.folder)):
                yield (
                    f"[red]{_safe(status.brainset)}[/]: nothing can be written to "
                    f"{_safe(status.folder)}: {_safe(reason)}"
                )


def status_table(
    statuses: Iterable[BrainsetStatus], *, whole: bool = False
) -> "list[RenderableType]":
    """Return what to print: a table, then a line for each failure.

    With `whole`, that is all of them, however many.
    """
    from rich import box
    from rich.table import Table

    statuses = list(statuses)
    shown = [
        state
        for state in STATES
        if state not in _RARE_STATES
        or any(status.counts.get(state) for status in statuses)
    ]
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("brainset", overflow="fold")
    for title in (*map(str.lower, shown), "orphaned", "total"):
        table.add_column(title, justify="right", no_wrap=True)
    for status in statuses:
        cells = [_number(status.counts.get(state, 0), state) for state in shown]
        total = "no list yet" if status.total is None else str(status.total)
        orphaned = _number(len(status.orphaned), "INTERRUPTED")
        table.add_row(_safe(status.brainset), *cells, orphaned, total)
    return [table, *(line for status in statuses for line in _lines(status, whole))]


def place_lines(statuses: Iterable[BrainsetStatus]) -> list[str]:
    """Return lines that say where results and logs are, as markup of rich."""
    folders = [Path(status.folder) for status in statuses]
    if not folders:
        return []
    if len(folders) == 1:
        logs = folders[0] / WORKFLOW_FOLDER / "logs"
        return [f"results: {_safe(folders[0])}", f"logs:    {_safe(logs)}"]
    return [
        f"results: {_safe(folders[0].parent)}, in a folder for each brainset",
        f"logs:    {WORKFLOW_FOLDER}/logs in each of these folders",
    ]


def _number(count: int, state: str) -> str:
    style = _STYLES.get(state)
    return f"[{style}]{count}[/]" if count and style else str(count)


def _lines(status: BrainsetStatus, is_whole: bool) -> list[str]:
    lines = []
    if status.total == 0:
        lines.append(f"{_safe(status.brainset)}: its manifest lists no assets.")
    if status.without_files:
        # Not a failure: some pipelines keep their results elsewhere.
        summary = BrainsetFolder(status.folder).summary
        lines.append(
            f"{_safe(status.brainset)}: {status.without_files:,} of {status.total:,} "
            f"are DONE without any file: 'outputs' in {_safe(summary)}"
        )
    for broken in status.broken:
        lines += _failure(status, broken, str(broken.get("step")), whole=True)
    for state, entries, described, option in (
        ("FAILED", status.failures, _failed_asset, "--failed"),
        ("RUNNING", status.running, _running, "--asset '*'"),
        ("INTERRUPTED", status.interrupted, _interrupted, "--pending"),
    ):
        shown = entries if is_whole else entries[: _MAX_SHOWN[state]]
        lines += [line for entry in shown for line in described(status, entry)]
        if len(shown) < len(entries):
            lines.append(
                f"... and {len(entries) - len(shown):,} more of "
                f"{_safe(status.brainset)} are {state}: "
                f"see 'brainsets status {option}'."
            )
    lines += _skipped(status, is_whole)
    if status.orphaned:
        named = ", ".join(
            _safe(asset_title(asset)) for asset in status.orphaned[:_MAX_ORPHANS]
        )
        rest = ", ..." if len(status.orphaned) > _MAX_ORPHANS else ""
        lines.append(
            f"{_safe(status.brainset)}: prepared, but no longer in the manifest: "
            f"{named}{rest}"
        )
    return lines


def _skipped(status: BrainsetStatus, is_whole: bool) -> Iterator[str]:
    """Yield a line for each reason for which assets were skipped."""
    reasons = assets_by_reason(status)
    shown = list(reasons.items())[: None if is_whole else _MAX_REASONS]
    for reason, assets in shown:
        named = ", ".join(
            _safe(asset_title(asset))
            for asset in (assets if is_whole else assets[:_MAX_ORPHANS])
        )
        if not is_whole and len(assets) > _MAX_ORPHANS:
            named += f" and {len(assets) - _MAX_ORPHANS:,} more"
        yield (
            f"[yellow]SKIPPED[/] {_safe(status.brainset)} {named}: "
            f"{_safe(reason, MAX_LINE_LENGTH)}"
        )
    if len(shown) < len(reasons):
        yield (
            f"... and for {len(reasons) - len(shown):,} other reasons: "
            "see 'brainsets status --skipped'."
        )


def _failed_asset(status: BrainsetStatus, failure: dict[str, Any]) -> list[str]:
    title = f"{asset_title(failure['asset'])} ({failure['step']})"
    return _failure(status, failure, title, whole=False)


def _running(status: BrainsetStatus, running: dict[str, Any]) -> list[str]:
    return [
        f"[cyan]RUNNING[/] {_safe(status.brainset)} {_step(running)}, "
        f"since {_safe(running['started'])}"
    ]


def _interrupted(status: BrainsetStatus, stopped: dict[str, Any]) -> list[str]:
    return [
        f"[yellow]INTERRUPTED[/] {_safe(status.brainset)} {_step(stopped)}",
        f"       log: {_safe(stopped['log'])}",
    ]


def _step(entry: dict[str, Any]) -> str:
    return (
        f"{_safe(asset_title(entry['asset']))} ({_safe(entry['step'])}), "
        f"{_safe(entry['status'], MAX_LINE_LENGTH)}"
    )


def _failure(
    status: BrainsetStatus, failure: dict[str, Any], title: str, *, whole: bool
) -> list[str]:
    message = failure_text(failure, with_type=not whole)
    hint = " [dim](may pass when tried again)[/]" if failure.get("transient") else ""
    named = f"{_safe(status.brainset)} {_safe(title)}"
    lines = [f"[red]FAILED[/] {named}: {_safe(message)}{hint}"]
    if failure.get("log"):
        lines.append(f"       log: {_safe(failure['log'])}")
    return lines


def _safe(text: object, longest: int | None = None) -> str:
    from rich.markup import escape

    return escape(single_line(text, longest))
