"""What a version of a dandiset says of itself, kept beside its files."""

import json
from pathlib import Path
from typing import Any

from brainsets.archives.dandi.archive import DandiArchive
from brainsets.shared.files import write_atomically

__all__ = ["description", "fetch_description"]


def fetch_description(
    archive: DandiArchive, folder: Path, dandiset: str, version: str
) -> None:
    """Put what a version says of itself into a folder, in place of what is there.

    Raises
    ------
    DownloadError
        There is no such version; those that there are are named.
    """
    metadata = archive.metadata(dandiset, version)
    text = json.dumps(metadata, indent=1, ensure_ascii=False)
    file = _file(folder, dandiset, version)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text.encode())


def description(
    archive: DandiArchive, folder: Path, dandiset: str, version: str
) -> dict[str, str]:
    """Return what there is to say of where the data of a version come from.

    It is fetched if it is not in the folder.

    Returns
    -------
    dict
        ``source`` (an address), ``origin_version`` and, as far as they are known,
        ``description`` (its name), ``doi``, ``license``, ``citation``, ``contributors``
        and ``summary``.
    """
    file = _file(folder, dandiset, version)
    try:
        metadata = json.loads(file.read_bytes())
    except (OSError, ValueError):
        fetch_description(archive, folder, dandiset, version)
        metadata = json.loads(file.read_bytes())
    found = {
        "source": _text(metadata.get("url"))
        or f"{archive.url}/dandisets/{dandiset}/versions/{version}/",
        "origin_version": version,
        "dandiset": dandiset,
        "description": _text(metadata.get("name")),
        "summary": _text(metadata.get("description")),
        "doi": _text(metadata.get("doi")),
        "license": _text(metadata.get("license")),
        "citation": _text(metadata.get("citation")),
        "contributors": _names(metadata.get("contributor")),
    }
    return {key: value for key, value in found.items() if value}


def _file(folder: Path, dandiset: str, version: str) -> Path:
    return folder / f"dandiset_{dandiset}_{version}.json"


def _text(value: Any) -> str:
    """Return text, or several texts as one."""
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, value)))
    return value if isinstance(value, str) else ""


def _names(records: Any) -> str:
    """Return the names of those who are to be cited."""
    if not isinstance(records, list):
        return ""
    found = [
        _text(record.get("name"))
        for record in records
        if isinstance(record, dict) and record.get("includeInCitation", True)
    ]
    return "; ".join(filter(None, found))
