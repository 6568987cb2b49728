"""What becomes of one object: the parts that were made of it, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field

from brainsets.conversion.parts import Part

__all__ = ["LeaveOut", "Taken"]


@dataclass
class Taken:
    """The parts made of an object, the first under its own name, and what to note."""

    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class LeaveOut(Exception):
    """An object is left out, for one of the reasons of the inventory."""

    def __init__(self, reason: str, note: str = "") -> None:
        super().__init__(reason, note)
        self.reason = reason
        self.note = note
