"""``brainsets list``: the pipelines that can be named."""

import argparse
import json
from typing import Any

from brainsets.commands.configured import configured
from brainsets.shared.text.lines import single_line
from brainsets.sources.catalog import Entry, catalog

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "list",
        help="show the pipelines that can be named",
        description="Show the pipelines that can be named, and where they come from: "
        "those that ship with this project, and those of published packages. Where "
        "several have a name, it means the first; PACKAGE:NAME means that package's. "
        "ARCHIVE:ID[@VERSION] means a dataset of an archive, which needs no pipeline "
        "of its own; without a version it is the newest that is published.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    entries = catalog(configured("catalog"))
    if options.json:
        print(json.dumps([_as_json(entry) for entry in entries], indent=1))
        return 0
    sources: dict[str, list[str]] = {}
    for entry in entries:
        sources.setdefault(single_line(entry.usage), []).append(entry.source)
    width = max(map(len, sources), default=0)
    for name in sorted(sources):
        print(f"{name:<{width}}  {', '.join(map(single_line, sources[name]))}")
    return 0


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "usage": entry.usage,
        "ships": entry.ships,
        "package": entry.package,
        "version": entry.version,
        "path": str(entry.path) if entry.path else None,
    }
