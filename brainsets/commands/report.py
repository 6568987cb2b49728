"""``brainsets report``: what was prepared, and what came out, as one page."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import results_folder
from brainsets.errors import ReportError, SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.status import find_brainsets

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
    completed_by(
        parser.add_argument(
            "brainset", nargs="*", help="brainsets to show; all by default"
        ),
        "brainset",
    )
    parser.add_argument(
        "--processed-dir",
        type=Path,
        metavar="DIR",
        help="where the results are; by default as in the settings",
    )
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
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ReportError(
            f"a report needs {', '.join(missing)}, which {sys.executable} does not "
            "have; install it with: pip install 'brainsets-workflow[report]', or in a "
            "clone: pip install -e '.[report]'."
        )
    from brainsets.report.build import make_report

    folder = options.processed_dir or results_folder()
    folder = folder.absolute()
    if options.all_named:
        # A run knows its brainsets, also those that nothing has been done for.
        folders = [BrainsetFolder(folder / name) for name in options.brainset]
    elif folder.is_dir():
        folders = find_brainsets(folder, options.brainset)
    else:
        raise SettingsError(
            f"there is no folder {folder}; nothing has been prepared there, "
            "or --processed-dir names another one."
        )
    make_report(folders, options.output, options.stylesheet)
    return 0
