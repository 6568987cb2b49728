"""A recording as one file, laid out as temporaldata's ``Data.to_hdf5`` does it.

All parts but signals are given to temporaldata itself, which writes them. What it would
read back otherwise than it was written, or not at all, is refused.
"""

from __future__ import annotations

import contextlib
import keyword
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import temporaldata
from temporaldata import ArrayDict, Data, Interval, IrregularTimeSeries

from brainsets.conversion.attributes import attribute_value
from brainsets.conversion.checking import problems
from brainsets.conversion.inventory import Inventory
from brainsets.conversion.parts import (
    Columns,
    Recording,
    Rows,
    Samples,
    Signal,
    Table,
)
from brainsets.conversion.signals import BLOCK_BYTES, COMPRESSION, write_signal

__all__ = ["write_recording"]

# What the layout itself has in a group, beside attributes of the classes.
_OF_THE_LAYOUT = {
    "Data": {"domain", "object", "absolute_start"},
    "ArrayDict": set(),
    "Interval": {"start", "end"},
    "IrregularTimeSeries": {"timestamps", "timestamp_indices_1s", "domain"},
}
_ATTRIBUTES_OF_THE_LAYOUT = {"object", "sampling_rate", "timekeys", "absolute_start"}
# A series keeps an index with an entry for each second of its domain: 2**25 are a year.
_MAX_SECONDS = 2**25

Bounds = tuple[np.ndarray, np.ndarray]


def write_recording(
    recording: Recording,
    path: Path,
    *,
    block_bytes: int = BLOCK_BYTES,
    compression: str = COMPRESSION,
) -> None:
    """Write a recording as a file that temporaldata and torch_brain read.

    ===========================  =======================================================
    brainset, subject, session,  their attributes; those of which nothing is known are
    device                       not there
    each Signal                  RegularTimeSeries: ``signal``, ``sampling_rate``
    its channels                 ArrayDict ``channels``, or ``<name>_channels`` if more
                                 than one signal has channels; with a column ``unit``
    each Samples                 IrregularTimeSeries: ``timestamps`` and its columns
    each Table                   Interval: ``start``, ``end`` and its columns
    each Rows                    ArrayDict: its columns
    domain, train_domain, ...    Interval; splits that are not given are not there
    inventory                    ArrayDict of text: path, type, shape, dtype, taken_as,
                                 reason, note
    ===========================  =======================================================

    Units and other attributes of a Signal, of Samples or of a Table are attributes of
    its group, which h5py shows and temporaldata reads past. Text in columns is ASCII,
    with escapes such as ``\\xe9`` for all other characters.

    Parameters
    ----------
    recording : Recording
        Signals are read in blocks, all else is in memory.
    path : pathlib.Path
        The file; it is there only when all of it is, and replaces what was there.
    block_bytes : int
        How much of a signal is in memory at once, beside what its ``read`` needs.
    compression : str
        How signals are compressed: one of `signals.FILTERS`.

    Raises
    ------
    ValueError
        Something of it cannot be stored so that it is read back as it is.
    """
    path = Path(path)
    # Not a name that a dataset takes for a recording, should the process be killed.
    partial = path.with_name(f".{os.getpid()}-{path.name[-200:]}.partial")
    signals = [part for part in recording.parts if isinstance(part, Signal)]
    data = _data(recording, signals)
    try:
        with h5py.File(partial, "w") as file:
            data.to_hdf5(file)
            for part in recording.parts:
                if isinstance(part, Signal):
                    write_signal(
                        file.create_group(part.name),
                        part,
                        block_bytes=block_bytes,
                        compression=compression,
                    )
                    _describe(file[part.name], {"unit": part.unit, **part.attributes})
                elif isinstance(part, (Samples, Table)):
                    _describe(file[part.name], part.attributes)
        found = problems(partial)
        if found:
            raise ValueError(f"Recording {recording.id!r}: {' '.join(found)}")
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def _data(recording: Recording, signals: list[Signal]) -> Data:
    """Return all but the signals as temporaldata has it."""
    content: dict[str, Any] = dict(_description(recording.attributes, "the recording"))
    session = {"id": recording.id, **recording.session}
    _add_description(content, "brainset", recording.brainset, needs_id=True)
    _add_description(content, "subject", recording.subject)
    _add_description(content, "session", session)
    _add_description(content, "device", recording.device)
    domain = _interval(recording.domain, "the domain")
    names = {part.name for part in recording.parts}
    with_channels = [signal for signal in signals if signal.channels]
    for part in recording.parts:
        _check_name(part.name, "Data", "a part")
        if part.name in content or part.name in _OF_EVERY_RECORDING:
            raise ValueError(
                f"Two things of recording {recording.id!r} are named {part.name!r}: "
                "give the part another name."
            )
        if isinstance(part, Signal):
            # Its group is made when the others are written.
            content[part.name] = None
        else:
            content[part.name] = _part(part, domain)
    for signal in with_channels:
        is_alone = len(with_channels) == 1 and "channels" not in names
        name = "channels" if is_alone else f"{signal.name}_channels"
        if name in content:
            raise ValueError(
                f"The channels of {signal.name!r} are to be named {name!r}, as is "
                "something else: give the other another name."
            )
        content[name] = _channels(signal)
    for split, bounds in recording.splits.items():
        if f"{split}_domain" not in _OF_EVERY_RECORDING:
            raise ValueError(f"A split is train, valid or test, not {split!r}.")
        content[f"{split}_domain"] = _interval(bounds, f"the {split} domain")
    content["inventory"] = _inventory(recording.inventory)
    return Data(domain=domain, **content)


_OF_EVERY_RECORDING = {
    "brainset",
    "subject",
    "session",
    "device",
    "domain",
    "train_domain",
    "valid_domain",
    "test_domain",
    "inventory",
}


def _part(part: Samples | Table | Rows, domain: Interval) -> Any:
    what = repr(part.name)
    if isinstance(part, Samples):
        times = _times(part.timestamps, f"the timestamps of {what}")
        columns = _columns(part.columns, "IrregularTimeSeries", what, len(times))
        if (np.diff(times) < 0).any():
            raise ValueError(f"The timestamps of {what} are not sorted.")
        own = domain
        if part.domain is not None:
            own = _interval(part.domain, f"the domain of {what}")
        if not len(own) or own.end[-1] - own.start[0] > _MAX_SECONDS:
            raise ValueError(
                f"The domain of {what} has to be from a point in time to another, at "
                f"most {_MAX_SECONDS:,} s later: it is {_shown(own)}."
            )
        return IrregularTimeSeries(times, domain=own, **columns)
    if isinstance(part, Table):
        start = _times(part.start, f"the starts of {what}")
        end = _times(part.end, f"the ends of {what}")
        if len(start) != len(end):
            raise ValueError(f"{what} has {len(start)} starts and {len(end)} ends.")
        columns = _columns(part.columns, "Interval", what, len(start))
        if (np.diff(start) < 0).any() or (np.diff(end) < 0).any():
            raise ValueError(
                f"The intervals of {what} are not sorted, or one lies within another: "
                "temporaldata would cut wrong ones out of it. Have them as samples."
            )
        for name in part.times:
            if name not in columns or columns[name].dtype.kind not in "iuf":
                raise ValueError(f"{what} has no column {name!r} of times.")
        return Interval(start, end, timekeys=list(part.times), **columns)
    return ArrayDict(**_columns(part.columns, "ArrayDict", what))


def _channels(signal: Signal) -> ArrayDict:
    columns = dict(signal.channels or {})
    if signal.unit and "unit" not in columns:
        count = signal.shape[1] if len(signal.shape) > 1 else 1
        columns["unit"] = np.full(count, signal.unit)
    return ArrayDict(
        **_columns(columns, "ArrayDict", f"the channels of {signal.name!r}")
    )


def _inventory(inventory: Inventory) -> ArrayDict:
    columns: dict[str, list[str]] = {
        "path": [item.path for item in inventory.items],
        "type": [item.type for item in inventory.items],
        "shape": [" x ".join(map(str, item.shape)) for item in inventory.items],
        "dtype": [item.dtype for item in inventory.items],
        "taken_as": [item.taken_as for item in inventory.items],
        "reason": [item.reason for item in inventory.items],
        "note": [item.note for item in inventory.items],
    }
    return ArrayDict(**{name: _text(column) for name, column in columns.items()})


def _columns(
    columns: Columns, kind: str, what: str, size: int | None = None
) -> Columns:
    """Return columns as temporaldata can store them, all of one length."""
    found: Columns = {}
    for name, values in columns.items():
        _check_name(name, kind, f"a column of {what}")
        values = np.asarray(values)
        if not values.ndim:
            raise ValueError(f"Column {name!r} of {what} is a single value.")
        size = len(values) if size is None else size
        if len(values) != size:
            raise ValueError(
                f"Column {name!r} of {what} has {len(values)} values for {size} rows."
            )
        if values.dtype.kind in "OUT" and all(isinstance(v, str) for v in values.flat):
            values = _text(values.flat).reshape(values.shape)
        elif values.dtype.kind not in "biufc":
            raise ValueError(
                f"Column {name!r} of {what} is of type {values.dtype}: a column has "
                "numbers, truth values or text."
            )
        if name == "id" and values.dtype.kind != "U":
            raise ValueError(
                f"The ids of {what} are {values.dtype}: they have to be text."
            )
        found[name] = values
    if kind == "ArrayDict" and not found:
        raise ValueError(f"There are no columns in {what}.")
    return found


def _text(values: Iterable[str]) -> np.ndarray:
    """Return text as an array of ASCII."""
    found: np.ndarray = np.array([_escaped(text) for text in values], dtype=np.str_)
    return found


def _escaped(text: str) -> str:
    # Zeros at the end of text would be lost.
    text = text.replace("\0", "\\x00")
    if text.isascii():
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _times(values: Any, what: str) -> np.ndarray:
    times: np.ndarray = np.asarray(values)
    if times.ndim != 1 or (times.size and times.dtype.kind not in "iuf"):
        raise ValueError(f"{_capital(what)} are {times.dtype} of shape {times.shape}.")
    exact: np.ndarray = times.astype(np.float64)
    if not np.isfinite(exact).all():
        raise ValueError(f"{_capital(what)} are not all finite.")
    return exact


def _interval(bounds: Bounds, what: str) -> Interval:
    start, end = (_times(values, f"times of {what}") for values in bounds)
    if len(start) != len(end) or (end < start).any() or (end[:-1] > start[1:]).any():
        raise ValueError(
            f"{_capital(what)} has intervals that overlap or end too early."
        )
    return Interval(start, end)


def _shown(interval: Interval) -> str:
    return f"{interval.start[0]} to {interval.end[-1]} s" if len(interval) else "empty"


def _check_name(name: str, kind: str, what: str) -> None:
    """Refuse a name under which temporaldata could not read something back."""
    if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
        raise ValueError(
            f"{name!r} is no name for {what}: it has to have ASCII letters, digits and "
            "underscores only."
        )
    of_class = {*dir(getattr(temporaldata, kind)), *_OF_THE_LAYOUT[kind]}
    if name.startswith("_") or keyword.iskeyword(name) or name in of_class:
        raise ValueError(
            f"{name!r} is no name for {what}: it is one of temporaldata or Python."
        )


def _add_description(
    content: dict[str, Any],
    name: str,
    values: Mapping[str, Any],
    *,
    needs_id: bool = False,
) -> None:
    known = _description(values, f"{name!r}")
    identifier = known.get("id")
    if not (isinstance(identifier, str) and identifier) and ("id" in known or needs_id):
        raise ValueError(f"The id of {name!r} has to be text: it is {identifier!r}.")
    if known:
        content[name] = Data(**known)


def _description(values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return what is known, as HDF5 holds it."""
    found = {}
    for name, value in values.items():
        _check_name(name, "Data", f"an attribute of {what}")
        if value is not None:
            found[name] = attribute_value(value, f"{name!r} of {what}")
    return found


def _describe(group: h5py.Group, attributes: Mapping[str, Any]) -> None:
    """Add attributes to a group of the layout, which keeps its own."""
    for name, value in attributes.items():
        if value is not None and value != "":
            clean = f"{name}_" if name in _ATTRIBUTES_OF_THE_LAYOUT else name
            group.attrs[clean] = attribute_value(
                value, f"{name!r} of {group.name[1:]!r}"
            )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
