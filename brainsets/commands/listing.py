"""``brainsets list``: the pipelines that can be named."""

import argparse
import json

from brainsets.planning.catalog import catalog

__all__ = ["add_parser"]


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "list",
        help="show the pipelines that can be named",
        description="Show the pipelines that can be named, and where they come from.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    entries = sorted(catalog().values(), key=lambda entry: entry.name)
    if options.json:
        listed = [
            {"name": e.name, "source": e.source, "path": str(e.path)} for e in entries
        ]
        print(json.dumps(listed, indent=1))
        return 0
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        print(f"{entry.name:<{width}}  {entry.source}")
    return 0
