"""``brainsets check``: whether what was prepared can be trained on."""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import results_folder
from brainsets.display.screens import can_redraw, console
from brainsets.errors import ReportError, SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.status import find_brainsets
from brainsets.shared.text.lines import asset_title, single_line
from brainsets.training.batches import Batches, draw_batches, find_interpreter
from brainsets.training.checks import Checked, check_outputs, shared_sessions

__all__ = ["add_parser"]

_NEEDED = ("numpy", "h5py")
_MAX_SHOWN = 50


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "check",
        help="check that what was prepared can be trained on",
        description="Open every recording as training code does, tell what would stop "
        "it, and read windows of each. Exits with 1 if something would, with 2 if the "
        "command is wrong.",
    )
    completed_by(
        parser.add_argument(
            "brainset", nargs="*", help="brainsets to check; all by default"
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
        "--window",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="length of a window, in s (default: %(default)s)",
    )
    parser.add_argument(
        "--windows",
        type=_count,
        default=20,
        metavar="N",
        help="how many windows to read of each recording (default: %(default)s)",
    )
    parser.add_argument(
        "--train",
        action="store_true",
        help="also draw batches of each split with torch_brain, in this interpreter, "
        "the pipeline's, or that of --python: the first that has torch and torch_brain",
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="FILE",
        help="the interpreter for --train",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.set_defaults(run=_run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 999999")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ReportError(
            f"a check needs {', '.join(missing)}, which {sys.executable} does not "
            "have; install it with: pip install 'brainsets-workflow[report]', or in a "
            "clone: pip install -e '.[report]'."
        )
    place = options.processed_dir or results_folder()
    if not place.is_dir():
        raise SettingsError(
            f"there is no folder {place}; nothing has been prepared there, "
            "or --processed-dir names another one."
        )
    if options.python and not options.train:
        raise SettingsError("--python is for --train; give both.")
    folders = find_brainsets(place, options.brainset)
    checked = [_checked(folder, options) for folder in folders]
    batches = {}
    if options.train:
        for each in checked:
            python = find_interpreter(each.folder, options.python)
            batches[each.folder.root.name] = draw_batches(each, python, options.window)
    shared = shared_sessions(checked)
    if options.json:
        print(json.dumps(_as_json(checked, batches, shared), indent=1))
    else:
        _print(checked, batches, shared, place)
    has_failed = any(each.unfit for each in checked)
    return int(has_failed or any(each.has_failed for each in batches.values()))


def _checked(folder: BrainsetFolder, options: argparse.Namespace) -> Checked:
    def check(progress: Any = lambda done, total: None) -> Checked:
        return check_outputs(
            folder, windows=options.windows, length=options.window, progress=progress
        )

    if not can_redraw(sys.stderr):
        return check()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True) as bars:
        bar = bars.add_task(single_line(folder.root.name, 40), total=None)
        return check(lambda done, total: bars.update(bar, completed=done, total=total))


def _as_json(
    checked: list[Checked],
    batches: Mapping[str, Batches],
    shared: Mapping[str, list[str]],
) -> dict[str, Any]:
    found = []
    for each in checked:
        name = each.folder.root.name
        found.append(
            {
                "brainset": name,
                "folder": str(each.folder.root),
                "files": [vars(file) for file in each.files],
                "others": each.others,
                **({"batches": batches[name].as_json()} if name in batches else {}),
            }
        )
    return {"brainsets": found, "shared_sessions": dict(shared)}


def _print(
    checked: list[Checked],
    batches: Mapping[str, Batches],
    shared: Mapping[str, list[str]],
    place: Path,
) -> None:
    # A pipe has no width: keep lines whole for grep.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    screen = console(sys.stdout, width=width)
    if not checked:
        print(f"Nothing has been prepared under {single_line(place)} yet.")
        return
    screen.print(_table(checked))
    for each in checked:
        for line in _lines(each):
            screen.print(line, soft_wrap=True)
    for name, drawn in batches.items():
        for line in drawn.lines():
            style = "red" if line.startswith("no batches") else "default"
            screen.print(f"[{style}]{_safe(name)}: {_safe(line)}[/]", soft_wrap=True)
    for id, names in list(shared.items())[:_MAX_SHOWN]:
        screen.print(
            f"{_safe(id)} is the session of recordings in {_safe(', '.join(names))}: "
            "train on one of them, or keep them apart.",
            soft_wrap=True,
        )


def _table(checked: list[Checked]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("brainset", overflow="fold")
    for title in ("recordings", "fit", "unfit", "windows", "ms each", "other files"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in checked:
        times = [file.window_s for file in each.files if file.windows]
        unfit = len(each.unfit)
        table.add_row(
            _safe(each.folder.root.name),
            f"{len(each.files):,}",
            f"{len(each.files) - unfit:,}",
            f"[red]{unfit:,}[/]" if unfit else "0",
            f"{sum(file.windows for file in each.files):,}",
            f"{1000 * statistics.median(times):.1f}" if times else "-",
            f"{each.others:,}",
        )
    return table


def _lines(checked: Checked) -> Iterator[str]:
    name = _safe(checked.folder.root.name)
    lines = [
        f"[red]UNFIT[/] {name} {_safe(file.path)} ({_safe(asset_title(file.asset))}): "
        f"{_safe(problem)}"
        for file in checked.files
        for problem in file.problems
    ]
    lines += [
        f"{name} {_safe(file.path)}: {_safe(note)}"
        for file in checked.files
        for note in file.notes
    ]
    yield from lines[:_MAX_SHOWN]
    if len(lines) > _MAX_SHOWN:
        rest = len(lines) - _MAX_SHOWN
        yield f"... and {rest:,} more of {name}: see 'brainsets check --json'."


def _safe(text: object) -> str:
    from rich.markup import escape

    return escape(single_line(text))
