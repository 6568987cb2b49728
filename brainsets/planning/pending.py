"""Which assets are not up to date, judged by what their sentinels say.

An asset is up to date when its DONE sentinel agrees with the manifest's row, the
pipeline's code and its arguments, and every output is there in its recorded size. Only
the others are put before Snakemake: planning then costs what is pending, not what
exists, and holds when Snakemake's own records (``.snakemake``) are lost.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from brainsets.planning.settings import Brainset
from brainsets.shared.inputs.code import file_hash
from brainsets.shared.inputs.project_modules import place_of
from brainsets.shared.inputs.raw_data import (
    first_change,
    has_lost_its_data,
    recorded_raw_data,
)
from brainsets.shared.manifest import Manifest, is_broken
from brainsets.shared.manifest_schema import read_listing
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    FAILED,
    RUNNING,
    read_sentinel,
)

__all__ = [
    "Pending",
    "has_same_imports",
    "needs_listing",
    "outdated_listing",
    "pending_assets",
]


@dataclass(frozen=True)
class Pending:
    """An asset that is not up to date.

    `reason` is for people; `stale` are states whose sentinels are there although they
    speak of something else: what Snakemake takes for finished, and is not. `fetch` says
    whether the download is to be run, too.
    """

    asset: str
    name: str
    reason: str
    stale: Sequence[str] = ()
    fetch: bool = True


def outdated_listing(brainset: Brainset) -> str | None:
    """Return why a manifest that is there is not what would be listed now, or None."""
    # Snakemake takes a link that leads nowhere for a file.
    if not os.path.lexists(brainset.folder.manifest):
        return None
    listing = read_listing(brainset.folder.manifest)
    if not listing:
        return "its schema is broken"
    if is_broken(brainset.folder.manifest):
        return "its table is broken"
    if not brainset.has_args_of(listing):
        return "arguments changed"
    same = listing.get("code") == brainset.source.code and has_same_imports(
        brainset.pipeline, listing, {}
    )
    return None if same else "code changed"


def needs_listing(brainset: Brainset) -> bool:
    """Whether the list of assets is to be made again; failed listings are."""
    failed = brainset.folder.listing_failure.exists()
    return failed or outdated_listing(brainset) is not None


def pending_assets(
    brainset: Brainset,
    manifest: Manifest,
    assets: Sequence[str],
    *,
    download_only: bool,
    existing: set[str],
) -> list[Pending]:
    """Return which of the assets are not up to date, in the given order.

    Parameters
    ----------
    existing : set of str
        Names of all files in the brainset's status folder.
    """
    found = []
    judge = _not_fetched if download_only else partial(_not_done, looked_at={})
    for asset in assets:
        name = manifest.names[asset]
        pending = judge(brainset, manifest, asset, name, existing)
        if pending is not None:
            found.append(pending)
    return found


def _not_done(
    brainset: Brainset,
    manifest: Manifest,
    asset: str,
    name: str,
    existing: set[str],
    *,
    looked_at: dict[tuple[str, str], Any],
) -> Pending | None:
    if f"{name}.{DONE}" not in existing:
        pending = _not_downloaded(brainset, manifest, asset, name, existing)
        pending = pending or _unusable_download(brainset, asset, name, existing)
        if pending is None:
            return Pending(asset, name, _unfinished(name, existing), fetch=False)
        return pending
    # Texts, as to put paths together is a fifth of all that is done here.
    done = read_sentinel(f"{brainset.folder.status}/{name}.{DONE}") or {}
    reason = _difference(brainset, manifest, asset, done, with_code=True)
    if reason is None and not has_same_imports(brainset.pipeline, done, looked_at):
        reason = "pipeline code changed"
    if reason is None:
        missing = _missing_output(brainset, done)
        if missing is None:
            return None
        reason = f"{missing} is missing or changed"
    before = _not_downloaded(brainset, manifest, asset, name, existing)
    stale = (DONE, *(before.stale if before else ()))
    return Pending(asset, name, reason, stale, before is not None)


def _not_downloaded(
    brainset: Brainset, manifest: Manifest, asset: str, name: str, existing: set[str]
) -> Pending | None:
    pending = _not_fetched(brainset, manifest, asset, name, existing)
    if pending is None and not _size(brainset.folder.handoff(name)):
        # Process would fetch it by itself, and may run where there is no network.
        reason = "what its download returned is missing"
        return Pending(asset, name, reason, (DOWNLOADED,))
    return pending


def _unusable_download(
    brainset: Brainset, asset: str, name: str, existing: set[str]
) -> Pending | None:
    """Have an asset fetched again that cannot be processed from what is there."""
    if f"{name}.{FAILED}" not in existing:
        return None
    failed = read_sentinel(brainset.folder.sentinel(name, FAILED)) or {}
    downloaded = read_sentinel(brainset.folder.sentinel(name, DOWNLOADED)) or {}
    raw_dir = brainset.raw_dir / brainset.id
    if not has_lost_its_data(failed, downloaded, raw_dir):
        return None
    reason = "failed on what an earlier run has fetched"
    return Pending(asset, name, reason, (DOWNLOADED,))


def _not_fetched(
    brainset: Brainset, manifest: Manifest, asset: str, name: str, existing: set[str]
) -> Pending | None:
    if f"{name}.{DOWNLOADED}" not in existing:
        return Pending(asset, name, _unfinished(name, existing))
    downloaded = read_sentinel(brainset.folder.sentinel(name, DOWNLOADED)) or {}
    # What was skipped may be understood by other code.
    skipped = downloaded.get("skipped") is not None
    reason = _difference(brainset, manifest, asset, downloaded, with_code=skipped)
    if skipped and reason is None:
        if not has_same_imports(brainset.pipeline, downloaded, {}):
            reason = "pipeline code changed"
    reason = reason or _missing_raw_file(downloaded)
    return Pending(asset, name, reason, (DOWNLOADED,)) if reason else None


def _unfinished(name: str, existing: set[str]) -> str:
    if f"{name}.{FAILED}" in existing:
        return "failed before"
    if f"{name}.{RUNNING}" in existing:
        return "was interrupted"
    if f"{name}.{DOWNLOADED}" in existing:
        return "downloaded"
    return "new"


def _difference(
    brainset: Brainset,
    manifest: Manifest,
    asset: str,
    record: Mapping[str, Any],
    *,
    with_code: bool,
) -> str | None:
    if not record:
        return "its status file is broken"
    if not brainset.has_args_of(record):
        return "arguments changed"
    if record.get("row") != manifest.row_hash(asset):
        return "its row changed"
    if with_code and record.get("code") != brainset.source.code:
        return "pipeline code changed"
    return None


def _missing_raw_file(downloaded: Mapping[str, Any]) -> str | None:
    found = first_change(*recorded_raw_data(downloaded))
    if found is None:
        return None
    return f"raw file {os.path.basename(found[0])} is missing or changed"


def _missing_output(brainset: Brainset, done: Mapping[str, Any]) -> str | None:
    for output in done.get("outputs") or ():
        if _size(f"{brainset.folder.root}/{output['path']}") != output["bytes"]:
            return str(output["path"])
    return None


def _size(path: str | os.PathLike[str]) -> int | None:
    """Return the size of a file, None of anything else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def has_same_imports(
    pipeline: Path, record: Mapping[str, Any], looked_at: dict[tuple[str, str], Any]
) -> bool:
    """Whether the modules are the same that a step imported from other folders.

    Parameters
    ----------
    pipeline : Path
        The pipeline's file, which may have been moved since.
    record : mapping
        What the step has left.
    looked_at : dict
        What is there now, as far as it was looked at: most assets share all of it.
    """
    imported = record.get("imported", {})
    if not imported:
        # Those of earlier versions say nothing.
        return isinstance(imported, dict)
    if not isinstance(imported, dict):
        return False
    before = record.get("pipeline")
    before = before if isinstance(before, str) else str(pipeline)
    for path, known in imported.items():
        if (before, path) not in looked_at:
            looked_at[before, path] = _hash_now(pipeline, before, path)
        if known != looked_at[before, path]:
            return False
    return True


def _hash_now(pipeline: Path, before: str, path: str) -> str | None:
    """Return the hash of a module that was imported, None if it is not there any more.

    It may have been moved together with the pipeline.
    """
    try:
        if os.path.isabs(path):
            relative = os.path.relpath(path, os.path.dirname(before))
            places = [os.path.normpath(pipeline.parent / relative), path]
        else:
            places = [place_of(path)]
        for place in places:
            if os.path.isfile(place):
                status = os.stat(place)
                return _hashed(place, status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        pass
    return None


@lru_cache(maxsize=1024)
def _hashed(path: str, *identity: int) -> str:
    return file_hash(Path(path))
