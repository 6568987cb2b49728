"""``brainsets check``: whether what was prepared can be trained on."""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainsets.commands.results.choice import (
    add_choice,
    check_packages,
    chosen_brainsets,
    folder_of_results,
    with_bar,
)
from brainsets.display.screens import console
from brainsets.errors import SettingsError
from brainsets.shared.folders import BrainsetFolder
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
    add_choice(parser, "check")
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
    check_packages("a check", _NEEDED)
    place = folder_of_results(options)
    if options.python and not options.train:
        raise SettingsError("--python is for --train; give both.")
    folders = chosen_brainsets(options)
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
    check = partial(
        check_outputs, folder, windows=options.windows, length=options.window
    )
    return with_bar(folder.root.name, lambda progress: check(progress=progress))


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
