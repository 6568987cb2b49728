"""The inventory of a source file: what became of each of its objects."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["REASONS", "Inventory", "Item"]

REASONS = {
    "not asked for": "its kind of signal was not asked for",
    "placeholder": "it holds no data, as a placeholder does",
    "no times": "it has neither a sampling rate nor times that can be used",
    "pictures": "images, masks and video are left out",
    "waveforms": "shapes of spikes are left out",
    "compound": "references to parts of other objects cannot be stored",
    "unreadable": "it cannot be read",
    "unknown type": "nothing is known of its type that would say what it means",
    "external": "its data are in another file",
    "container": "it holds others, each of which has a line of its own",
    "not numbers": "its values are neither numbers nor text",
    "too large": "it has no fixed rate and is too large to be held in memory",
    "broken": "it contradicts itself",
    "description": "it describes others and holds no data itself",
}
"""Why an object may be left out, each with a sentence."""


@dataclass(frozen=True)
class Item:
    """One object of the source, and what became of it.

    Parameters
    ----------
    path, type : str
        Where it is in the source, and its type there.
    shape : tuple of int
        Shape of its data.
    dtype : str
        Type of its data.
    taken_as : str
        Its name in the file that was made; empty if it was left out.
    reason : str
        One of `REASONS` if it was left out; empty if it was taken.
    note : str
        What else is to be known: a doubt about its units, columns that were left out.
    """

    path: str
    type: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    taken_as: str = ""
    reason: str = ""
    note: str = ""


class Inventory:
    """The objects of a source file, in the order in which they were met."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def take(
        self,
        path: str,
        type: str,
        *,
        taken_as: str,
        shape: Sequence[int] = (),
        dtype: object = "",
        note: str = "",
    ) -> None:
        """Record an object that was taken."""
        self.items.append(
            Item(path, type, tuple(shape), str(dtype), taken_as, "", note)
        )

    def leave(
        self,
        path: str,
        type: str,
        reason: str,
        *,
        shape: Sequence[int] = (),
        dtype: object = "",
        note: str = "",
    ) -> None:
        """Record an object that was left out.

        Raises
        ------
        ValueError
            `reason` is none of `REASONS`.
        """
        if reason not in REASONS:
            raise ValueError(f"no reason to leave something out: {reason!r}")
        self.items.append(Item(path, type, tuple(shape), str(dtype), "", reason, note))

    @property
    def taken(self) -> list[Item]:
        """The objects that were taken."""
        return [item for item in self.items if item.taken_as]

    @property
    def left_out(self) -> list[Item]:
        """The objects that were left out."""
        return [item for item in self.items if item.reason]
