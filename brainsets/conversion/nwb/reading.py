"""An NWB file as a recording, and what became of each of its objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import h5py
import numpy as np

from brainsets.conversion.domains import recorded, subtract, union
from brainsets.conversion.inventory import REASONS, Inventory
from brainsets.conversion.names import renamed
from brainsets.conversion.nwb.descriptions import (
    read_device,
    read_session,
    read_subject,
)
from brainsets.conversion.nwb.events import read_events
from brainsets.conversion.nwb.intervals import read_any_table
from brainsets.conversion.nwb.kinds import DEFAULT, KINDS, kind_of
from brainsets.conversion.nwb.outcome import LeaveOut, Taken
from brainsets.conversion.nwb.roles import (
    EVENTS,
    SPIKES,
    TABLE,
    UNITS,
    planned_names,
    role_of,
    why_not,
)
from brainsets.conversion.nwb.series import read_series
from brainsets.conversion.nwb.source.objects import NwbObject, walk
from brainsets.conversion.nwb.source.types import Types
from brainsets.conversion.nwb.units import read_units
from brainsets.conversion.parts import Part, Recording, Rows, Table
from brainsets.errors import RecordingError, SettingsError
from brainsets.pipeline import SkipAsset

__all__ = ["read_nwb"]

_UNREADABLE = (
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    RecordingError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass
class _Result:
    """An object, and what became of it."""

    found: NwbObject
    taken_as: str = ""
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


def read_nwb(
    file: h5py.File,
    *,
    id: str,
    signals: Collection[str] = DEFAULT,
    rename: Mapping[str, str] | None = None,
) -> Recording:
    """Return what an NWB file holds, as the parts of a recording.

    Signals are read when they are written: the file stays open until then.

    Parameters
    ----------
    file : h5py.File
        An NWB file, from `open_nwb`.
    id : str
        The recording's id.
    signals : collection of str, optional
        The kinds to take, of `KINDS`; by default all but ``raw``.
    rename : mapping, optional
        From names or paths of parts to their new names.

    Returns
    -------
    Recording
        Its splits are empty, as is what is said of the brainset.

    Raises
    ------
    SkipAsset
        Nothing that has times was taken; one sentence says why.
    SettingsError
        A kind is unknown, or a name cannot be changed.
    """
    unknown = sorted(set(signals) - set(KINDS))
    if unknown:
        raise SettingsError(
            f"There is no kind of signal {unknown[0]!r}: there are {', '.join(KINDS)}."
        )
    types = Types(file)
    objects = list(walk(file, types))
    roles = {found.path: role_of(found, types) for found in objects}
    planned = planned_names(objects, roles)
    names = renamed(planned, rename or {}, where=f"the recording {id!r}")
    reader = _Reader(file, types, objects, roles, names, frozenset(signals))
    results = [reader.result(found) for found in objects]
    parts = _unique([part for result in results for part in result.parts])
    domain, doubts = recorded(parts)
    for result in results:
        result.notes += [doubts[p.name] for p in result.parts if p.name in doubts]
    invalid = _invalid(results)
    inventory = _inventory(results)
    if not len(domain[0]):
        raise SkipAsset(_why_nothing(results))
    domain = subtract(domain, invalid)
    if not len(domain[0]):
        raise SkipAsset("its invalid_times take in all of its time")
    return Recording(
        id,
        {},
        read_subject(file),
        read_session(file),
        read_device(file),
        parts,
        domain,
        inventory,
    )


@dataclass(frozen=True)
class _Reader:
    file: h5py.File
    types: Types
    objects: list[NwbObject]
    roles: Mapping[str, str]
    names: Mapping[str, str]
    signals: frozenset[str]

    def result(self, found: NwbObject) -> _Result:
        """Return what becomes of an object."""
        if found.path == "/":
            return _Result(found, "session")
        line = self.types.line(found.type)
        if "Subject" in line:
            return self._described(found, "subject", read_subject(self.file))
        if found.path.startswith("/general/devices/") and "Device" in line:
            return self._described(found, "device", read_device(self.file))
        try:
            taken = self._taken(found)
        except LeaveOut as left:
            notes = [left.note] if left.note else []
            return _Result(found, "", left.reason, notes)
        except _UNREADABLE as error:
            return _Result(found, "", "unreadable", [str(error).strip()])
        name = taken.parts[0].name
        return _Result(found, name, "", taken.notes, taken.parts)

    def _described(
        self, found: NwbObject, name: str, said: Mapping[str, object]
    ) -> _Result:
        return _Result(found, name) if said else _Result(found, "", "placeholder")

    def _taken(self, found: NwbObject) -> Taken:
        role = self.roles[found.path]
        if not role:
            inside = f"{found.path}/"
            inner = [o for o in self.objects if o.path.startswith(inside)]
            has_others = any(o.item is not None for o in inner)
            if inner and not has_others:  # links that lead elsewhere
                raise LeaveOut(inner[0].problem, inner[0].note)
            raise why_not(found, self.types, has_others)
        self._check_asked(found)
        name = self.names[found.path]
        if role == UNITS:
            return read_units(found.item, name, self.names[SPIKES + found.path])
        if role == TABLE:
            return read_any_table(found.item, name)
        if role == EVENTS:
            return read_events(found.item, name)
        is_event = self.types.is_a(found.type, "AnnotationSeries")
        is_event = is_event or self.types.is_a(found.type, "IntervalSeries")
        return read_series(found.item, name, is_event=is_event)

    def _check_asked(self, found: NwbObject) -> None:
        if found.path.startswith("/general/"):
            return
        parent = found.path.rpartition("/")[0]
        kinds = {o.path: o.type for o in self.objects}
        kind = kind_of(found, self.types, kinds.get(parent, ""))
        if kind not in self.signals:
            data = found.data
            size = int(data.size or 0) * data.dtype.itemsize if data is not None else 0
            raise LeaveOut("not asked for", f"{kind}: {_bytes(size)} as stored")


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _unique(parts: list[Part]) -> list[Part]:
    """Give numbers to those parts of an object that are named as another object is."""
    used: set[str] = set()
    for part in parts:
        name, number = part.name, 1
        while part.name in used:
            number += 1
            part.name = f"{name}_{number}"
        used.add(part.name)
    return parts


def _invalid(results: list[_Result]) -> tuple[np.ndarray, np.ndarray]:
    """Return the time that the file says is invalid."""
    for result in results:
        if result.found.path == "/intervals/invalid_times":
            for part in result.parts:
                if isinstance(part, Table):
                    result.notes.append("its time is no part of the domain")
                    return union(part.start, part.end)
    return np.zeros(0), np.zeros(0)


def _inventory(results: list[_Result]) -> Inventory:
    inventory = Inventory()
    for result in results:
        found, note = result.found, "; ".join(result.notes)
        if result.reason:
            inventory.leave(
                found.path,
                found.type,
                result.reason,
                shape=found.shape,
                dtype=found.dtype,
                note=note,
            )
        else:
            inventory.take(
                found.path,
                found.type,
                taken_as=result.taken_as,
                shape=found.shape,
                dtype=found.dtype,
                note=note,
            )
    return inventory


def _why_nothing(results: list[_Result]) -> str:
    """Say why nothing with times was taken."""
    asked = [r for r in results if r.reason == "not asked for"]
    if asked:
        more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
        return (
            "it holds nothing that was asked for: "
            f"{asked[0].found.path} is {asked[0].notes[0]}{more}"
        )
    rows = [r for r in results if r.parts and isinstance(r.parts[0], Rows)]
    quiet = ("container", "description")
    left = [r for r in results if r.reason and r.reason not in quiet]
    if not rows and not left:
        return "it holds no data: nothing but what describes the session"
    said = [f"{r.found.path} ({REASONS[r.reason]})" for r in left]
    said += [f"{r.found.path} (a table without times)" for r in rows]
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return f"it holds no data with times: {', '.join(said[:3])}{more}"
