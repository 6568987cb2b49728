"""Events of a recording, from ``events.tsv``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from brainsets.conversion.bids.tables.text import TextTable, numbers
from brainsets.conversion.parts import Samples, Table

__all__ = ["Events", "read_events"]

_ONSETS = ("onset",)
_SAMPLES = ("sample", "sample_index", "onset_sample")


@dataclass
class Events:
    """Events as a part; or a reason (`inventory.REASONS`) why there is none.

    `columns` are the names that the table has.
    """

    part: Table | Samples | None = None
    reason: str = ""
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_events(
    table: TextTable, name: str, *, rate: float | None, first: float, last: float
) -> Events:
    """Return the events of a recording, with all columns.

    ``start`` is the onset in the recording's time, ``duration`` what the table says in
    s, and ``end`` is after it; where the duration is missing or negative, it is the
    start. Rows without an onset are left out. Where intervals lie within others, each
    row is an event at its start, as what slices intervals by time expects.

    Parameters
    ----------
    table : TextTable
        The table.
    name : str
        The name of the part.
    rate : float or None
        Sampling rate in Hz, for a table that has sample numbers in place of onsets.
    first, last : float
        Time of the first sample, from which onsets count, and the recording's end.
    """
    found = Events(columns=list(table.columns), notes=list(table.notes))
    if not table.size:
        found.reason = "placeholder"
        found.notes.append("it has no rows")
        return found
    onsets, source = _onsets(table, rate, found.notes)
    rows = np.flatnonzero(np.isfinite(onsets))
    if not len(rows):
        found.reason = "no times"
        found.notes.append("none of its rows has an onset")
        return found
    if len(rows) < table.size:
        count = table.size - len(rows)
        found.notes.append(f"{count} rows without an onset are left out")
    column = table.find("duration")
    durations = np.full(table.size, np.nan)
    if column is not None:
        durations, notes = numbers(table.columns[column])
        found.notes += [f"duration: {note}" for note in notes]
    starts = first + onsets
    ends = starts + np.where(durations > 0, durations, 0.0)
    rows = _in_order(rows, starts, ends, found.notes)
    _tell_durations(durations[rows], column is not None, found.notes)
    _tell_outside(starts[rows], first, last, found.notes)
    without = [each for each in (source, column) if each is not None]
    columns, notes = table.rows(rows.tolist()).as_columns(
        without=without, taken=["duration"]
    )
    found.notes += notes
    if column is not None:
        columns = {"duration": durations[rows], **columns}
    starts, ends = starts[rows], ends[rows]
    if (np.diff(ends) < 0).any():
        found.notes.append(
            "some intervals lie within others: its rows are events at their starts"
        )
        found.part = Samples(name, starts, columns)
    else:
        found.part = Table(name, starts, ends, columns)
    return found


def _onsets(
    table: TextTable, rate: float | None, notes: list[str]
) -> tuple[np.ndarray, str | None]:
    """Return onsets in s, and the column that they are; sample numbers stay."""
    name = table.find(*_ONSETS)
    if name is not None:
        onsets, said = numbers(table.columns[name])
        notes += [f"{name}: {note}" for note in said]
        if np.isfinite(onsets).any():
            return onsets, name
    sample = table.find(*_SAMPLES)
    if sample is None or rate is None:
        notes.append("it has no column of onsets" if name is None else "no onsets")
        return np.full(table.size, np.nan), name
    samples, said = numbers(table.columns[sample])
    notes += [f"{sample}: {note}" for note in said]
    notes.append(f"doubt: it has no onsets; {sample} is counted from 0, at {rate:g} Hz")
    return samples / rate, name


def _in_order(
    rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, notes: list[str]
) -> np.ndarray:
    if (np.diff(starts[rows]) < 0).any():
        notes.append("sorted by onset")
        rows = rows[np.argsort(starts[rows], kind="stable")]
    if (np.diff(ends[rows]) < 0).any():
        by_both: np.ndarray = rows[np.lexsort((ends[rows], starts[rows]))]
        if (np.diff(ends[by_both]) >= 0).all():
            notes.append("rows of one onset are sorted by their end")
            return by_both
    return rows


def _tell_durations(durations: np.ndarray, has_column: bool, notes: list[str]) -> None:
    missing, negative = int(np.isnan(durations).sum()), int((durations < 0).sum())
    if not has_column:
        notes.append("it has no durations: each event ends where it begins")
    elif missing:
        notes.append(
            f"{missing} of {len(durations)} durations are missing: those events end "
            "where they begin"
        )
    if negative:
        notes.append(
            f"doubt: {negative} durations are negative: those events end where they "
            "begin"
        )


def _tell_outside(
    starts: np.ndarray, first: float, last: float, notes: list[str]
) -> None:
    before, after = int((starts < first).sum()), int((starts > last).sum())
    if before:
        notes.append(f"doubt: {before} onsets are before the first sample")
    if after:
        notes.append(f"doubt: {after} onsets are after the last sample")
    whole = np.round(starts - first) == starts - first
    if after > len(starts) / 2 and whole.all():
        notes.append("doubt: onsets may not be in s")
