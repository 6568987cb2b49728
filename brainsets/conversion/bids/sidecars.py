"""The files that describe a recording, read, with what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from brainsets.conversion.bids.layout import BidsRecording
from brainsets.conversion.bids.names import parse_name
from brainsets.conversion.bids.tables.text import TextTable, read_json, read_table
from brainsets.conversion.inventory import Inventory
from brainsets.conversion.names import snake_case

__all__ = ["Described", "meanings"]


# A disk that fails may recover.
_NOT_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class Described:
    """The tables and texts that apply to a recording.

    What is read is left out in the inventory as a description, unless `took` says
    what it was taken as, or `left` why else it was not.
    """

    def __init__(self, root: Path, recording: BidsRecording) -> None:
        self.root = root
        self.recording = recording
        self._taken: dict[str, str] = {}
        self._left: dict[str, str] = {}
        self._notes: dict[str, list[str]] = {}

    def text(self, suffix: str) -> dict[str, Any]:
        """Return what all JSON files of a suffix say, the most specific one last."""
        found: dict[str, Any] = {}
        for path in self.recording.described_by(suffix, ".json"):
            found.update(self.text_of(path))
        return found

    def text_of(self, path: str) -> dict[str, Any]:
        """Return what one JSON file says; nothing if it cannot be read."""
        try:
            content, why = read_json(self.root / path)
        except _NOT_THERE:
            content, why = {}, "it is not there"
        if why:
            self.left(path, "unreadable", [why])
        return content

    def tables(self, suffix: str) -> dict[str, TextTable]:
        """Return the tables of a suffix that can be read, by their paths."""
        found = {}
        for path in self.recording.described_by(suffix, ".tsv"):
            try:
                found[path] = read_table(self.root / path)
            except _NOT_THERE:
                self.left(path, "unreadable", ["it is not there"])
            except ValueError as error:
                self.left(path, "unreadable", [str(error)])
        return found

    def table(self, suffix: str) -> tuple[str, TextTable | None]:
        """Return the table of a suffix and its path; None if there is none."""
        for path, table in self.tables(suffix).items():
            return path, table
        return "", None

    def took(self, path: str, taken_as: str, notes: list[str]) -> None:
        """Record what a file was taken as."""
        if path:
            self._taken[path] = taken_as
            self._notes.setdefault(path, []).extend(notes)

    def left(self, path: str, reason: str, notes: list[str]) -> None:
        """Record why a file was not taken."""
        if path:
            self._left[path] = reason
            self._notes.setdefault(path, []).extend(notes)

    def add_to(self, inventory: Inventory) -> None:
        """Add a line for each file."""
        for path in self.recording.sidecars:
            name = parse_name(PurePosixPath(path).name)
            kind = f"BIDS {name.suffix}{name.extension}"
            note = "; ".join(dict.fromkeys(self._notes.get(path, [])))
            if path in self._left:
                inventory.leave(path, kind, self._left[path], note=note)
            elif path in self._taken:
                inventory.take(path, kind, taken_as=self._taken[path], note=note)
            else:
                inventory.leave(path, kind, "description", note=note)


def meanings(content: Mapping[str, Any], columns: Iterable[str]) -> dict[str, str]:
    """Return what a JSON file says of columns, as attributes of their part.

    ``<column>_description`` and ``<column>_units`` are text, ``<column>_levels`` says
    what each value means.
    """
    found = {}
    for name in columns:
        said = content.get(name)
        if not isinstance(said, Mapping):
            continue
        clean, levels = snake_case(name), said.get("Levels")
        for key in ("Description", "Units"):
            text = said.get(key)
            if isinstance(text, str) and text.strip() not in ("", "n/a"):
                found[f"{clean}_{key.lower()}"] = text.strip()
        if isinstance(levels, Mapping) and levels:
            found[f"{clean}_levels"] = json.dumps(levels)
    return found
