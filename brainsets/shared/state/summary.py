"""``summary.tsv``: one line for each asset of a brainset."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from brainsets.errors import ManifestError
from brainsets.shared.files import read_regular, write_atomically
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.state.asset_state import asset_state
from brainsets.shared.state.sentinels import DOWNLOADED, PENDING, read_sentinel
from brainsets.shared.text.escapes import escape
from brainsets.shared.text.lines import MAX_LINE_LENGTH, cut_end, first_line
from brainsets.shared.text.streams import print_to_stderr

__all__ = ["COLUMNS", "summarize_run", "summary_rows", "write_summary"]

COLUMNS = (
    "asset",
    "state",
    "outputs",
    "bytes_in",
    "bytes_out",
    "download_wall_s",
    "download_cpu_s",
    "process_wall_s",
    "process_cpu_s",
    "max_rss_mb",
    "attempts",
    "host",
    "ended",
    "error",
)
"""Columns of ``summary.tsv``.

``bytes_in`` are those of the raw files that the download named, ``bytes_out`` those of
all outputs together, times are in seconds, ``max_rss_mb`` is the larger peak of both
steps in MB, and ``outputs`` are paths relative to the brainset's folder, separated by
semicolons. ``error`` is why it has failed, or was skipped. Unknown values are
empty."""


def summary_rows(
    folder: BrainsetFolder, read: Callable[[Path], Manifest] = read_manifest
) -> Iterator[dict[str, Any]]:
    """Yield a mapping from column to value per asset, in the order of the manifest.

    Raises
    ------
    ManifestError
        There is no manifest, or it cannot be read.
    """
    manifest = read(folder.manifest)
    begun, existing = _begun(folder, manifest)
    for asset in manifest.rows:
        if asset in begun:
            yield _row(folder, asset, begun[asset], existing)
        else:
            yield {**_NOTHING, "asset": asset}


_NOTHING = {**dict.fromkeys(COLUMNS, ""), "state": PENDING}
"""The line of an asset that was not started."""


def _begun(
    folder: BrainsetFolder, manifest: Manifest
) -> tuple[dict[str, str], set[str]]:
    """Return the names of assets that have sentinels, by id, and all sentinels."""
    existing = folder.sentinel_files()
    names = {file.rpartition(".")[0] for file in existing}
    ids = ((manifest.names.asset(name), name) for name in names)
    return {asset: name for asset, name in ids if asset is not None}, existing


def write_summary(
    folder: BrainsetFolder, read: Callable[[Path], Manifest] = read_manifest
) -> None:
    """Write ``summary.tsv``: a line per asset of the manifest, in its order.

    A table that says the same already stays as it is.
    """
    manifest = read(folder.manifest)
    begun, existing = _begun(folder, manifest)
    lines = ["\t".join(COLUMNS)]
    # Of half a million assets, nearly all may be pending.
    nothing = "".join(f"\t{_NOTHING[column]}" for column in COLUMNS[1:])
    for asset in manifest.rows:
        if asset in begun:
            row = _row(folder, asset, begun[asset], existing)
            lines.append("\t".join(escape(str(row[c])) for c in COLUMNS))
        else:
            lines.append(escape(asset) + nothing)
    content = "".join(f"{line}\n" for line in lines).encode()
    try:
        if read_regular(folder.summary) == content:
            return
    except OSError:
        pass
    write_atomically(folder.summary, content)


def summarize_run(
    brainsets: Iterable[Any], read: Callable[[Path], Manifest] = read_manifest
) -> None:
    """Write the summary of each brainset of a run that has ended, however it ended.

    Snakemake does not run a rule behind a job that has failed.
    """
    for brainset in brainsets:
        folder = brainset.folder
        if not folder.manifest.exists():
            continue
        try:
            write_summary(folder, read)
        except (OSError, ManifestError) as error:
            # The results are not affected, and `status` shows them.
            print_to_stderr(f"brainsets: {folder.summary} is not written: {error}")


def _row(
    folder: BrainsetFolder, asset: str, name: str, existing: set[str]
) -> dict[str, Any]:
    state, record = asset_state(folder, name, existing)
    downloaded: dict[str, Any] = {}
    if f"{name}.{DOWNLOADED}" in existing:
        downloaded = read_sentinel(folder.sentinel(name, DOWNLOADED)) or {}
    # A failed download has a FAILED alone.
    steps = {"download": downloaded, record.get("step"): record}
    outputs = record.get("outputs")
    sizes = None if outputs is None else sum(output["bytes"] for output in outputs)
    last = (record.get("attempts") or [{}])[-1]
    peaks = [step.get("max_rss_mb") or 0 for step in steps.values()]
    message = cut_end(
        str(last.get("message") or "").partition("\n")[0], MAX_LINE_LENGTH
    )
    error = f"{last['error']}: {message}" if last.get("error") else None
    if record.get("skipped") is not None:
        error = f"skipped: {first_line(record['skipped'])}"
    row = {
        "asset": asset,
        "state": state,
        "outputs": ";".join(output["path"] for output in outputs or ()),
        "bytes_in": steps["download"].get("raw_bytes"),
        "bytes_out": sizes,
        "max_rss_mb": max(peaks) or None,
        "attempts": record.get("attempt"),
        "host": record.get("host"),
        "ended": record.get("ended"),
        "error": error,
    }
    for step in ("download", "process"):
        for measure in ("wall_s", "cpu_s"):
            row[f"{step}_{measure}"] = steps.get(step, {}).get(measure)
    return {key: "" if value is None else value for key, value in row.items()}
