"""One table of what came out of a brainset."""

from typing import Any

from brainsets.shared import cells
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.sentinels import (
    DOWNLOADED,
    asset_state,
    read_sentinel,
    write_atomically,
)

__all__ = ["COLUMNS", "write_summary"]

COLUMNS = (
    "asset",
    "state",
    "outputs",
    "bytes",
    "download_wall_s",
    "download_cpu_s",
    "process_wall_s",
    "process_cpu_s",
    "max_rss_mb",
    "attempt",
    "host",
    "ended",
    "error",
)
"""Columns of ``summary.tsv``.

Bytes are those of all outputs together, times are in seconds, ``max_rss_mb`` is the
larger peak of both steps in MB, and ``outputs`` are paths relative to the brainset's
folder, separated by semicolons."""


def write_summary(folder: BrainsetFolder) -> None:
    """Write ``summary.tsv``: a line per asset of the manifest, in its order."""
    manifest = read_manifest(folder.manifest)
    lines = ["\t".join(COLUMNS)]
    for asset, name in manifest.names.items():
        fields = _fields(folder, asset, name)
        lines.append("\t".join(cells.escape(str(fields[c])) for c in COLUMNS))
    write_atomically(folder.summary, "".join(f"{line}\n" for line in lines).encode())


def _fields(folder: BrainsetFolder, asset: str, name: str) -> dict[str, Any]:
    state, record = asset_state(folder, name)
    downloaded = read_sentinel(folder.sentinel(name, DOWNLOADED)) or {}
    processed = record if record.get("step") == "process" else {}
    outputs = record.get("outputs", [])
    last = (record.get("attempts") or [{}])[-1]
    peaks = [downloaded.get("max_rss_mb", 0), record.get("max_rss_mb", 0)]
    message = str(last.get("message", "")).partition("\n")[0]
    return {
        "asset": asset,
        "state": state,
        "outputs": ";".join(output["path"] for output in outputs),
        "bytes": sum(output["bytes"] for output in outputs),
        "download_wall_s": downloaded.get("wall_s", ""),
        "download_cpu_s": downloaded.get("cpu_s", ""),
        "process_wall_s": processed.get("wall_s", ""),
        "process_cpu_s": processed.get("cpu_s", ""),
        "max_rss_mb": max(peaks) or "",
        "attempt": record.get("attempt", ""),
        "host": record.get("host", ""),
        "ended": record.get("ended", ""),
        "error": f"{last['error']}: {message}" if last.get("error") else "",
    }
