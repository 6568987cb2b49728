"""``brainsets look``: what is in one recording, before it is prepared."""

import argparse
import json
import shlex
import subprocess
from typing import Any

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import ROOT
from brainsets.commands.runs.snakemake_call import list_assets
from brainsets.commands.runs.typed_brainset import (
    TypedBrainset,
    add_folders,
    add_name,
    typed_brainset,
)
from brainsets.display.units import size_text
from brainsets.errors import BrainsetError, SelectionError, SettingsError
from brainsets.planning.command_lines import job_command
from brainsets.planning.settings import read_settings
from brainsets.shared.manifest import read_manifest
from brainsets.shared.selection import Selection
from brainsets.shared.text.lines import single_line

__all__ = ["add_parser"]

_SCRIPT = ROOT / "workflow" / "scripts" / "look_at_asset.py"
_MAX_WIDTH = 60


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "look",
        help="show what is in one recording, without preparing it",
        description="Show the objects of one recording with shapes, types, rates, "
        "units and sizes, and what would become of each, and fetch as little of it as "
        "its pipeline can: of EDF, OpenNeuro's and some other files that is all. "
        "Its environment and the list of assets are made if they are not there. "
        "Arguments that are not listed here go to the pipeline.",
        allow_abbrev=False,
    )
    add_name(parser)
    add_folders(parser, required=False)
    completed_by(
        parser.add_argument(
            "-s",
            "--single",
            metavar="ASSET",
            help="the recording; the first of the list by default",
        ),
        "asset",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    arguments = [argument for argument in options.remaining if argument != "--"]
    asked, options.single = options.single, None
    typed = typed_brainset(options, arguments)
    code = list_assets(typed, 1, again=False, verbose=options.verbose)
    if code:
        return code
    found = _look(typed, asked)
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    return 0


def _look(typed: TypedBrainset, asked: str | None) -> dict[str, Any]:
    settings = read_settings(typed.settings)
    brainset = settings.brainsets[typed.named.id]
    manifest = read_manifest(typed.folder.manifest)
    asset = _chosen(typed.named.id, asked, list(manifest.names))
    command = job_command(settings, _SCRIPT, brainset, manifest.names[asset], None)
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE)
    if done.returncode:
        # The job has said why.
        raise SystemExit(1)
    try:
        objects = json.loads(done.stdout)
    except ValueError as error:
        raise BrainsetError(f"{brainset.source}: look answered no table.") from error
    return {"brainset": brainset.id, "asset": asset, "objects": objects}


def _chosen(brainset: str, asked: str | None, assets: list[str]) -> str:
    """Return the recording that is asked for, by its id or by a glob that fits one."""
    if not assets:
        raise SettingsError(f"{brainset}: there is no recording to look at.")
    if asked is None:
        return assets[0]
    try:
        [found] = Selection([asked]).apply(brainset, assets)
    except ValueError as error:
        raise SelectionError(
            f"{brainset}: {asked!r} fits several recordings; name one."
        ) from error
    return found


def _print(found: dict[str, Any]) -> None:
    objects = found["objects"]
    print(f"{found['brainset']}, {single_line(found['asset'])}: {len(objects)} objects")
    rows = [{key: _text(key, value) for key, value in row.items()} for row in objects]
    # A column for each key, where anything has a value.
    keys = [key for key in dict.fromkeys(k for row in rows for k in row)]
    keys = [key for key in keys if any(row.get(key) for row in rows)]
    table = [keys, *([row.get(key, "") for key in keys] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths))
        print("  ".join(cells).rstrip())
    sizes = [row["bytes"] for row in objects if isinstance(row.get("bytes"), int)]
    if sizes:
        print(f"{size_text(sum(sizes))} in all")


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "bytes" and isinstance(value, int):
        return size_text(value)
    if isinstance(value, list):
        return " x ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return single_line(str(value), _MAX_WIDTH)
