"""``brainsets report``: what was prepared, and what came out, as one page."""

import argparse
from pathlib import Path

from brainsets.commands.configured import results_folder
from brainsets.commands.results.choice import (
    add_choice,
    check_packages,
    chosen_brainsets,
)
from brainsets.shared.folders import BrainsetFolder

__all__ = ["add_parser"]

_NEEDED = ("numpy", "h5py", "matplotlib")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "report",
        help="write a page about what was prepared, and what came out",
        description="Write one page about brainsets: what was prepared from what, "
        "what became of each asset, and a look at the data. "
        "'snakemake --report report.html' does that for the brainsets of its settings.",
    )
    add_choice(parser, "show")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        default=Path("report.html"),
        help="the page, or a .zip file for it; report.html by default",
    )
    parser.add_argument("--stylesheet", type=Path, help="more CSS for the page")
    parser.add_argument("--all-named", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    check_packages("a report", _NEEDED)
    from brainsets.report.build import make_report

    folder = options.processed_dir or results_folder()
    folder = folder.absolute()
    if options.all_named:
        # A run knows its brainsets, also those that nothing has been done for.
        folders = [BrainsetFolder(folder / name) for name in options.brainset]
    else:
        folders = [
            BrainsetFolder(each.root.absolute()) for each in chosen_brainsets(options)
        ]
    make_report(folders, options.output, options.stylesheet)
    return 0
