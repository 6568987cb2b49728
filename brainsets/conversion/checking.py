"""Whether a training loop will take a file: what stops temporaldata or torch_brain.

Only h5py and numpy read here, so that what is found is a property of the file. What is
looked at is what the classes of temporaldata 0.1.6 and the ``Dataset`` and samplers of
torch_brain 0.2.1 rely on; some of it they check, and some gives wrong windows if it
does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

__all__ = ["problems"]

# The properties that cannot be set, and so make a file unreadable if it has them.
_PROPERTIES = {
    "Data": {"absolute_start", "end", "file", "start"},
    "IrregularTimeSeries": set(),
    "RegularTimeSeries": {"sampling_rate", "timestamps"},
    "Interval": set(),
    "ArrayDict": set(),
}
# What is in a group and is no column.
_NO_COLUMNS = {"domain", "timestamp_indices_1s"}
_TIMED = {"IrregularTimeSeries", "RegularTimeSeries", "Interval"}
_WITH_ID = ("brainset", "session")
_WITH_ID_IF_KNOWN = ("subject", "device")
_SPLITS = ("train_domain", "valid_domain", "test_domain")
_BLOCK = 1_000_000


def problems(path: Path) -> list[str]:
    """Return what stops a training loop from using a file, a sentence for each.

    Parameters
    ----------
    path : pathlib.Path
        A file as ``temporaldata.Data.to_hdf5`` writes it. Times are read, signals not.

    Returns
    -------
    list of str
        Empty if there is nothing.
    """
    try:
        with h5py.File(path, "r") as file:
            return list(dict.fromkeys([*_in_data(file), *_in_recording(file)]))
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        return [f"It cannot be read as HDF5: {' '.join(str(error).split())}."]


def _name(node: h5py.Group | h5py.Dataset) -> str:
    return str(node.name)[1:].replace("/", ".") or "the file"


def _class(group: h5py.Group) -> str:
    found = group.attrs.get("object")
    return found if isinstance(found, str) else ""


def _in_data(group: h5py.Group) -> Iterator[str]:
    name = _name(group)
    if _class(group) != "Data":
        yield f"{name}: its attribute 'object' has to be 'Data', not {_class(group)!r}."
    if not isinstance(group.attrs.get("absolute_start"), (float, int)):
        yield f"{name}: it has no number as attribute 'absolute_start'."
    for key in sorted(
        {*group, *group.attrs} & _PROPERTIES["Data"] - {"absolute_start"}
    ):
        yield f"{name}: {key!r} is a property of Data, which cannot be set."
    for key in sorted(set(group) & set(group.attrs)):
        yield f"{name}: {key!r} is twice in it."
    is_timed = False
    for node in group.values():
        if isinstance(node, h5py.Dataset):
            yield from _in_dataset(node)
            continue
        kind = _class(node)
        is_timed = is_timed or kind in _TIMED
        if kind == "Data":
            yield from _in_data(node)
            is_timed = is_timed or "domain" in node
        elif kind in _CHECKS:
            yield from _in_columns(node, kind)
        else:
            yield (
                f"{_name(node)}: its attribute 'object' has to be a class of "
                f"temporaldata, not {kind!r}."
            )
    if "domain" in group:
        yield from _in_domain(group["domain"])
    elif is_timed:
        yield f"{name}: it has parts with times, and no domain."


def _in_dataset(dataset: h5py.Dataset) -> Iterator[str]:
    name = _name(dataset)
    if not dataset.shape:
        yield f"{name}: it is a single value, which has to be an attribute."
        return
    try:
        dataset[:1]
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        yield f"{name}: its values cannot be read: {' '.join(str(error).split())}."
        return
    if dataset.dtype.kind not in "biufcS":
        yield f"{name}: its type is {dataset.dtype}, which is neither numbers nor text."


def _in_columns(group: h5py.Group, kind: str) -> Iterator[str]:
    name = _name(group)
    columns: dict[str, h5py.Dataset] = {}
    whole = True
    for key, node in group.items():
        if isinstance(node, h5py.Dataset):
            found = list(_in_dataset(node))
            yield from found
            whole = whole and not found
            if key not in _NO_COLUMNS:
                columns[key] = node
        elif key != "domain" or kind not in (
            "IrregularTimeSeries",
            "RegularTimeSeries",
        ):
            yield f"{_name(node)}: a group cannot be in a {kind}."
    for key in sorted(columns.keys() & _PROPERTIES[kind]):
        yield f"{name}: {key!r} is a property of a {kind}, which cannot be set."
    if not columns:
        yield f"{name}: it has no columns."
        return
    if not whole:
        return
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key} {length}" for key, length in lengths.items())
        yield f"{name}: its columns differ in length: {shown}."
        return
    if kind != "RegularTimeSeries":
        yield from _in_text(group, columns)
    if kind in ("IrregularTimeSeries", "Interval"):
        keys = _names(group, "timekeys")
        if keys is None:
            yield f"{name}: it has no attribute 'timekeys'."
        for key in keys or ():
            if key not in columns or columns[key].dtype.kind not in "iuf":
                yield f"{name}: 'timekeys' names {key!r}, which is no column of times."
    yield from _CHECKS[kind](group)


def _names(group: h5py.Group, attribute: str) -> list[str] | None:
    found = group.attrs.get(attribute)
    if not isinstance(found, np.ndarray) or found.dtype.kind != "S":
        return None
    return [text.decode("utf-8", "replace") for text in found.tolist()]


def _in_text(group: h5py.Group, columns: dict[str, h5py.Dataset]) -> Iterator[str]:
    keys = _names(group, "_unicode_keys")
    if keys is None:
        yield f"{_name(group)}: it has no attribute '_unicode_keys'."
        return
    for key in keys:
        if key not in columns or columns[key].dtype.kind != "S":
            yield f"{_name(group)}: '_unicode_keys' names {key!r}, which is no text."
            continue
        for i in range(0, len(columns[key]), _BLOCK):
            if (columns[key][i : i + _BLOCK].view(np.uint8) > 127).any():
                yield f"{_name(group)}.{key}: its text is not ASCII."
                break
    if "id" in columns and ("id" not in keys or not columns["id"].ndim == 1):
        yield f"{_name(group)}.id: ids have to be text, one for each row."


def _in_times(dataset: h5py.Dataset, *, is_sorted: bool = True) -> Iterator[str]:
    """Check a column of times that temporaldata searches."""
    name = _name(dataset)
    if dataset.ndim != 1 or dataset.dtype != np.float64:
        yield f"{name}: times have to be float64 of one dimension."
        return
    last = -np.inf
    for i in range(0, len(dataset), _BLOCK):
        times = dataset[i : i + _BLOCK]
        if not np.isfinite(times).all():
            yield f"{name}: a time is not finite."
            return
        if is_sorted and (np.diff(times, prepend=last) < 0).any():
            yield f"{name}: times are not sorted, so windows would be cut wrongly."
            return
        last = times[-1]


def _in_array_dict(group: h5py.Group) -> Iterator[str]:
    yield from ()


def _in_interval(group: h5py.Group) -> Iterator[str]:
    for key in ("start", "end"):
        if key not in group:
            yield f"{_name(group)}: it has no column {key!r}."
            return
        yield from _in_times(group[key])


def _in_domain(group: h5py.Group) -> Iterator[str]:
    """Check a domain: intervals that do not overlap, and at least one."""
    name = _name(group)
    if not isinstance(group, h5py.Group) or _class(group) != "Interval":
        yield f"{name}: it has to be an Interval."
        return
    found = list(_in_interval(group))
    if found:
        if group.parent.name != "/":  # there it was checked with the other parts
            yield from found
        return
    start, end = group["start"][:], group["end"][:]
    if not len(start):
        yield f"{name}: it is empty."
    elif len(start) != len(end) or (end < start).any() or (end[:-1] > start[1:]).any():
        yield f"{name}: its intervals overlap, or end before they start."


def _in_irregular(group: h5py.Group) -> Iterator[str]:
    name = _name(group)
    if "timestamps" not in group or "domain" not in group:
        yield f"{name}: it has no timestamps, or no domain."
        return
    found = [*_in_times(group["timestamps"]), *_in_domain(group["domain"])]
    yield from found
    if found:
        return
    index = group.get("timestamp_indices_1s")
    first, last = group["domain/start"][0], group["domain/end"][-1]
    grid = np.arange(first, last + 1.0, 1.0)
    expected: np.ndarray = np.zeros(len(grid), dtype=np.int64)
    for i in range(0, len(group["timestamps"]), _BLOCK):
        expected += np.searchsorted(group["timestamps"][i : i + _BLOCK], grid)
    if not isinstance(index, h5py.Dataset) or not np.array_equal(index[()], expected):
        yield (
            f"{name}: 'timestamp_indices_1s' has to say how many timestamps are before "
            "each second of the domain."
        )


def _in_regular(group: h5py.Group) -> Iterator[str]:
    name = _name(group)
    rate = group.attrs.get("sampling_rate")
    if not isinstance(rate, (float, int, np.number)) or not 0 < rate < np.inf:
        yield f"{name}: its sampling_rate has to be a positive number, not {rate!r}."
        return
    if "domain" not in group:
        yield f"{name}: it has no domain."
        return
    found = list(_in_domain(group["domain"]))
    yield from found
    if found:
        return
    size = next(len(node) for key, node in group.items() if key != "domain")
    start, end = group["domain/start"][:], group["domain/end"][:]
    if round((end[-1] - start[0]) * rate) != size:
        yield (
            f"{name}: its domain, {start[0]} to {end[-1]} s, is not that of {size} "
            f"samples at {rate} Hz."
        )
    places = (np.concatenate([start, end]) - start[0]) * rate
    # What is left of a sample, in multiples of the numbers' own precision.
    unsure = 1e-3 + 4 * rate * np.spacing(np.abs([start[0], end[-1]]).max())
    if (np.abs(places - np.round(places)) > unsure).any():
        yield f"{name}: its domain begins or ends between two samples."


_CHECKS: dict[str, Callable[[h5py.Group], Iterator[str]]] = {
    "ArrayDict": _in_array_dict,
    "Interval": _in_interval,
    "IrregularTimeSeries": _in_irregular,
    "RegularTimeSeries": _in_regular,
}


def _in_recording(file: h5py.File) -> Iterator[str]:
    """Check what holds between the parts of a recording."""
    if "domain" not in file:
        yield "the file: it has no domain, from which samplers take windows."
    for key in (*_WITH_ID, *_WITH_ID_IF_KNOWN):
        node = file.get(key)
        has_id = isinstance(node, h5py.Group) and "id" in node.attrs
        if not has_id and key in _WITH_ID:
            yield f"{key}.id: there is none."
        elif has_id and not (isinstance(node.attrs["id"], str) and node.attrs["id"]):
            yield f"{key}.id: it has to be text, not {node.attrs['id']}."
    for key in ("units", "channels", "rois"):
        node = file.get(key)
        if isinstance(node, h5py.Group) and "id" not in node:
            yield f"{key}: it has no column 'id'."
    yield from _in_splits(file)
    if isinstance(file.get("spikes"), h5py.Group) and "units" in file:
        yield from _in_spikes(file["spikes"], file["units"])


def _in_splits(file: h5py.File) -> Iterator[str]:
    bounds = {}
    for key in ("domain", *_SPLITS):
        node = file.get(key)
        if node is None:
            continue
        if not isinstance(node, h5py.Group) or _class(node) != "Interval":
            yield f"{key}: it has to be an Interval."
            return
        if list(_in_interval(node)) or len(node["start"]) != len(node["end"]):
            return  # said where all intervals are checked
        bounds[key] = (node["start"][:], node["end"][:])
    for key, (start, end) in bounds.items():
        if (end < start).any() or (end[:-1] > start[1:]).any():
            if key != "domain":
                yield f"{key}: its intervals overlap, or end before they start."
            return
    for i, key in enumerate(_SPLITS):
        if key not in bounds:
            continue
        start, end = bounds[key]
        if "domain" in bounds and _overlap(bounds[key], bounds["domain"]) < sum(
            end - start
        ) - 1e-6 * len(start):
            yield f"{key}: a part of it is not in the domain."
        for other in _SPLITS[i + 1 :]:
            if other in bounds and _overlap(bounds[key], bounds[other]) > 0:
                yield f"{key} and {other}: they overlap, so tests would see training."


def _overlap(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the time, in s, that is in both of two sets of disjoint intervals."""
    total = 0.0
    for start, end in zip(*one):
        shared = np.minimum(other[1], end) - np.maximum(other[0], start)
        total += float(shared[shared > 0].sum())
    return total


def _in_spikes(spikes: h5py.Group, units: h5py.Group) -> Iterator[str]:
    index = spikes.get("unit_index")
    sizes = [len(node) for node in units.values() if isinstance(node, h5py.Dataset)]
    if not isinstance(index, h5py.Dataset) or not sizes:
        return
    if index.dtype.kind not in "iu":
        yield "spikes.unit_index: it has to be whole numbers, rows of units."
        return
    for i in range(0, len(index), _BLOCK):
        rows = index[i : i + _BLOCK]
        if rows.min() < 0 or rows.max() >= sizes[0]:
            yield f"spikes.unit_index: it leads beyond the {sizes[0]} rows of units."
            return
