"""``brainsets status``: how far brainsets are, from any terminal that sees the disk."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from brainsets.commands.configured import configured_folder
from brainsets.errors import SettingsError
from brainsets.planning.outcome import outcome
from brainsets.planning.status import BrainsetStatus, brainset_status, find_brainsets

__all__ = ["add_parser"]

_REFRESH_S = 2.0


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "status",
        help="show how far brainsets are",
        description="Show how far brainsets are: a table, and each failure with its "
        "log. Exits with 1 if anything failed.",
    )
    parser.add_argument("brainset", nargs="*", help="brainsets to show; all by default")
    parser.add_argument(
        "--processed-dir",
        type=Path,
        metavar="DIR",
        help="where the results are; by default as in config/config.yaml",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.add_argument(
        "--watch", action="store_true", help="show it live until Ctrl-C"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    folder = options.processed_dir or configured_folder("processed_dir")
    if not folder.is_dir():
        raise SettingsError(
            f"there is no folder {folder}; nothing has been prepared there, "
            "or --processed-dir names another one."
        )
    if options.watch:
        return _watch(folder, options)
    statuses = _statuses(folder, options)
    if options.json:
        print(json.dumps({"brainsets": [s.as_json() for s in statuses]}, indent=1))
    else:
        _print(statuses, folder)
    return int(any(status.has_failed for status in statuses))


def _statuses(folder: Path, options: argparse.Namespace) -> list[BrainsetStatus]:
    return [brainset_status(f) for f in find_brainsets(folder, options.brainset)]


def _console() -> Any:
    from rich.console import Console

    # A pipe has no width: keep lines whole for grep.
    width = None if os.isatty(1) or "COLUMNS" in os.environ else 200
    return Console(highlight=False, width=width)


def _print(statuses: list[BrainsetStatus], folder: Path) -> None:
    console = _console()
    if not statuses:
        console.print(f"Nothing has been prepared under {folder} yet.")
        return
    for part in outcome(statuses):
        console.print(part, soft_wrap=isinstance(part, str))


def _watch(folder: Path, options: argparse.Namespace) -> int:
    from rich.console import Group
    from rich.live import Live

    with Live(console=_console(), auto_refresh=False, screen=False) as live:
        try:
            while True:
                live.update(Group(*outcome(_statuses(folder, options))), refresh=True)
                time.sleep(_REFRESH_S)
        except KeyboardInterrupt:
            statuses = _statuses(folder, options)
    return int(any(status.has_failed for status in statuses))
