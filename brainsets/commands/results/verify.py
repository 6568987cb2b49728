"""``brainsets verify``: whether all that was prepared still is what it was."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brainsets.commands.configured import brainsets_here
from brainsets.commands.results.choice import (
    add_choice,
    chosen_brainsets,
    folder_of_results,
    with_bar,
)
from brainsets.display.screens import console
from brainsets.display.units import size_text
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.lines import asset_title, single_line
from brainsets.verification.outputs import (
    CHANGED,
    FOREIGN,
    MISSING,
    UNFINISHED,
    UNREADABLE,
    Finding,
    Verified,
    verify_outputs,
)
from brainsets.verification.provenance import Difference, differences
from brainsets.verification.repair import keep_runs_away, take_back

__all__ = ["add_parser"]

_KINDS = (MISSING, CHANGED, UNREADABLE, UNFINISHED, FOREIGN)
_STYLES = {MISSING: "red", CHANGED: "red", UNREADABLE: "red"}
_MAX_SHOWN = 50
_MAX_REASONS = 10


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "verify",
        help="check that all that was prepared still is what it was",
        description="Read every file that was prepared and compare it with its "
        "checksum; tell of files that are missing, changed or of nobody, and of what "
        "would come out differently today. Exits with 1 if something is lost that "
        "--repair was not asked for, with 2 if the command is wrong.",
    )
    add_choice(parser, "check")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="have the next run make anew what is missing or changed",
    )
    parser.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        default=min(8, os.cpu_count() or 1),
        help="how many files to read at once (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_run)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 999")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    place, folders = folder_of_results(options), chosen_brainsets(options)
    settings = {b.folder.root.absolute(): b for b in brainsets_here()}
    if options.repair:
        for folder in folders:
            keep_runs_away(folder)
    found = []
    for folder in folders:
        verified = _verified(folder, options.jobs)
        brainset = settings.get(folder.root.absolute())
        found.append((verified, differences(folder, brainset)))
        if options.repair:
            take_back(folder, verified.damaged)
    if options.json:
        print(json.dumps({"brainsets": [_as_json(*each) for each in found]}, indent=1))
    else:
        _print(found, place, is_repaired=options.repair)
    lost = any(verified.damaged for verified, _ in found)
    return int(lost and not options.repair)


def _verified(folder: BrainsetFolder, at_once: int) -> Verified:
    return with_bar(
        folder.root.name,
        lambda progress: verify_outputs(folder, at_once=at_once, progress=progress),
        is_size=True,
    )


def _as_json(verified: Verified, differing: list[Difference]) -> dict[str, Any]:
    return {
        "brainset": verified.folder.root.name,
        "folder": str(verified.folder.root),
        "done": verified.assets,
        "files": verified.files,
        "verified_bytes": verified.bytes,
        **{
            kind: [
                {"path": each.path, "asset": each.asset, "found": each.text}
                for each in verified.of_kind(kind)
            ]
            for kind in _KINDS
        },
        "differing": [
            {"asset": each.asset, "reasons": list(each.reasons)} for each in differing
        ],
    }


def _print(
    found: list[tuple[Verified, list[Difference]]], place: Path, *, is_repaired: bool
) -> None:
    # A pipe has no width: keep lines whole for grep.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    screen = console(sys.stdout, width=width)
    if not found:
        print(f"Nothing has been prepared under {single_line(place)} yet.")
        return
    screen.print(_table(found))
    for verified, differing in found:
        for line in _lines(verified, differing, is_repaired):
            screen.print(line, soft_wrap=True)


def _table(found: list[tuple[Verified, list[Difference]]]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = [
        kind
        for kind in _KINDS
        if kind in (MISSING, CHANGED) or any(v.of_kind(kind) for v, _ in found)
    ]
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("brainset", overflow="fold")
    for title in ("done", "files", "verified", *shown, "differ today"):
        table.add_column(title, justify="right", no_wrap=True)
    for verified, differing in found:
        counts = [(kind, len(verified.of_kind(kind))) for kind in shown]
        table.add_row(
            escape(single_line(verified.folder.root.name)),
            f"{verified.assets:,}",
            f"{verified.files:,}",
            size_text(verified.bytes),
            *(_number(count, kind) for kind, count in counts),
            f"{len(differing):,}",
        )
    return table


def _number(count: int, kind: str) -> str:
    style = _STYLES.get(kind)
    return f"[{style}]{count:,}[/]" if count and style else f"{count:,}"


def _lines(
    verified: Verified, differing: list[Difference], is_repaired: bool
) -> Iterator[str]:
    name = _safe(verified.folder.root.name)
    findings = [each for kind in _KINDS for each in verified.of_kind(kind)]
    for each in findings[:_MAX_SHOWN]:
        yield f"{_label(each)} {name} {_safe(each.path)}{_of(each)}: {_safe(each.text)}"
    if len(findings) > _MAX_SHOWN:
        rest = len(findings) - _MAX_SHOWN
        yield f"... and {rest:,} more of {name}: see 'brainsets verify --json'."
    reasons = Counter(reason for each in differing for reason in each.reasons)
    for reason, count in reasons.most_common(_MAX_REASONS):
        yield f"{name}: {count:,} would come out differently today: {_safe(reason)}"
    if len(reasons) > _MAX_REASONS:
        rest = len(reasons) - _MAX_REASONS
        yield f"... and for {rest:,} other reasons: see 'brainsets verify --json'."
    if count := len(verified.damaged):
        noun = "asset" if count == 1 else "assets"
        if is_repaired:
            yield f"{name}: {count:,} {noun} will be made anew by the next run."
        else:
            yield (
                f"{name}: 'brainsets verify {name} --repair' has the next run make "
                f"{count:,} {noun} anew."
            )


def _label(finding: Finding) -> str:
    style = _STYLES.get(finding.kind, "yellow")
    return f"[{style}]{finding.kind.upper()}[/]"


def _of(finding: Finding) -> str:
    return "" if finding.asset is None else f" ({_safe(asset_title(finding.asset))})"


def _safe(text: object) -> str:
    from rich.markup import escape

    return escape(single_line(text))
