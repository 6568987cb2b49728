"""Which brainsets a command is about, and what it needs to look at their data."""

import argparse
import sys
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import results_folder
from brainsets.display.screens import can_redraw, console
from brainsets.errors import ReportError, SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.status import find_brainsets
from brainsets.shared.text.lines import single_line

__all__ = [
    "add_choice",
    "check_packages",
    "chosen_brainsets",
    "folder_of_results",
    "with_bar",
]

T = TypeVar("T")


def add_choice(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add the names of brainsets, and ``--processed-dir``."""
    completed_by(
        parser.add_argument(
            "brainset", nargs="*", help=f"brainsets to {verb}; all by default"
        ),
        "brainset",
    )
    parser.add_argument(
        "--processed-dir",
        type=Path,
        metavar="DIR",
        help="where the results are; by default as in the settings",
    )


def folder_of_results(options: argparse.Namespace) -> Path:
    """Return the folder in which brainsets are.

    Raises
    ------
    SettingsError
        There is none.
    """
    folder: Path = options.processed_dir or results_folder()
    if not folder.is_dir():
        raise SettingsError(
            f"there is no folder {folder}; nothing has been prepared there, "
            "or --processed-dir names another one."
        )
    return folder


def chosen_brainsets(options: argparse.Namespace) -> list[BrainsetFolder]:
    """Return the folders of the brainsets that are named, or of all.

    Raises
    ------
    SettingsError
        There is no such brainset, or no folder in which they could be.
    """
    return find_brainsets(folder_of_results(options), options.brainset)


def check_packages(
    what: str, names: Iterable[str], *, is_in_extra: bool = True
) -> None:
    """Check that packages are there; those of the extra ``report`` by default.

    Raises
    ------
    ReportError
        Some are not; `what` needs them.
    """
    missing = [name for name in names if find_spec(name) is None]
    if not missing:
        return
    command = "pip install 'brainsets-workflow[report]'"
    if is_in_extra:
        command += ", or in a clone: pip install -e '.[report]'"
    else:
        command = f"pip install {' '.join(missing)}"
    raise ReportError(
        f"{what} needs {', '.join(missing)}, which {sys.executable} does not have; "
        f"install it with: {command}."
    )


def with_bar(
    title: str,
    work: Callable[[Callable[[int, int], object]], T],
    *,
    is_size: bool = False,
) -> T:
    """Do something that tells its progress, with a bar if a terminal can show one.

    Parameters
    ----------
    title : str
        Stands before the bar.
    work : callable
        Is given a function to call with how much is done, and how much there is.
    is_size : bool
        Whether that is bytes.
    """
    if not can_redraw(sys.stderr):
        return work(lambda done, total: None)
    from rich import progress as bars

    columns: list[Any] = [bars.TextColumn("{task.description}"), bars.BarColumn()]
    if is_size:
        columns += [bars.DownloadColumn(), bars.TransferSpeedColumn()]
    else:
        columns += [bars.MofNCompleteColumn()]
    columns += [bars.TimeRemainingColumn()]
    with bars.Progress(*columns, console=console(sys.stderr), transient=True) as shown:
        bar = shown.add_task(single_line(title, 40), total=None)
        return work(lambda done, total: shown.update(bar, completed=done, total=total))
