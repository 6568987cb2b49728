"""Names of files in BIDS: entities, suffix and extension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["DATASET", "Name", "parse_name"]

DATASET = "dataset_description"
"""The name of the file that describes a dataset, and its suffix here."""


@dataclass(frozen=True)
class Name:
    """What a file name says: ``sub-01_task-rest_eeg.edf``.

    `entities` are in the order of the name, unknown ones too; `extension` is in lower
    case and begins with a dot, or is empty; `stem` is the name without it.
    """

    entities: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    extension: str = ""
    stem: str = ""


def parse_name(name: str) -> Name:
    """Return the parts of a file's name; without a suffix if it is no name of BIDS."""
    if name == f"{DATASET}.json":
        return Name({}, DATASET, ".json", DATASET)
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        key, dash, value = pair.partition("-")
        if not (key and dash and value) or key in entities:
            return Name({}, "", f"{dot}{extension}".lower(), stem)
        entities[key] = value
    return Name(entities, suffix, f"{dot}{extension}".lower(), stem)
