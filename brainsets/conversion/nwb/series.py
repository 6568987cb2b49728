"""Series: values with a rate, or with a time each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.grids import Grid, find_grid
from brainsets.conversion.nwb.outcome import LeaveOut, Taken
from brainsets.conversion.nwb.source.objects import attribute, child, dtype_text, fields
from brainsets.conversion.nwb.tables import (
    MAX_LOADED,
    array,
    read_table,
    region_rows,
)
from brainsets.conversion.nwb.values import Values, values_of
from brainsets.conversion.parts import Columns, Part, Rows, Samples, Signal
from brainsets.errors import RecordingError

__all__ = ["nominal_rate", "read_series"]

_FEW = 1000
_NOT_DATA = {"data", "timestamps", "starting_time"}


def nominal_rate(group: h5py.Group) -> float | None:
    """Return the rate that a series has, or seems to have at first, in Hz."""
    start = child(group, "starting_time")
    if start is not None:
        rate = attribute(start, "rate")
        return float(rate) if isinstance(rate, (int, float)) and rate > 0 else None
    times = child(group, "timestamps")
    if times is None or times.ndim != 1 or times.dtype.kind not in "iuf":
        return None
    try:
        steps = np.diff(np.asarray(times[:_FEW], dtype=np.float64))
    except (OSError, RuntimeError, ValueError):
        return None
    steps = steps[np.isfinite(steps) & (steps > 0)]
    return float(1 / np.median(steps)) if len(steps) > 1 else None


def read_series(group: h5py.Group, name: str, *, is_event: bool = False) -> Taken:
    """Return a series as a signal where its times allow it, else as samples.

    Parameters
    ----------
    group : h5py.Group
        A TimeSeries, or whatever has ``data`` and times.
    name : str
        The name of the part.
    is_event : bool, optional
        Whether its samples are single events, which have no rate.

    Raises
    ------
    LeaveOut
        It cannot be taken.
    """
    data = child(group, "data")
    _check_data(group, data)
    taken = _read(group, name, data, is_event)
    taken.notes += _left_out(group, data)
    return taken


def _read(
    group: h5py.Group, name: str, data: h5py.Dataset | None, is_event: bool
) -> Taken:
    stamps = child(group, "timestamps")
    if data is None:
        return _times_alone(group, name, stamps)
    if stamps is None or stamps.shape is None:
        return _with_rate(group, name, data)
    n = _check_times(stamps, data)
    is_continuous = _is_number(data) and not is_event
    grid = find_grid(_reader(stamps), n) if is_continuous else None
    if grid is not None:
        return _with_grid(group, name, data, grid)
    return _irregular(group, name, data, stamps)


def _check_data(group: h5py.Group, data: h5py.Dataset | None) -> None:
    link = group.get("data", getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise LeaveOut("external", f"its data are in {link.filename}")
    if isinstance(link, h5py.SoftLink) and data is None:
        raise LeaveOut("broken", f"its data are at {link.path}, which is not there")
    if data is None:
        return
    if data.is_virtual or data.external:
        raise LeaveOut("external", "its data are mapped from other files")
    if data.shape is None or 0 in data.shape:
        if child(group, "external_file") is not None:
            raise LeaveOut("external", "it has the name of another file")
        raise LeaveOut("placeholder")
    if data.ndim == 0:
        raise LeaveOut("broken", "its data are a single value without an axis of time")
    if data.dtype.names or h5py.check_ref_dtype(data.dtype):
        raise LeaveOut("compound")
    if not _is_number(data) and not h5py.check_string_dtype(data.dtype):
        raise LeaveOut("not numbers", f"its values are {dtype_text(data)}")


def _is_number(data: h5py.Dataset) -> bool:
    vlen = h5py.check_vlen_dtype(data.dtype)
    return data.dtype.kind in "biuf" and vlen is None


def _check_times(stamps: h5py.Dataset, data: h5py.Dataset) -> int:
    """Return how many times there are, one for each sample."""
    if stamps.dtype.kind not in "iuf":
        raise LeaveOut("no times", f"its timestamps are {dtype_text(stamps)}")
    n = int(data.shape[0])
    if [size for size in stamps.shape if size != 1] != ([n] if n != 1 else []):
        raise LeaveOut(
            "broken", f"timestamps of shape {stamps.shape} for data of {data.shape}"
        )
    unit = str(attribute(stamps, "unit", "seconds") or "seconds").lower()
    if unit not in ("seconds", "second", "sec", "s"):
        raise LeaveOut("no times", f"its timestamps are said to be in {unit}")
    return n


def _reader(stamps: h5py.Dataset) -> Callable[[int, int], np.ndarray]:
    def read(i: int, j: int) -> np.ndarray:
        found: np.ndarray = np.asarray(stamps[i:j], dtype=np.float64)
        return found

    return read if stamps.ndim == 1 else lambda i, j: _all(stamps)[i:j]


def _all(stamps: h5py.Dataset) -> np.ndarray:
    found: np.ndarray = np.asarray(stamps[()], dtype=np.float64).reshape(-1)
    return found


def _with_rate(group: h5py.Group, name: str, data: h5py.Dataset) -> Taken:
    begin = child(group, "starting_time")
    if begin is None or begin.shape not in ((), (1,)):
        raise LeaveOut("no times", "it has neither timestamps nor a starting time")
    rate = attribute(begin, "rate")
    start = float(np.asarray(begin[()]).reshape(-1)[0])
    if not isinstance(rate, (int, float)) or not np.isfinite(rate) or rate <= 0:
        raise LeaveOut("no times", f"its rate is {rate!r}")
    if not np.isfinite(start):
        raise LeaveOut("no times", f"its starting time is {start}")
    grid = Grid(float(rate), start, ((0, start),), 0.0)
    if not _is_number(data):
        values, note = array(data)
        if values is None:
            raise LeaveOut("not numbers", note)
        times = start + np.arange(len(values)) / float(rate)
        part = Samples(name, times, {"text": values}, _attributes(group, data))
        return Taken([part], [note] if note else [])
    return _with_grid(group, name, data, grid)


def _with_grid(group: h5py.Group, name: str, data: h5py.Dataset, grid: Grid) -> Taken:
    values = _values(data, group)
    channels, notes = _channels(group, data)
    taken = Taken([], [*([values.doubt] if values.doubt else []), *notes])
    taken.parts.append(_signal(group, name, data, values, grid, channels))
    if grid.shift > 0.01 / grid.sampling_rate:
        moved = grid.shift * grid.sampling_rate
        taken.notes.append(f"times lie up to {moved:.2f} samples from the rate's")
    if grid.sampling_rate == 1 and data.shape[0] >= _FEW and "timestamps" in group:
        taken.notes.append("doubt: its times are a second apart, as sample numbers are")
    if len(grid.segments) > 1:
        taken.notes.append(f"{len(grid.segments) - 1} gaps")
    for key, more in _more(group, data).items():
        if _is_number(more):
            part = f"{name}_{key}"
            own = _values(more)
            taken.parts.append(_signal(group, part, more, own, grid, None))
            taken.notes.append(f"{key} is in {part}")
        else:
            taken.notes.append(f"{key} is left out: {dtype_text(more)}")
    return taken


def _signal(
    group: h5py.Group,
    name: str,
    data: h5py.Dataset,
    values: Values,
    grid: Grid,
    channels: Columns | None,
) -> Signal:
    shape, read = tuple(data.shape), values.read
    if channels is not None and len(shape) == 1:
        # Its one channel is a column, as the channels of others are.
        shape, read = (*shape, 1), lambda i, j: values.read(i, j)[:, None]
    return Signal(
        name,
        shape,
        values.dtype,
        read,
        grid.sampling_rate,
        grid.start,
        unit=values.unit,
        channels=channels,
        segments=grid.segments if len(grid.segments) > 1 else None,
        attributes=_attributes(group, data),
        chunk=data.chunks[0] if data.chunks else 1,
    )


def _irregular(
    group: h5py.Group, name: str, data: h5py.Dataset, stamps: h5py.Dataset
) -> Taken:
    if data.size * 8 > MAX_LOADED:
        raise LeaveOut("too large", f"{data.shape} without a fixed rate")
    notes: list[str] = []
    times = _all(stamps)
    order = _order(times, notes)
    columns: Columns = {}
    unit = ""
    if _is_number(data):
        values = _values(data, group)
        columns["signal"] = values.read(0, data.shape[0])[order]
        unit = values.unit
        notes += [values.doubt] if values.doubt else []
    else:
        text, note = array(data)
        if text is None:
            raise LeaveOut("not numbers", note)
        columns["text"] = text[order]
        notes += [note] if note else []
    for key, more in _more(group, data).items():
        found, why = array(more)
        if found is not None and found.size * found.itemsize <= MAX_LOADED:
            columns[key] = found[order]
        else:
            notes.append(f"{key} is left out: {why or 'too large'}")
    attributes = _attributes(group, data)
    if unit:
        attributes["unit"] = unit
    parts: list[Part] = [Samples(name, times[order], columns, attributes)]
    channels, more_notes = _channels(group, data)
    if channels is not None:
        parts.append(Rows(f"{name}_channels", channels))
    return Taken(parts, notes + more_notes)


def _times_alone(group: h5py.Group, name: str, stamps: h5py.Dataset | None) -> Taken:
    if stamps is None or stamps.ndim != 1 or stamps.dtype.kind not in "iuf":
        raise LeaveOut("placeholder", "it has no data")
    notes: list[str] = ["it has times and no data"]
    times = _all(stamps)
    order = _order(times, notes)
    return Taken([Samples(name, times[order], {}, fields(group))], notes)


def _order(times: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return which times to keep, in order, and note what that changes."""
    keep = np.flatnonzero(np.isfinite(times))
    if not len(keep):
        raise LeaveOut("placeholder", "none of its timestamps is a number")
    if len(keep) < len(times):
        notes.append(f"{len(times) - len(keep)} samples without a time are left out")
    kept = times[keep]
    back = int((np.diff(kept) < 0).sum())
    if back:
        notes.append(f"sorted by time, which went back {back} times")
        keep = keep[np.argsort(kept, kind="stable")]
    return keep


def _values(data: h5py.Dataset, group: h5py.Group | None = None) -> Values:
    try:
        values = values_of(data, group)
        # What cannot be read shows here, and not when half of a file is written.
        values.read(0, 1)
        values.read(int(data.shape[0]) - 1, int(data.shape[0]))
    except ValueError as error:
        raise LeaveOut("broken", str(error)) from error
    except RecordingError as error:
        raise LeaveOut("unreadable", str(error.__cause__).strip()) from error
    return values


def _more(group: h5py.Group, data: h5py.Dataset) -> dict[str, h5py.Dataset]:
    """Return the other datasets of a series with a value for each sample."""
    found: dict[str, h5py.Dataset] = {}
    for key in group:
        dataset = child(group, key) if key not in _NOT_DATA else None
        if dataset is not None and not attribute(dataset, "neurodata_type"):
            if dataset.shape and dataset.shape[0] == data.shape[0]:
                if key != "channel_conversion":
                    found[key] = dataset
    return found


def _left_out(group: h5py.Group, data: h5py.Dataset | None) -> list[str]:
    """Return a note for each array of a series that is not one value for each sample.

    Objects with a type, and links to other files, have lines of their own.
    """
    notes: list[str] = []
    for key in group:
        dataset = child(group, key) if key not in _NOT_DATA else None
        if dataset is None or not dataset.shape or key == "channel_conversion":
            continue
        is_told = data is not None and dataset.shape[0] == data.shape[0]
        if not is_told and not attribute(dataset, "neurodata_type"):
            what = f"{dtype_text(dataset)} of shape {dataset.shape}"
            notes.append(f"{key} is left out: {what}")
    return notes


def _channels(
    group: h5py.Group, data: h5py.Dataset
) -> tuple[Columns | None, list[str]]:
    """Return a row for each channel, from the table that a region points to."""
    width = data.shape[1] if data.ndim > 1 else 1
    for key in group:
        region = child(group, key)
        kind = attribute(region, "neurodata_type") if region is not None else ""
        if region is None or kind != "DynamicTableRegion":
            continue
        table, rows = region_rows(region)
        if len(rows) != width:
            if data.ndim > 1 and len(rows) == data.shape[0]:
                why = f"its {len(rows)} {key} are on the axis of time"
                raise LeaveOut("broken", why)
            return None, [f"{len(rows)} {key} for {width} channels, which have none"]
        if table is None:
            return None, [f"its {key} point to no table"]
        content = read_table(table)
        if not len(rows) or rows.min() < 0 or rows.max() >= content.size:
            return None, [f"its {key} point beyond their table"]
        return content.rows(rows), []
    return None, []


def _attributes(group: h5py.Group, data: h5py.Dataset) -> dict[str, Any]:
    """Return what is said of a series in numbers and text, links by their names."""
    found = fields(group)
    found.pop("starting_time", None)
    for key in ("conversion", "offset", "resolution"):
        value = attribute(data, key)
        if isinstance(value, (int, float)):
            found[key] = value
    found["source_unit"] = str(attribute(data, "unit", "") or "")
    for key in group:
        link = group.get(key, getlink=True)
        linked = group.get(key) if isinstance(link, h5py.SoftLink) else None
        if isinstance(linked, h5py.Group):
            found[key] = link.path.rpartition("/")[2]
            if "TimeSeries" not in str(attribute(linked, "neurodata_type")):
                more = fields(linked)
                found.update({f"{key}_{name}": more[name] for name in more})
    return {key: value for key, value in found.items() if value != ""}
