"""``brainsets status``: how far brainsets are, from any terminal that sees the disk."""

import argparse
import json
import os
import sys
from pathlib import Path

from brainsets.commands.completion import completed_by
from brainsets.commands.logs import show_log
from brainsets.commands.results.choice import add_choice, folder_of_results
from brainsets.commands.watching import watch
from brainsets.display.screens import console
from brainsets.display.status_table import place_lines, status_table
from brainsets.errors import SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    FAILED,
    INTERRUPTED,
    PENDING,
    SKIPPED,
)
from brainsets.shared.state.status import (
    STATES,
    AssetFilter,
    BrainsetStatus,
    brainset_status,
    find_brainsets,
)
from brainsets.shared.text.lines import asset_title, single_line
from brainsets.shared.text.suggestions import did_you_mean

__all__ = ["add_parser"]

_LEFT = (PENDING, DOWNLOADED, INTERRUPTED)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "status",
        help="show how far brainsets are",
        description="Show how far brainsets are: a table, and each failure with its "
        "log. Exits with 1 if anything failed, with 2 if the command is wrong.",
    )
    add_choice(parser, "show")
    parser.add_argument(
        "--failed", action="store_true", help="list all assets that failed"
    )
    parser.add_argument(
        "--skipped", action="store_true", help="list all assets that were skipped"
    )
    parser.add_argument(
        "--pending",
        action="store_true",
        help="list all assets that are neither done nor failed nor being worked on",
    )
    assets = parser.add_argument(
        "--asset",
        action="append",
        default=[],
        metavar="GLOB",
        help="list only assets of this id, or that match; may be repeated",
    )
    completed_by(assets, "asset")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON for scripts")
    forms.add_argument("--watch", action="store_true", help="show it live until Ctrl-C")
    log = forms.add_argument(
        "--log", metavar="ASSET", help="show the log of an asset's latest step"
    )
    completed_by(log, "asset")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    folder = folder_of_results(options)
    only = _filter(options)
    if only is not None and (options.watch or options.log):
        raise SettingsError(
            "--failed, --skipped, --pending and --asset choose what is listed; leave "
            "them out with --watch and with --log."
        )
    if options.watch:
        return watch(lambda: find_brainsets(folder, options.brainset))
    folders = find_brainsets(folder, options.brainset)
    if options.log:
        return show_log(folders, options.log)
    _check_names(folders, only)
    statuses = [brainset_status(each, only) for each in folders]
    if options.json:
        print(json.dumps({"brainsets": [s.as_json() for s in statuses]}, indent=1))
    else:
        _print(statuses, folder)
    return int(any(status.has_failed for status in statuses))


def _filter(options: argparse.Namespace) -> AssetFilter | None:
    """Return which assets to list, None if no option asks for that."""
    states = [FAILED] * options.failed + [SKIPPED] * options.skipped
    states += [*_LEFT] * options.pending
    if not states and not options.asset:
        return None
    return AssetFilter(states or STATES, options.asset)


def _check_names(folders: list[BrainsetFolder], only: AssetFilter | None) -> None:
    """Refuse a pattern that no asset matches: it is mistyped."""
    if only is None or not only.patterns:
        return
    known = [
        asset
        for folder in folders
        if folder.manifest.exists()
        for asset in read_manifest(folder.manifest).names
    ]
    for pattern in only.patterns:
        one = AssetFilter(patterns=[pattern])
        if not any(map(one.names, known)):
            hint = did_you_mean(pattern, known, cutoff=0.2) or "see 'status --json'."
            raise SettingsError(f"--asset: no asset matches {pattern!r}; {hint}")


def _print(statuses: list[BrainsetStatus], folder: Path) -> None:
    # A pipe has no width: keep lines whole for grep.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    screen = console(sys.stdout, width=width)
    if not statuses:
        print(f"Nothing has been prepared under {single_line(folder)} yet.")
        return
    is_filtered = any(status.assets is not None for status in statuses)
    for part in status_table(statuses, whole=is_filtered):
        screen.print(part, soft_wrap=isinstance(part, str))
    for line in _others(statuses):
        print(line)
    for line in place_lines(statuses):
        screen.print(line, soft_wrap=True)


def _others(statuses: list[BrainsetStatus]) -> list[str]:
    """Return a line for each asset that a filter names and the outcome does not."""
    return [
        f"{told['state']} {single_line(status.brainset)} {asset_title(told['asset'])}"
        for status in statuses
        for told in status.assets or ()
        if told["state"] in (DONE, DOWNLOADED, PENDING)
    ]
