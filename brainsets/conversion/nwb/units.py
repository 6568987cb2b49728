"""Sorted units: their spikes as one series, and a row for each unit."""

from __future__ import annotations

import h5py
import numpy as np

from brainsets.conversion.domains import union
from brainsets.conversion.names import column_name
from brainsets.conversion.nwb.outcome import LeaveOut, Taken
from brainsets.conversion.nwb.source.objects import attribute, child
from brainsets.conversion.nwb.tables import (
    Content,
    array,
    bounds,
    read_table,
    region_rows,
)
from brainsets.conversion.parts import Rows, Samples
from brainsets.conversion.text import ascii_column

__all__ = ["read_units"]

_OWN = ("spike_times", "obs_intervals", "electrodes")


def read_units(group: h5py.Group, name: str, spikes: str) -> Taken:
    """Return the spikes of all units, and the table of the units.

    Parameters
    ----------
    group : h5py.Group
        A Units table.
    name, spikes : str
        Names of the table and of the series.

    Returns
    -------
    Taken
        The rows of the units; then, if there are spike times, samples with
        ``unit_index``, the row of each spike's unit, not its id.

    Raises
    ------
    LeaveOut
        It has no units, or its index contradicts itself.
    """
    times = child(group, "spike_times")
    index = child(group, "spike_times_index")
    per_spike = _per_spike(group, times, index)
    content = read_table(group, without=[*_OWN, *per_spike])
    if content.size == 0:
        raise LeaveOut("placeholder", "it has no units")
    _add_electrodes(content, group)
    rows = Rows(name, content.columns)
    if "id" not in rows.columns:
        rows.columns["id"] = ascii_column(range(content.size))[0]
    if times is None or times.shape in (None, (0,)):
        content.notes.append("it has no spike times")
        return Taken([rows], content.notes)
    edges = _edges(times, index, content.size)
    series = _spikes(spikes, times, edges, content.notes)
    for column in per_spike:
        _add_per_spike(series, group, column, content.notes)
    keep = np.flatnonzero(np.isfinite(series.timestamps))
    if len(keep) < len(series.timestamps):
        lost = len(series.timestamps) - len(keep)
        content.notes.append(f"{lost} spikes without a time are left out")
    keep = keep[np.argsort(series.timestamps[keep], kind="stable")]
    series.timestamps = series.timestamps[keep]
    series.columns = {key: values[keep] for key, values in series.columns.items()}
    series.domain = _observed(group, content)
    if series.domain is not None:
        starts, ends = series.domain
        before = np.searchsorted(starts, series.timestamps, side="right") - 1
        seen = (before >= 0) & (series.timestamps <= ends[before])
        if not seen.all():
            lost = int((~seen).sum())
            content.notes.append(f"doubt: {lost} spikes lie outside of obs_intervals")
    return Taken([rows, series] if len(keep) else [rows], content.notes)


def _edges(times: h5py.Dataset, index: h5py.Dataset | None, size: int) -> np.ndarray:
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise LeaveOut("broken", f"spike times of shape {times.shape}, {times.dtype}")
    if index is None:
        if size == times.shape[0]:  # one spike for each unit
            return np.arange(size + 1)
        raise LeaveOut("broken", "nothing says which spikes are of which unit")
    try:
        edges = bounds(index, times.shape[0])
    except ValueError as error:
        raise LeaveOut("broken", f"spike times: {error}") from error
    if len(edges) != size + 1:
        why = f"{size} units, and spike times for {len(edges) - 1}"
        raise LeaveOut("broken", why)
    return edges


def _spikes(
    name: str, times: h5py.Dataset, edges: np.ndarray, notes: list[str]
) -> Samples:
    stamps = np.asarray(times[: edges[-1]], dtype=np.float64)
    if edges[-1] < times.shape[0]:
        notes.append(f"{times.shape[0] - edges[-1]} spikes are of no unit")
    unit: np.ndarray = np.repeat(
        np.arange(len(edges) - 1, dtype=np.int64), np.diff(edges)
    )
    found = {}
    resolution = attribute(times, "resolution")
    if isinstance(resolution, (int, float)) and resolution > 0:
        found["resolution"] = float(resolution)
    return Samples(name, stamps, {"unit_index": unit}, found)


def _per_spike(
    group: h5py.Group, times: h5py.Dataset | None, index: h5py.Dataset | None
) -> list[str]:
    """Return the columns that have one number for each spike."""
    found: list[str] = []
    if times is None or index is None:
        return found
    for name in group:
        own = child(group, f"{name}_index")
        values = child(group, name)
        if (
            name in _OWN
            or own is None
            or values is None
            or f"{name}_index_index" in group
        ):
            continue
        is_flat = values.shape == times.shape and values.dtype.kind in "biuf"
        is_flat = is_flat and h5py.check_vlen_dtype(values.dtype) is None
        if is_flat and own.shape == index.shape and (own[()] == index[()]).all():
            if attribute(values, "neurodata_type") == "VectorData":
                found.append(name)
    return found


def _add_per_spike(
    series: Samples, group: h5py.Group, name: str, notes: list[str]
) -> None:
    values, note = array(group[name])
    if values is None:
        notes.append(f"{name} is left out: {note}")
        return
    column = column_name(name, series.columns)
    series.columns[column] = values[: len(series.timestamps)]
    notes.append(f"{name} has a value for each spike: it is in {series.name}")


def _add_electrodes(content: Content, group: h5py.Group) -> None:
    """Add the ids of each unit's electrodes, joined by commas."""
    region = child(group, "electrodes")
    if region is None:
        return
    index = child(group, "electrodes_index")
    table, rows = region_rows(region)
    if table is None:
        content.leave("electrodes", "they point to no table")
        return
    known = read_table(table).columns.get("id")
    try:
        edges = (
            bounds(index, len(rows)) if index is not None else np.arange(len(rows) + 1)
        )
    except ValueError as error:
        content.leave("electrodes", str(error))
        return
    if known is None or len(edges) != content.size + 1:
        content.leave("electrodes", "they are not those of these units")
        return
    rows = rows[: edges[-1]]
    if len(rows) and (rows.min() < 0 or rows.max() >= len(known)):
        content.leave("electrodes", "they point beyond their table")
        return
    ids = known[rows]
    joined = [",".join(ids[i:j]) for i, j in zip(edges[:-1], edges[1:])]
    content.columns["electrodes"], _ = ascii_column(joined)
    content.sources["electrodes"] = "electrodes"


def _observed(
    group: h5py.Group, content: Content
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return when any of the units was observed, as far as the table says so."""
    dataset = child(group, "obs_intervals")
    if dataset is None:
        return None
    if dataset.ndim != 2 or dataset.shape[1] != 2 or dataset.dtype.kind not in "iuf":
        content.leave("obs_intervals", f"shape {dataset.shape}")
        return None
    pairs = np.asarray(dataset[()], dtype=np.float64)
    fit = np.isfinite(pairs).all(axis=1) & (pairs[:, 1] > pairs[:, 0])
    if not fit.all():
        content.notes.append(f"{int((~fit).sum())} obs_intervals are no intervals")
    if not fit.any():
        return None
    content.notes.append("obs_intervals are the domain of the spikes, joined")
    return union(pairs[fit, 0], pairs[fit, 1])
