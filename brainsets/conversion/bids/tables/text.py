"""Tables of text with tabs (TSV), as people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from brainsets.conversion.names import column_name
from brainsets.conversion.parts import Columns
from brainsets.conversion.text import ascii_column

__all__ = ["TextTable", "as_column", "numbers", "read_json", "read_table"]

_MISSING = {"", "n/a", "N/A"}
# What is no number and is meant to be none.
_NO_NUMBER = {*_MISSING, "nan", "NaN", "NAN", "na", "NA", "null", "None"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_PADDED = re.compile(r"[+-]?0\d+")
_NAMES = re.compile(r"(.*_)?(id|ids|name)", re.IGNORECASE)
_MOST_EXACT = 2**53


@dataclass
class TextTable:
    """A table as text: `columns` of one length, with '' for what is missing."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0
    notes: list[str] = field(default_factory=list)

    def find(self, *names: str) -> str | None:
        """Return the column that has one of some names, whatever their case."""
        for wanted in names:
            for name in self.columns:
                if name.lower() == wanted:
                    return name
        return None

    def get(self, *names: str) -> list[str]:
        """Return the values of a column by its name; '' in each row without it."""
        name = self.find(*names)
        return [""] * self.size if name is None else self.columns[name]

    def rows(self, index: Iterable[int]) -> TextTable:
        """Return some of its rows."""
        order = list(index)
        columns = {k: [v[i] for i in order] for k, v in self.columns.items()}
        return TextTable(columns, len(order), list(self.notes))

    def as_columns(
        self, *, without: Sequence[str] = (), taken: Iterable[str] = ()
    ) -> tuple[Columns, list[str]]:
        """Return columns of numbers and of text, and notes of what was changed."""
        found: Columns = {}
        notes = []
        taken = set(taken)
        for name, texts in self.columns.items():
            if name in without:
                continue
            fit = column_name(name, {*found, *taken})
            if fit != name:
                notes.append(f"{name} is named {fit}")
            found[fit], changed = as_column(name, texts)
            if changed:
                notes.append(f"{name} is spelled in ASCII")
        return found, notes


def read_table(path: Path) -> TextTable:
    """Return a table.

    It is read as UTF-8, or else as Latin-1; by tabs, or else, if its header has none,
    by commas, semicolons or blanks, where all lines agree. Lines with too many values
    are left out, and values that lack at the end of a line are missing: both are noted.

    Raises
    ------
    ValueError
        It is empty, holds no text, or most of its lines do not fit its header.
    """
    content = Path(path).read_bytes()
    if not content.strip():
        raise ValueError("it is empty")
    if is_placeholder(content):
        raise ValueError("it is a placeholder: its content was not fetched")
    table = TextTable()
    text = _decoded(content, table.notes)
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip(" \t")]
    if not lines:
        raise ValueError("it is empty")
    header, *rows = _split(lines, table.notes)
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    _fill(table, _unique(header, table.notes), rows)
    return table


def is_placeholder(content: bytes) -> bool:
    """Whether a file of git-annex or Git LFS stands for one that is elsewhere."""
    start = content[:1000]
    return start.startswith(b"version https://git-lfs") or (
        len(content) < 1000 and b"annex/objects/" in start
    )


def read_json(path: Path) -> tuple[dict[str, Any], str]:
    """Return an object of JSON, and why it is not taken if it is none."""
    content = Path(path).read_bytes()
    if is_placeholder(content):
        return {}, "it is a placeholder: its content was not fetched"
    try:
        try:
            found = json.loads(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            found = json.loads(content.decode("latin-1"))
    except (ValueError, RecursionError) as error:
        return {}, f"it is no JSON: {error}"
    if not isinstance(found, dict):
        return {}, "it is no object of JSON"
    return found, ""


def numbers(texts: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return a column that has to be one of numbers, and notes.

    What is no number is nan. A comma is a decimal point if all numbers of the column
    that are not whole have one.
    """
    present = [text for text in texts if text not in _NO_NUMBER]
    notes = []
    if any(_COMMA.fullmatch(text) for text in present) and all(
        _COMMA.fullmatch(text) or _WHOLE.fullmatch(text) for text in present
    ):
        notes.append("commas are read as decimal points")
        texts = [text.replace(",", ".") for text in texts]
    found = np.array([_number(text) for text in texts], dtype=np.float64)
    known = {text for text, value in zip(texts, found) if not np.isnan(value)}
    odd = [text for text in texts if text not in known | _NO_NUMBER]
    if odd:
        notes.append(f"{len(odd)} values are no number, as {odd[0][:40]!r}")
    return found, notes


def as_column(name: str, texts: Sequence[str]) -> tuple[np.ndarray, bool]:
    """Return a column as numbers or as text, and whether text had to be spelled anew.

    What is an id stays text: by its name, or with zeros in front, as ``007``. Whole
    numbers are int64 if none is missing; otherwise missing ones are nan. In text
    columns what is missing is empty.
    """
    present = [text for text in texts if text not in _NO_NUMBER]
    is_number = bool(present) and all(_NUMBER.fullmatch(text) for text in present)
    if not is_number or _NAMES.fullmatch(name) or any(map(_PADDED.fullmatch, present)):
        return ascii_column(texts)
    if all(_WHOLE.fullmatch(text) for text in present):
        values = [int(text) for text in present]
        if max(map(abs, values)) >= _MOST_EXACT:
            return ascii_column(texts)
        if len(present) == len(texts):
            return np.array(values, dtype=np.int64), False
    return np.array([_number(text) for text in texts], dtype=np.float64), False


def _number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else np.nan
    return value if np.isfinite(value) else np.nan


def _decoded(content: bytes, notes: list[str]) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        notes.append("in UTF-16")
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        raise ValueError("it holds no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("read as Latin-1, as it is no UTF-8")
        return content.decode("latin-1")


def _split(lines: list[str], notes: list[str]) -> list[list[str]]:
    if "\t" not in lines[0]:
        for sign, said in ((",", "commas"), (";", "semicolons"), (None, "blanks")):
            rows = [line.split(sign) for line in lines]
            if len(rows[0]) > 1 and {len(row) for row in rows} == {len(rows[0])}:
                notes.append(f"its values are separated by {said}, not by tabs")
                return [[_clean(value) for value in row] for row in rows]
    return [[_clean(value) for value in line.split("\t")] for line in lines]


def _clean(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('""', '"').strip()
    return "" if value in _MISSING else value


def _unique(header: list[str], notes: list[str]) -> list[str]:
    names: list[str] = []
    for number, said in enumerate(header, start=1):
        name, again = said or f"column {number}", 1
        while name in names:
            again += 1
            name = f"{said or f'column {number}'} ({again})"
        if again > 1:
            notes.append(f"it has {said!r} more than once: {name!r} is one of them")
        names.append(name)
    return names


def _fill(table: TextTable, names: list[str], rows: list[list[str]]) -> None:
    kept: list[list[str]] = []
    long = short = 0
    for row in rows:
        if any(row[len(names) :]):
            long += 1
            continue
        if len(row) < len(names):
            short += 1
        kept.append([*row[: len(names)], *[""] * (len(names) - len(row))])
    if long > len(rows) / 2 or (short > len(rows) / 2 and short > 1):
        raise ValueError(
            f"{long + short} of its {len(rows)} lines do not have the "
            f"{len(names)} values that its header says"
        )
    if long:
        table.notes.append(f"{long} lines with too many values are left out")
    if short:
        table.notes.append(f"{short} lines have too few values: the last are missing")
    table.size = len(kept)
    table.columns = {name: [row[n] for row in kept] for n, name in enumerate(names)}
