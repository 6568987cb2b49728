"""Which of the files that describe recordings apply to one: inheritance in BIDS.

A file applies if it lies in the recording's folder or in one above, and if all entities
of its name are entities of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from brainsets.conversion.bids.names import DATASET, Name

__all__ = ["Sidecars", "is_sidecar"]

_TABLES = ("channels", "events", "electrodes", "scans", "sessions", "participants")
_TEXTS = ("eeg", "ieeg", "meg", "emg", "coordsystem", DATASET, *_TABLES)
_SHAPES = ("headshape", "markers")
# Positions in several spaces are all of the same electrodes.
_IN_SPACES = ("electrodes", "coordsystem")


def is_sidecar(name: Name) -> bool:
    """Whether a file describes recordings, as its name says."""
    if name.extension == ".json":
        return name.suffix in _TEXTS
    if name.extension == ".tsv":
        return name.suffix in _TABLES
    return name.suffix in _SHAPES


class Sidecars:
    """The files of a dataset that describe recordings."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self._by_folder: dict[str, list[tuple[str, Name]]] = {}

    def add(self, path: str, name: Name) -> None:
        """Add a file."""
        self.paths.add(path)
        folder = str(PurePosixPath(path).parent)
        self._by_folder.setdefault(folder, []).append((path, name))

    def of(
        self, path: str, suffix: str, entities: Mapping[str, str]
    ) -> tuple[tuple[str, ...], list[str]]:
        """Return the files that apply to a recording, and what is odd about them.

        Of texts (JSON) all apply, and the later ones win; of each kind of table the
        nearest one alone, of electrodes the nearest of each space.

        Returns
        -------
        tuple
            Paths, from general to specific; and notes.
        """
        texts: list[tuple[int, int, str]] = []
        tables: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
        folders = list(PurePosixPath(path).parents)[::-1]
        for depth, folder in enumerate(folders):
            for each, name in self._by_folder.get(str(folder), []):
                if not _applies(name, suffix, entities):
                    continue
                rank = (depth, len(name.entities), each)
                if name.extension == ".json" and name.suffix != "coordsystem":
                    texts.append(rank)
                else:
                    space = name.entities.get("space", "")
                    tables.setdefault((name.suffix, space), []).append(rank)
        nearest, notes = [], []
        for (kind, _), ranks in tables.items():
            depth, count, _ = max(ranks)
            same = sorted(rank for rank in ranks if rank[:2] == (depth, count))
            nearest.append(same[0])
            if len(same) > 1 and kind not in _SHAPES:
                notes.append(
                    f"{len(same)} files with {kind} apply: {same[0][2]} is taken"
                )
        found = sorted([*texts, *nearest])
        return tuple(each for *_, each in found), notes


def _applies(name: Name, suffix: str, entities: Mapping[str, str]) -> bool:
    if name.suffix in ("eeg", "ieeg", "meg", "emg") and name.suffix != suffix:
        return False
    free = {"space"} if name.suffix in _IN_SPACES else set()
    if suffix == "meg":
        # The parts of a FIF file are one recording.
        free.add("split")
    return all(
        entities.get(key) == value or (key in free and key not in entities)
        for key, value in name.entities.items()
    )
