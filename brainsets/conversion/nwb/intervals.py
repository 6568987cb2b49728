"""Tables: of intervals, of events, or of things without a time."""

from __future__ import annotations

import h5py
import numpy as np

from brainsets.conversion.nwb.outcome import LeaveOut, Taken
from brainsets.conversion.nwb.tables import Content, read_table
from brainsets.conversion.parts import Columns, Part, Rows, Samples, Table

__all__ = ["read_any_table"]

_STARTS = ("start_time",)
_STOPS = ("stop_time",)
_EVENTS = ("timestamp", "timestamps")


def read_any_table(group: h5py.Group, name: str) -> Taken:
    """Return a table as intervals, as events, or as rows without a time.

    Intervals are sorted by their start, and have a start and an end that is a number
    and not before it; none lies within another, as what slices them by time expects.
    Where that is not so, each row is an event at its start, with its end as it is.

    Raises
    ------
    LeaveOut
        It has no rows.
    """
    content = read_table(group)
    if content.size == 0:
        raise LeaveOut("placeholder", "it has no rows")
    if not content.columns:
        raise LeaveOut("placeholder", "; ".join(content.notes))
    starts = _times(content, _STARTS)
    if starts is not None:
        return Taken([_with_starts(content, name, starts)], content.notes)
    events = _times(content, _EVENTS)
    if events is not None:
        return Taken([_at(content, name, events)], content.notes)
    return Taken([Rows(name, content.columns)], content.notes)


def _times(content: Content, names: tuple[str, ...]) -> np.ndarray | None:
    """Return a column of times in s, by the first of some names."""
    for name in names:
        values = content.named(name)
        if values is not None and values.ndim == 1 and values.dtype.kind in "iuf":
            return values.astype(np.float64)
    return None


def _with_starts(content: Content, name: str, starts: np.ndarray) -> Part:
    stops = _times(content, _STOPS)
    if not np.isfinite(starts).any():
        content.notes.append("none of its starts is a number: it has no times")
        return Rows(name, content.columns)
    rows = _in_order(content, starts)
    starts = starts[rows]
    if stops is None:
        content.notes.append("it has no stops: its rows are events at their starts")
        return _at(content, name, starts, rows)
    stops = stops[rows]
    why = _why_no_intervals(starts, stops)
    if why:
        content.notes.append(f"{why}: its rows are events at their starts")
        return _at(content, name, starts, rows)
    columns = _without(content, (*_STARTS, *_STOPS), rows)
    # A column of intervals may be of this name, which events do not allow.
    times = _time_columns(content, columns, starts, stops)
    return Table(name, starts, stops, columns, times)


def _why_no_intervals(starts: np.ndarray, stops: np.ndarray) -> str:
    missing = int((~np.isfinite(stops)).sum())
    if missing:
        return f"{missing} of {len(stops)} stops are no number"
    before = int((stops < starts).sum())
    if before:
        return f"{before} of {len(stops)} stops lie before their start"
    if (np.diff(stops) < 0).any():
        return "some intervals lie within others"
    return ""


def _in_order(content: Content, times: np.ndarray) -> np.ndarray:
    """Return which rows to keep, by time, and note what that changes."""
    rows = np.flatnonzero(np.isfinite(times))
    if len(rows) < len(times):
        content.notes.append(f"{len(times) - len(rows)} rows without a time are left")
        content.notes[-1] += " out"
    if (np.diff(times[rows]) < 0).any():
        content.notes.append("sorted by time")
        rows = rows[np.argsort(times[rows], kind="stable")]
    return rows


def _at(
    content: Content, name: str, times: np.ndarray, rows: np.ndarray | None = None
) -> Part:
    """Return events at times; `rows` are given if the times are already in order."""
    if rows is None:
        if not np.isfinite(times).any():
            content.notes.append("none of its times is a number: it has no times")
            return Rows(name, content.columns)
        rows = _in_order(content, times)
        times = times[rows]
        without: tuple[str, ...] = _EVENTS
    else:
        without = _STARTS
    return Samples(name, times, _without(content, without, rows))


def _without(content: Content, sources: tuple[str, ...], rows: np.ndarray) -> Columns:
    found = content.rows(rows)
    return {k: v for k, v in found.items() if content.sources.get(k) not in sources}


def _time_columns(
    content: Content, columns: Columns, starts: np.ndarray, stops: np.ndarray
) -> list[str]:
    """Return the columns that are times of the same clock as the starts.

    A name that ends with ``_time`` may also be a duration, or a time since the start
    of the row: it is a time if nearly all of its values lie near their rows.
    """
    found = []
    slack = float((stops - starts).max(initial=0.0))
    for name, values in columns.items():
        source = content.sources[name]
        if not source.endswith(("_time", "_times")) or values.ndim != 1:
            continue
        if values.dtype.kind not in "iuf":
            continue
        times: np.ndarray = values.astype(np.float64)
        fit = np.isfinite(times)
        is_near = (times >= starts - slack) & (times <= stops + slack)
        if fit.any() and is_near[fit].mean() >= 0.9:
            columns[name] = times
            found.append(name)
        elif fit.any():
            content.notes.append(f"{source} is no time of the same clock")
    return found
