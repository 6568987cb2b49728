"""All objects of an NWB file, each once, and what can be said of one at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.nwb.source.types import Types
from brainsets.conversion.text import plain

_OF_THE_FILE = {
    "file_create_date",
    "identifier",
    "nwb_version",
    "session_description",
    "session_start_time",
    "timestamps_reference_time",
}

__all__ = ["NwbObject", "attribute", "child", "dtype_text", "fields", "walk"]


@dataclass(frozen=True)
class NwbObject:
    """An object of an NWB file.

    Parameters
    ----------
    path : str
        Where it is; the first place, if links lead there from others.
    type : str
        Its neurodata type; empty for a dataset that nothing describes.
    item : h5py.Group, h5py.Dataset or None
        The object; None where a link leads nowhere or to another file.
    problem : str
        Why `item` is None: a reason of the inventory.
    note : str
        More about the problem.
    """

    path: str
    type: str
    item: Any
    problem: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its data; empty without any."""
        data = self.data
        return tuple(data.shape or ()) if data is not None else ()

    @property
    def dtype(self) -> str:
        """Type of its data; empty without any."""
        data = self.data
        return dtype_text(data) if data is not None else ""

    @property
    def data(self) -> h5py.Dataset | None:
        """The dataset of its values: itself, or what is called ``data`` in it."""
        if isinstance(self.item, h5py.Dataset):
            return self.item
        return child(self.item, "data") if self.item is not None else None


def child(group: h5py.Group, name: str) -> h5py.Dataset | None:
    """Return a dataset of a group by its name; None if it is not there, or no dataset.

    A link into another file is not followed.
    """
    try:
        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            return None
        found = group.get(name)
    except (KeyError, OSError, RuntimeError, ValueError):
        return None
    return found if isinstance(found, h5py.Dataset) else None


def attribute(item: Any, name: str, otherwise: Any = None) -> Any:
    """Return an attribute: text as str, one number as float, else as it is."""
    try:
        value = item.attrs.get(name, otherwise)
    except (OSError, RuntimeError, TypeError, ValueError):
        return otherwise
    if isinstance(value, bytes):
        return plain(value)
    if isinstance(value, (np.generic, np.ndarray)) and np.size(value) == 1:
        value = np.asarray(value).reshape(())[()]
        if isinstance(value, bytes):
            return plain(value)
        return value.item() if isinstance(value, np.generic) else value
    return value


def dtype_text(dataset: h5py.Dataset) -> str:
    """Return the type of a dataset's values as a short text."""
    try:
        dtype = dataset.dtype
    except (OSError, RuntimeError, TypeError, ValueError):
        return "unknown"
    if h5py.check_string_dtype(dtype):
        return "text"
    if h5py.check_ref_dtype(dtype):
        return "reference"
    return "compound" if dtype.names else str(dtype)


def fields(group: h5py.Group) -> dict[str, Any]:
    """Return what a group says in single values: its datasets and attributes."""
    found: dict[str, Any] = {}
    for key in group.attrs:
        if key not in ("namespace", "neurodata_type", "object_id", "help", ".specloc"):
            value = attribute(group, key)
            if isinstance(value, (str, bool, int, float)):
                found[key] = value
    for key in group:
        dataset = child(group, key)
        if dataset is not None and dataset.shape == ():
            try:
                value = dataset[()]
            except (OSError, RuntimeError, TypeError, ValueError):
                continue
            if isinstance(value, (bytes, str)):
                found[key] = plain(value)
            elif isinstance(value, (bool, int, float, np.number, np.bool_)):
                found[key] = value.item() if isinstance(value, np.generic) else value
    return {key: value for key, value in found.items() if value != ""}


def walk(file: h5py.File, types: Types) -> Iterator[NwbObject]:
    """Yield all objects that have a type, and datasets that no such object explains.

    Columns belong to their table, and what describes the channels of a series belongs
    to the series. What soft links lead to is met where it is.
    """
    seen = {_address(file)}
    yield NwbObject("/", plain(file.attrs.get("neurodata_type", "NWBFile")), file)
    yield from _below(file, "", "NWBFile", types, seen)


def _below(
    group: h5py.Group, path: str, owner: str, types: Types, seen: set[Any]
) -> Iterator[NwbObject]:
    for key in group:
        inner = f"{path}/{key}"
        if inner == "/specifications":
            continue
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            note = f"a link to {link.path} of {link.filename}"
            yield NwbObject(inner, "", None, "external", note)
            continue
        try:
            item = group[key]
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            if isinstance(link, h5py.SoftLink):
                note = f"a link to {link.path}, which is not there"
                yield NwbObject(inner, "", None, "broken", note)
            else:
                yield NwbObject(inner, "", None, "unreadable", str(error).strip())
            continue
        if isinstance(link, h5py.SoftLink) or not isinstance(
            item, (h5py.Group, h5py.Dataset)
        ):
            continue
        address = _address(item)
        if address in seen:
            continue
        seen.add(address)
        kind = attribute(item, "neurodata_type", "")
        kind = kind if isinstance(kind, str) else ""
        if isinstance(item, h5py.Group):
            if kind:
                yield NwbObject(inner, kind, item)
            # An object explains what is right in it, not in a group without a type.
            holder = owner if owner == "NWBFile" else ""
            yield from _below(item, inner, kind or holder, types, seen)
        elif kind:
            if not _is_part(kind, owner, types):
                yield NwbObject(inner, kind, item)
        elif owner in ("NWBFile", "") and not _is_of_the_file(inner):
            yield NwbObject(inner, "", item)


def _is_part(kind: str, owner: str, types: Types) -> bool:
    """Return whether a dataset with a type belongs to the object that holds it."""
    line = types.line(kind)
    return owner != "NWBFile" and ("VectorData" in line or kind == "ElementIdentifiers")


def _is_of_the_file(path: str) -> bool:
    """Return whether a dataset is one that NWB has for the file as a whole."""
    top, _, rest = path[1:].partition("/")
    return top in _OF_THE_FILE if not rest else top == "general"


def _address(item: Any) -> Any:
    # get_info would read the index of all its chunks.
    info = h5py.h5g.get_objinfo(item.id)
    return info.fileno, info.objno
