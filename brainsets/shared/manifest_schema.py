"""``manifest.schema.json``: the types of a manifest's columns, and what listed it."""

from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from brainsets.errors import ManifestError
from brainsets.shared.files import read_object
from brainsets.shared.text import manifest_cells as cells
from brainsets.shared.text.lines import cut_middle

__all__ = ["FORMAT", "Column", "read_columns", "read_listing", "schema_path"]

FORMAT = 1
"""The number of all formats in the folder of a brainset, in the schema."""


@dataclass(frozen=True)
class Column:
    """One column: its name as the manifest spells it, and the type of its cells."""

    name: str
    type: str


def schema_path(path: Path) -> Path:
    """Return the path of the schema that belongs to a manifest."""
    return path.with_name("manifest.schema.json")


def read_listing(path: Path) -> dict[str, Any]:
    """Return the content of a manifest's schema file; {} if it is missing or broken.

    It must describe the columns, and its other keys must have the types that
    docs/status_json.md gives.

    Raises
    ------
    ManifestError
        A newer version of this project has written the folder. This version would take
        its files for broken, and make them again.
    """
    listing = read_object(schema_path(path)) or {}
    version = listing.get("format", FORMAT)
    if type(version) is int and version > FORMAT:
        raise ManifestError(
            f"{path.parent} was written by a newer version of this workflow (format "
            f"{cut_middle(str(version), 20)} instead of {FORMAT}); update this one, or "
            "choose another processed_dir."
        )
    return listing if version == FORMAT and _is_listing(listing) else {}


def _is_listing(listing: dict[str, Any]) -> bool:
    columns = listing.get("columns")
    if type(columns) is not list or not columns:
        return False
    for column in columns:
        if type(column) is not dict or type(column.get("name")) is not str:
            return False
        if column.get("type") not in cells.TYPES:
            return False
    args = listing.get("args", [])
    if type(args) is not list or not {*map(type, args)} <= {str}:
        return False
    texts = (listing.get(key) for key in ("brainset", "code", "pipeline", "listed"))
    return {*map(type, texts)} <= {str, NoneType}


def read_columns(path: Path) -> list[Column]:
    listing = read_listing(path)
    if not listing:
        raise ManifestError(
            f"{schema_path(path)} does not describe the columns of {path.name}; "
            "list the assets anew with --forcerun write_manifest."
        )
    return [Column(c["name"], c["type"]) for c in listing["columns"]]
