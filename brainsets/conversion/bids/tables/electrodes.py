"""Positions of electrodes, from ``electrodes.tsv`` and ``coordsystem.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brainsets.conversion.bids.tables.text import TextTable, numbers
from brainsets.conversion.parts import Rows
from brainsets.conversion.text import ascii_column

__all__ = ["Positions", "coordinate_system", "read_electrodes"]

_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6}
_SPELLED = {
    **dict.fromkeys(("metres", "meters", "metre", "meter"), "m"),
    **dict.fromkeys(("millimetres", "millimeters", "millimetre", "millimeter"), "mm"),
    **dict.fromkeys(("centimetres", "centimeters", "centimetre", "centimeter"), "cm"),
}
_AXES = ("x", "y", "z")
# Farther from the origin than any head is large, in m.
_FARTHEST = 0.5


@dataclass
class Positions:
    """Electrodes as a part, and the positions of those by their name, in `unit`."""

    part: Rows | None
    by_name: Mapping[str, tuple[float, float, float]]
    unit: str
    system: str
    notes: list[str] = field(default_factory=list)


def coordinate_system(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and unit of the coordinates that a ``coordsystem.json`` describes."""
    found = ["", ""]
    for number, ending in enumerate(("CoordinateSystem", "CoordinateUnits")):
        for kind in ("EEG", "iEEG", "EMG", "MEG"):
            value = content.get(f"{kind}{ending}")
            if isinstance(value, str) and value.strip().lower() not in ("", "n/a"):
                found[number] = value.strip()
                break
    unit = found[1].lower()
    return found[0], _SPELLED.get(unit, unit)


def read_electrodes(
    table: TextTable, name: str, systems: Mapping[str, Mapping[str, Any]], space: str
) -> Positions:
    """Return the electrodes of a table, with positions in m where their unit is known.

    Parameters
    ----------
    table : TextTable
        ``electrodes.tsv``.
    name : str
        The name of the part.
    systems : mapping
        From spaces to what their ``coordsystem.json`` says.
    space : str
        The space of the table; its column ``coordinate_system`` may name others.
    """
    notes = list(table.notes)
    own = table.get("coordinate_system", "coordsystem")
    spaces = [each or space for each in own]
    pairs = [coordinate_system(systems.get(each, {})) for each in spaces]
    units = [unit for _, unit in pairs]
    scales = np.array([_METRES.get(unit, 1.0) for unit in units])
    axes = {}
    for axis in _AXES:
        column = table.find(axis)
        if column is not None:
            values, said = numbers(table.columns[column])
            notes += [f"{axis}: {note}" for note in said]
            axes[axis] = values * scales
    shown = ["m" if unit in _METRES else unit for unit in units]
    unknown = sorted({unit or "none" for unit in units if unit not in _METRES})
    if unknown and axes:
        notes.append(
            f"doubt: positions are as the table has them: their unit is {unknown[0]}"
        )
    if axes and not unknown:
        notes += _implausible(axes)
    names = table.get("name")
    without = [c for c in map(table.find, ("name", *_AXES)) if c is not None]
    columns, said = table.as_columns(
        without=without, taken=["id", *_AXES, "position_unit", "space"]
    )
    notes += said
    fixed = {"id": ascii_column(names)[0], **axes}
    if axes:
        fixed["position_unit"] = ascii_column(shown)[0]
        if any(spaces):
            fixed["space"] = ascii_column(spaces)[0]
    by_name = _by_name(names, axes, shown, notes)
    system = ", ".join(dict.fromkeys(system for system, _ in pairs if system))
    unit = "m" if by_name else ""
    part = Rows(name, {**fixed, **columns}) if table.size else None
    return Positions(part, by_name, unit, system, notes)


def _implausible(axes: Mapping[str, np.ndarray]) -> list[str]:
    largest = max(float(np.nanmax(np.abs(v), initial=0)) for v in axes.values())
    if largest > _FARTHEST:
        return [f"doubt: positions of up to {largest:.3g} m are far for electrodes"]
    return []


def _by_name(
    names: Sequence[str],
    axes: Mapping[str, np.ndarray],
    units: Sequence[str],
    notes: list[str],
) -> dict[str, tuple[float, float, float]]:
    """Return the positions in m of electrodes that have all three, by their name."""
    if set(axes) != set(_AXES):
        return {}
    found: dict[str, tuple[float, float, float]] = {}
    again = {name for name in names if names.count(name) > 1}
    for number, name in enumerate(names):
        x, y, z = (float(axes[axis][number]) for axis in _AXES)
        if name and name not in again and units[number] == "m":
            if np.isfinite([x, y, z]).all():
                found[name] = (x, y, z)
    if again:
        notes.append(f"it has {sorted(again)[0]!r} more than once")
    return found
