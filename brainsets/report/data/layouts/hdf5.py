"""What all layouts need of HDF5: groups, datasets, attributes, times and labels."""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from brainsets.report.data.recording import Recording

__all__ = [
    "add_attributes",
    "check_times",
    "datasets_of",
    "groups_of",
    "is_signal",
    "items_of",
    "join_path",
    "labels_of",
    "name_of",
    "spans_of",
    "text_of",
    "texts_of",
    "times_of",
    "unit_of",
]

_LABELS = ("label", "labels", "name", "tags", "type", "code", "id")
_MAX_ATTRIBUTE_LENGTH = 300


def items_of(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield all groups and datasets with their paths.

    All but NWB's copy of its own schema, which is no data.
    """
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: found.append((name_of(name), item)))
    for path, item in found:
        if path.split("/")[0] != "specifications":
            yield path, item


def name_of(name: str | bytes) -> str:
    """Return the name of an item or attribute; h5py has bytes where it is not UTF-8."""
    return text_of(name)


def unit_of(dataset: h5py.Dataset) -> str:
    """Return the unit that a dataset's attributes give, or an empty text."""
    for key in ("unit", "units"):
        if key in dataset.attrs:
            return text_of(dataset.attrs[key])
    return ""


def texts_of(dataset: h5py.Dataset, most: int | None = None) -> list[str]:
    """Return the first values of a dataset as text."""
    return [text_of(value) for value in np.asarray(dataset[:most]).ravel()]


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    # What is not UTF-8 has surrogates, which no page can hold.
    text = "" if value is None else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def groups_of(file: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    """Yield all groups with their paths, the file itself first."""
    yield "", file
    for path, item in items_of(file):
        if isinstance(item, h5py.Group):
            yield path, item


def datasets_of(group: h5py.Group) -> dict[str, h5py.Dataset]:
    items = ((name_of(key), item) for key, item in group.items())
    return {key: item for key, item in items if isinstance(item, h5py.Dataset)}


def times_of(dataset: h5py.Dataset) -> np.ndarray:
    """Return times in seconds, shape (n,)."""
    check_times(dataset)
    return dataset[:]


def check_times(dataset: h5py.Dataset) -> None:
    if dataset.ndim != 1 or not _is_numeric(dataset):
        raise ValueError(
            f"{dataset.name} should be times, and is {dataset.dtype} "
            f"of shape {dataset.shape}"
        )


def spans_of(starts: h5py.Dataset, ends: h5py.Dataset) -> tuple[np.ndarray, np.ndarray]:
    if starts.shape != ends.shape:
        raise ValueError(
            f"{len(starts)} of {starts.name} and {len(ends)} of {ends.name}"
        )
    return times_of(starts), times_of(ends)


def _is_numeric(dataset: h5py.Dataset) -> bool:
    return dataset.dtype.kind in "iuf"


def is_signal(dataset: h5py.Dataset) -> bool:
    return _is_numeric(dataset) and 1 <= dataset.ndim <= 2 and len(dataset) > 1


def join_path(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def add_attributes(
    recording: Recording, path: str, group: h5py.Group, skipped: set
) -> None:
    """Keep what the attributes of a group say in few words."""
    found = {}
    for key, value in group.attrs.items():
        if key in skipped or isinstance(value, h5py.Reference):
            continue
        if isinstance(value, np.ndarray) and value.size > 8:
            continue
        found[name_of(key)] = text_of(value)[:_MAX_ATTRIBUTE_LENGTH]
    if found:
        recording.about[path or "file"] = found


def labels_of(fields: dict[str, h5py.Dataset], count: int) -> list[str]:
    """Return the text column that best says what each event is, if there is one."""
    names = [name for name in _LABELS if name in fields]
    names += [name for name in fields if name not in names]
    for name in names:
        values = fields[name]
        if values.dtype.kind in "SOU" and values.shape == (count,):
            found = texts_of(values)
            # Numbers say nothing about kinds of events.
            if not all(text.isdigit() for text in found):
                return found
    return []
