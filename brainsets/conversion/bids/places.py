"""Positions of a recording's channels, from tables or from the file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from brainsets.conversion.bids.names import parse_name
from brainsets.conversion.bids.sidecars import Described
from brainsets.conversion.bids.tables.electrodes import Positions, read_electrodes
from brainsets.conversion.names import snake_case
from brainsets.conversion.parts import Columns, Rows
from brainsets.conversion.raw import RawChannel
from brainsets.conversion.text import ascii_column

__all__ = ["Places", "read_places"]

Position = tuple[float, float, float]
_AXES = ("x", "y", "z")


@dataclass
class Places:
    """Electrodes of each space, and where the channels are.

    `by_path` has the tables by their paths; `chosen` the positions in m that channels
    are given, by their names, and `source` the space that these are of.
    """

    by_path: dict[str, Positions] = field(default_factory=dict)
    chosen: Mapping[str, Position] = field(default_factory=dict)
    source: str = ""

    @property
    def parts(self) -> list[Rows]:
        """The electrodes as parts."""
        found = [positions.part for positions in self.by_path.values()]
        return [part for part in found if part is not None]

    def record(self, files: Described, names: Mapping[str, str]) -> None:
        """Name the parts, and say what became of the tables."""
        for path, positions in self.by_path.items():
            if positions.part is None:
                files.left(path, "placeholder", ["it has no rows", *positions.notes])
            else:
                positions.part.name = names[positions.part.name]
                files.took(path, positions.part.name, positions.notes)

    def columns(self, channels: Sequence[RawChannel], names: Sequence[str]) -> Columns:
        """Return ``x``, ``y`` and ``z`` of channels in m, nan where not known.

        ``position_frame`` says the space that they are in. `names` are those that
        tables have for the channels.
        """
        rows, frames = [], []
        for channel, name in zip(channels, names):
            place, frame = self.chosen.get(name), self.source
            if place is None:
                place, frame = _of_file(channel), str(channel.more.get("frame", ""))
            rows.append(place or (np.nan, np.nan, np.nan))
            frames.append(frame if place else "")
        if not np.isfinite(rows).any():
            return {}
        found: Columns = {axis: np.array(rows)[:, n] for n, axis in enumerate(_AXES)}
        return {**found, "position_frame": ascii_column(frames)[0]}


def read_places(files: Described, names: Sequence[str]) -> Places:
    """Return the electrodes of all spaces, and the positions of the channels.

    Channels have those of the table that names most of them, the first of several;
    without one, those that the file itself has.
    """
    systems: dict[str, Mapping[str, Any]] = {}
    for path in files.recording.described_by("coordsystem", ".json"):
        systems.setdefault(_space(path), {})
        systems[_space(path)] = {**systems[_space(path)], **files.text_of(path)}
    places = Places()
    most = 0
    for path, table in files.tables("electrodes").items():
        space = _space(path)
        name = snake_case(f"electrodes_{space.lower()}") if space else "electrodes"
        while name in {part.name for part in places.parts}:
            name += "_"
        positions = read_electrodes(table, name, systems, space)
        places.by_path[path] = positions
        count = sum(each in positions.by_name for each in names)
        if count > most:
            most = count
            places.chosen = positions.by_name
            system = space or positions.system
            places.source = system or "unknown"
    return places


def _of_file(channel: RawChannel) -> Position | None:
    """Return the position that the file itself has of a channel."""
    x, y, z = (float(channel.more.get(axis, np.nan)) for axis in _AXES)
    return (x, y, z) if np.isfinite([x, y, z]).all() else None


def _space(path: str) -> str:
    return parse_name(PurePosixPath(path).name).entities.get("space", "")
