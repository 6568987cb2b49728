"""``brainsets recordings``: one table over all that was prepared."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
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
from brainsets.shared.text.lines import single_line
from brainsets.training.recordings import recordings_of

__all__ = ["add_parser"]

_NEEDED = ("numpy", "h5py")
_MAX_SHOWN = 200


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "recordings",
        help="one table over all recordings: subjects, signals, rates, durations",
        description="Show all recordings that were prepared, with what is in each: "
        "subject, species, task, signals with rates, channels and units, duration, "
        "splits, path.",
    )
    add_choice(parser, "show")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON for scripts")
    forms.add_argument("--tsv", action="store_true", help="print a table of all")
    forms.add_argument(
        "--parquet",
        type=Path,
        metavar="FILE",
        help="write a Parquet file; needs pandas and pyarrow",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    check_packages("this table", _NEEDED)
    if options.parquet:
        check_packages("a Parquet file", ("pandas", "pyarrow"), is_in_extra=False)
    place = folder_of_results(options)
    rows: list[dict[str, Any]] = []
    for folder in chosen_brainsets(options):
        rows += with_bar(folder.root.name, partial(recordings_of, folder))
    if options.json:
        print(json.dumps({"recordings": rows}, indent=1))
    elif options.tsv:
        _print_tsv(rows)
    elif options.parquet:
        _write_parquet(rows, options.parquet)
        print(f"{len(rows):,} recordings in {options.parquet}")
    else:
        _print(rows, place)
    return 0


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a recording as one row of plain values."""
    splits = row.get("splits") or {}
    return {
        "brainset": row["brainset"],
        "recording": row["recording"],
        "subject": row.get("subject"),
        "species": row.get("species"),
        "sex": row.get("sex"),
        "age_days": row.get("age_days"),
        "session": row.get("session"),
        "task": row.get("task"),
        "version": row.get("version"),
        "duration_s": row.get("duration_s"),
        **{f"{name}_s": splits.get(name) for name in ("train", "valid", "test")},
        "parts": "; ".join(_part(part) for part in row.get("parts") or ()),
        "bytes": row["bytes"],
        "path": row["path"],
        "asset": row["asset"],
        "error": row.get("error"),
    }


def _part(part: dict[str, Any]) -> str:
    """Return a part of a recording in a few words: ``eeg 64 x 160 Hz V``."""
    words = [part["name"]]
    if part["kind"] == "units":
        return f"{part['name']} {part['channels']}"
    if part["rate_hz"] is not None:
        channels = f"{part['channels']} x " if part["channels"] else ""
        words.append(f"{channels}{part['rate_hz']:g} Hz")
    else:
        words.append(str(part["samples"]))
    if part["unit"]:
        words.append(part["unit"])
    return " ".join(words)


def _print_tsv(rows: list[dict[str, Any]]) -> None:
    table = [flat(row) for row in rows]
    columns = list(table[0]) if table else ["brainset", "recording"]
    print("\t".join(columns))
    for row in table:
        cells = ("" if row[key] is None else row[key] for key in columns)
        print("\t".join(single_line(cell) for cell in cells))


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    pd.DataFrame([flat(row) for row in rows]).to_parquet(path, index=False)


def _print(rows: list[dict[str, Any]], place: Path) -> None:
    if not rows:
        print(f"No recordings have been prepared under {single_line(place)} yet.")
        return
    # A pipe has no width: keep lines whole for grep.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    screen = console(sys.stdout, width=width)
    screen.print(_table(rows[:_MAX_SHOWN]))
    for line in _lines(rows):
        screen.print(line, soft_wrap=True)


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title in ("brainset", "recording", "subject", "task"):
        table.add_column(title, overflow="fold")
    table.add_column("duration", justify="right", no_wrap=True)
    table.add_column("in it", overflow="fold")
    for row in rows:
        one = flat(row)
        texts = [one[key] or "" for key in ("brainset", "recording", "subject", "task")]
        seconds = one["duration_s"]
        duration = "" if seconds is None else f"{seconds:,.1f} s"
        table.add_row(*map(_safe, texts), duration, _safe(one["parts"]))
    return table


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    if len(rows) > _MAX_SHOWN:
        rest = len(rows) - _MAX_SHOWN
        yield f"... and {rest:,} more: see 'brainsets recordings --tsv'."
    for row in [row for row in rows if row.get("error")][:_MAX_SHOWN]:
        yield (
            f"[red]UNREADABLE[/] {_safe(row['brainset'])} {_safe(row['path'])}: "
            f"{_safe(row['error'])}"
        )
    total = sum(row.get("duration_s") or 0.0 for row in rows)
    subjects = {(row["brainset"], row.get("subject")) for row in rows}
    hours = f"{total / 3600:,.1f} h"
    yield f"{len(rows):,} recordings of {len(subjects):,} subjects, {hours}"


def _safe(text: object) -> str:
    from rich.markup import escape

    return escape(single_line(text))
