"""Columns of a table: what can be one array each, and a note of what cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.names import column_name
from brainsets.conversion.nwb.source.objects import attribute, child
from brainsets.conversion.parts import Columns
from brainsets.conversion.text import ascii_column, plain

__all__ = ["MAX_LOADED", "Content", "array", "bounds", "read_table", "region_rows"]

MAX_LOADED = 512 * 1024**2
"""Bytes: what has no rate is held in memory, up to this size for each column."""
_WAVEFORMS = {"waveforms", "waveform_mean", "waveform_sd"}
_MASKS = {"image_mask", "pixel_mask", "voxel_mask"}


@dataclass
class Content:
    """What a table holds.

    Parameters
    ----------
    size : int
        Number of rows.
    columns : dict of arrays
        By name; ``id`` is text.
    sources : dict
        From the names of columns to what the source calls them.
    notes : list of str
        What was left out or changed.
    """

    size: int
    columns: Columns = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def named(self, source: str) -> np.ndarray | None:
        """Return a column by the source's name for it."""
        for name, known in self.sources.items():
            if known == source:
                return self.columns[name]
        return None

    def leave(self, name: str, why: str) -> None:
        """Note that a column was left out."""
        self.notes.append(f"{name} is left out: {why}")

    def rows(self, index: np.ndarray) -> Columns:
        """Return the columns at some rows."""
        return {name: values[index] for name, values in self.columns.items()}


def read_table(group: h5py.Group, *, without: Sequence[str] = ()) -> Content:
    """Return all columns of a table that can be arrays with a value for each row.

    Parameters
    ----------
    group : h5py.Group
        A DynamicTable.
    without : sequence of str
        Columns that the caller reads, which are neither taken nor noted.
    """
    names = _column_names(group)
    content = Content(_size(group, names))
    identifiers = child(group, "id")
    if identifiers is not None and identifiers.shape == (content.size,):
        values, _ = ascii_column(identifiers[:].tolist())
        _add(content, "id", values)
    elif identifiers is not None:
        content.leave("id", f"{identifiers.shape} values for {content.size} rows")
    for name in names:
        if name not in without and name != "id":
            dataset = child(group, name)
            if dataset is None:
                content.leave(name, "it is not there")
                continue
            try:
                _read_column(content, group, name, dataset)
            except (OSError, RuntimeError, TypeError, ValueError, KeyError) as error:
                content.leave(name, f"it cannot be read ({str(error).strip()})")
    for name in group:
        dataset = child(group, name)
        is_column = name in names or name == "id" or _is_index(group, name)
        if dataset is not None and dataset.shape and not is_column:
            content.leave(name, "the table does not list it as a column")
    return content


def bounds(index: h5py.Dataset, size: int) -> np.ndarray:
    """Return where the values of each row begin, and where the last ends.

    Raises
    ------
    ValueError
        The index does not rise, or leads beyond the values.
    """
    ends = np.asarray(index[()]).reshape(-1).astype(np.int64)
    found: np.ndarray = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    if (np.diff(found) < 0).any() or found[-1] > size:
        raise ValueError(f"its index leads beyond its {size} values, or back")
    return found


def region_rows(region: h5py.Dataset) -> tuple[h5py.Group | None, np.ndarray]:
    """Return the table that a region points to, and which rows of it."""
    reference = attribute(region, "table")
    table = None
    if isinstance(reference, h5py.Reference) and reference:
        try:
            table = region.file[reference]
        except (KeyError, OSError, RuntimeError, ValueError):
            table = None
    rows = np.asarray(region[()]).reshape(-1)
    if rows.dtype.kind not in "iu":
        return None, np.zeros(0, dtype=np.int64)
    return (table if isinstance(table, h5py.Group) else None), rows.astype(np.int64)


def array(dataset: h5py.Dataset) -> tuple[np.ndarray | None, str]:
    """Return the values of a dataset as numbers, truth values or text; or why not."""
    dtype = dataset.dtype
    if int(dataset.size or 0) * dtype.itemsize > MAX_LOADED:
        return None, "too large to be held in memory"
    if h5py.check_string_dtype(dtype) or dtype.kind in "SU":
        if dataset.ndim != 1:
            return None, "text of more than one dimension"
        values, changed = ascii_column(dataset[:].tolist())
        return values, "spelled in ASCII" if changed else ""
    if h5py.check_ref_dtype(dtype) is h5py.Reference and dataset.ndim == 1:
        return ascii_column([_target(dataset.file, r) for r in dataset[:]])[0], ""
    if dtype.kind in "biuf" and h5py.check_vlen_dtype(dtype) is None:
        return np.asarray(dataset[()]), ""
    if dtype.names or h5py.check_ref_dtype(dtype):
        return None, "references and pairs cannot be stored"
    return None, "its values are neither numbers nor text"


def _column_names(group: h5py.Group) -> list[str]:
    """Return the columns in the table's order, then those that it does not list."""
    listed = group.attrs.get("colnames", ())
    names = [plain(name) for name in np.asarray(listed).reshape(-1).tolist()]
    indices = {n for n in group if _is_index(group, n)}
    known = {*names, *indices, "id"}
    for name in group:
        dataset = child(group, name)
        if dataset is not None and name not in known:
            if attribute(dataset, "neurodata_type"):
                names.append(name)
    return list(dict.fromkeys(names))


def _is_index(group: h5py.Group, name: str) -> bool:
    dataset = child(group, name)
    kind = attribute(dataset, "neurodata_type") if dataset is not None else ""
    return name.endswith("_index") and (kind == "VectorIndex")


def _size(group: h5py.Group, names: Sequence[str]) -> int:
    identifiers = child(group, "id")
    if identifiers is not None and identifiers.shape:
        return int(identifiers.shape[0])
    for name in names:
        dataset = child(group, f"{name}_index") or child(group, name)
        if dataset is not None and dataset.shape:
            return int(dataset.shape[0])
    return 0


def _add(content: Content, source: str, values: np.ndarray) -> None:
    name = column_name(source, content.columns)
    if name != source:
        content.notes.append(f"{source} is named {name}")
    content.columns[name] = values
    content.sources[name] = source


def _read_column(
    content: Content, group: h5py.Group, name: str, dataset: h5py.Dataset
) -> None:
    if name in _MASKS or name in _WAVEFORMS:
        content.leave(name, "a mask" if name in _MASKS else "a waveform")
        return
    index = child(group, f"{name}_index") if _is_index(group, f"{name}_index") else None
    if index is not None:
        _read_ragged(content, group, name, dataset, index)
        return
    if not dataset.shape or dataset.shape[0] != content.size:
        content.leave(name, f"shape {dataset.shape} for {content.size} rows")
        return
    if dataset.dtype.names and "timeseries" in dataset.dtype.names:
        _read_references(content, name, dataset)
        return
    values = _values(content, name, dataset)
    if values is not None:
        _add(content, name, _with_meaning(group, dataset, values))


def _values(content: Content, name: str, dataset: h5py.Dataset) -> np.ndarray | None:
    """Return the values of a column; None, with a note, if it is left out."""
    values, note = array(dataset)
    if values is None:
        content.leave(name, note)
    elif note:
        content.notes.append(f"{name} is {note}")
    return values


def _with_meaning(
    group: h5py.Group, dataset: h5py.Dataset, values: np.ndarray
) -> np.ndarray:
    """Return text in place of the numbers that stand for it, for an EnumData."""
    reference = attribute(dataset, "elements")
    if not isinstance(reference, h5py.Reference) or not reference:
        return values
    elements, _ = array(group.file[reference])
    if elements is None or values.ndim != 1 or values.dtype.kind not in "iu":
        return values
    if values.min(initial=0) < 0 or values.max(initial=0) >= len(elements):
        return values
    meanings: np.ndarray = elements[values]
    return meanings


def _read_ragged(
    content: Content,
    group: h5py.Group,
    name: str,
    dataset: h5py.Dataset,
    index: h5py.Dataset,
) -> None:
    if _is_index(group, f"{name}_index_index"):
        content.leave(name, "each row has lists of values")
        return
    edges = bounds(index, len(dataset))
    counts = np.diff(edges)
    if len(counts) != content.size:
        content.leave(name, f"an index of {len(counts)} for {content.size} rows")
        return
    is_one_each = bool((counts == 1).all())
    is_text = bool(h5py.check_string_dtype(dataset.dtype))
    is_names = h5py.check_ref_dtype(dataset.dtype) is h5py.Reference
    if not (is_text or is_names or is_one_each):
        content.leave(name, "each row has a number of values of its own")
        return
    values = _values(content, name, dataset)
    if values is None:
        return
    values = values[: edges[-1]]
    if not is_one_each:
        rows = [",".join(values[i:j]) for i, j in zip(edges[:-1], edges[1:])]
        values, _ = ascii_column(rows)
        content.notes.append(f"the values of {name} in a row are joined by commas")
    _add(content, name, values)


def _read_references(content: Content, name: str, dataset: h5py.Dataset) -> None:
    """Add what refers to a part of a series: where it begins, how long, of which."""
    values = dataset[:]
    for part in ("idx_start", "count"):
        if part in (values.dtype.names or ()):
            _add(content, f"{name}_{part}", np.asarray(values[part]))
    series = [_target(dataset.file, reference) for reference in values["timeseries"]]
    _add(content, f"{name}_timeseries", ascii_column(series)[0])


def _target(file: h5py.File, reference: Any) -> str:
    """Return the name of what a reference leads to; empty if it leads nowhere."""
    if not reference:
        return ""
    try:
        return str(file[reference].name or "").rpartition("/")[2]
    except (KeyError, OSError, RuntimeError, ValueError):
        return ""
