"""What is in an NWB file, without reading its data."""

from __future__ import annotations

import math
from typing import Any

import h5py

from brainsets.conversion.nwb.kinds import kind_of
from brainsets.conversion.nwb.roles import EVENTS, SERIES, planned_names, role_of
from brainsets.conversion.nwb.series import nominal_rate
from brainsets.conversion.nwb.source.objects import (
    NwbObject,
    attribute,
    child,
    walk,
)
from brainsets.conversion.nwb.source.types import Types

__all__ = ["look"]

# HDF5 reads an entry for each to say what they take, over a network too.
_MAX_CHUNKS = 20_000


def look(file: h5py.File) -> list[dict[str, Any]]:
    """Return the objects of an NWB file, each with what its metadata say.

    Parameters
    ----------
    file : h5py.File
        From `open_nwb`, perhaps over a network: of data, only the first times of a
        series without a rate are read.

    Returns
    -------
    list of dict
        ``path``, ``type``, ``shape`` and ``dtype`` of the data (rows and columns of a
        table), ``rate`` in Hz and ``unit`` of a series, ``bytes`` in memory and
        ``stored`` in the file, ``kind`` of signal and ``name`` of what can be taken;
        None for what an object does not have.
    """
    types = Types(file)
    objects = list(walk(file, types))
    roles = {found.path: role_of(found, types) for found in objects}
    names = planned_names(objects, roles)
    parents = {found.path: found.type for found in objects}
    rows = []
    for found in objects:
        role = roles[found.path]
        holder = parents.get(found.path.rpartition("/")[0], "")
        is_series = role == SERIES
        unit = attribute(found.data, "unit") if found.data is not None else None
        size, stored = _sizes(found)
        rows.append(
            {
                "path": found.path,
                "type": found.type,
                "shape": list(_shape(found, role)) or None,
                "dtype": found.dtype or None,
                "rate": nominal_rate(found.item) if is_series else None,
                "unit": str(unit) if unit else None,
                "bytes": size or None,
                "stored": stored or None,
                "kind": kind_of(found, types, holder) if role else None,
                "name": names.get(found.path),
            }
        )
    return rows


def _shape(found: NwbObject, role: str) -> tuple[int, ...]:
    if found.data is not None or not role:
        return found.shape
    identifiers = child(found.item, "id")
    if role == EVENTS or identifiers is None or not identifiers.shape:
        return ()
    columns = [key for key in found.item if not key.endswith("_index") and key != "id"]
    return (int(identifiers.shape[0]), len(columns))


def _sizes(found: NwbObject) -> tuple[int, int | None]:
    """Return the bytes of an object's own datasets, in memory and in the file.

    The latter is None where it is not known without reading a long index.
    """
    if isinstance(found.item, h5py.Dataset):
        own = [found.item]
    elif isinstance(found.item, h5py.Group):
        own = [child(found.item, key) for key in found.item]
    else:
        own = []
    datasets = [d for d in own if d is not None and d.shape]
    stored = [_stored(dataset) for dataset in datasets]
    known = [size for size in stored if size is not None]
    return (
        sum(int(d.size) * int(d.dtype.itemsize) for d in datasets),
        sum(known) if len(known) == len(stored) else None,
    )


def _stored(dataset: h5py.Dataset) -> int | None:
    if dataset.chunks is None:
        return int(dataset.id.get_storage_size())
    pairs = zip(dataset.shape, dataset.chunks)
    if math.prod(-(-size // chunk) for size, chunk in pairs) <= _MAX_CHUNKS:
        return int(dataset.id.get_storage_size())
    is_plain = not dataset.id.get_create_plist().get_nfilters()
    return int(dataset.size) * int(dataset.dtype.itemsize) if is_plain else None
