"""Which recordings a dandiset has: its version, and a row for each NWB file."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from brainsets.archives.dandi.archive import DRAFT, Asset, DandiArchive
from brainsets.errors import DownloadError, ManifestError
from brainsets.shared.manifest import find_row, read_manifest

__all__ = [
    "COLUMNS",
    "chosen_version",
    "earlier_version",
    "is_wanted",
    "nwb_rows",
    "recording_ids",
]

COLUMNS = "dandiset version path subject session size sha256 etag".split()
"""What a row says of a recording. What changes though the data do not, such as the id
and the dates of an asset, is not among it."""

_NWB = re.compile(r"\.nwb(?:\.zarr)?$", re.I)
_ENTITY = r"(?:^|[/_]){}-([^_/]+)"
# With what is added to it, a file may be named after it.
_MAX_ID_BYTES = 150
_KEPT_LETTERS = 30


def earlier_version(manifest: Path | None, dandiset: str) -> str | None:
    """Return the version that an earlier manifest lists of a dandiset, if it does."""
    if manifest is None:
        return None
    try:
        names = read_manifest(manifest).names
        first = next(iter(names), None)
        row = find_row(manifest, names[first]).row() if first is not None else None
    except ManifestError:
        # It is about to be replaced.
        return None
    if row is None or str(getattr(row, "dandiset", "")) != dandiset:
        return None
    version = getattr(row, "version", None)
    return version if isinstance(version, str) else None


def chosen_version(
    archive: DandiArchive,
    dandiset: str,
    asked: str | None,
    earlier: str | None,
    tell: Callable[[str], object],
) -> str:
    """Return the version to take, and tell what a user may want to know of that.

    It is the one that is asked for; else that of the last time; else the newest that is
    published; else the draft.
    """
    if asked is not None:
        return asked
    newest = archive.dandiset(dandiset).newest
    if earlier is not None:
        if newest is not None and newest != earlier:
            tell(
                f"dandiset {dandiset} stays at version {earlier}, which was listed "
                f"before; the newest is {newest}: name dandi:{dandiset}@{newest} to "
                "take it."
            )
        return earlier
    if newest is None:
        tell(
            f"dandiset {dandiset} was never published: its {DRAFT} is taken, which may "
            "change."
        )
        return DRAFT
    return newest


def nwb_rows(archive: DandiArchive, dandiset: str, version: str) -> list[dict]:
    """Return a row for each NWB file of a version, by path; see `COLUMNS`.

    Raises
    ------
    DownloadError
        It has none.
    """
    found = archive.assets(dandiset, version, "*.nwb*")
    assets = [asset for asset in found if _NWB.search(asset.path)]
    if not assets:
        raise DownloadError(
            f"version {version} of dandiset {dandiset} has no NWB files."
        )
    return [_row(dandiset, version, asset) for asset in assets]


def _row(dandiset: str, version: str, asset: Asset) -> dict[str, Any]:
    values = (
        dandiset,
        version,
        asset.path,
        asset.subject or _entity(asset.path, "sub"),
        asset.session or _entity(asset.path, "ses"),
        asset.size,
        asset.sha256 or "",
        asset.etag or "",
    )
    return dict(zip(COLUMNS, values))


def _entity(path: str, name: str) -> str:
    """Return what a path says, as ``sub-A/sub-A_ses-1.nwb`` of ``ses``; the last."""
    found = re.findall(_ENTITY.format(name), _NWB.sub("", path))
    return found[-1] if found else ""


def is_wanted(
    row: dict[str, Any], paths: Sequence[str], subjects: Sequence[str]
) -> bool:
    """Whether a row's path and its subject are like one of the patterns, if any."""
    named = {row["subject"], _entity(row["path"], "sub")}
    return (
        not paths or any(fnmatchcase(row["path"], pattern) for pattern in paths)
    ) and (
        not subjects
        or any(
            fnmatchcase(name, pattern.removeprefix("sub-"))
            for pattern in subjects
            for name in named
        )
    )


def recording_ids(paths: Sequence[str]) -> dict[str, str]:
    """Return an id for the recording at each path, all different, also in lower case.

    It is the file's name without its ending; where several files have that name, the
    folders stand before it.
    """
    forms = {path: _forms(path) for path in paths}
    chosen: dict[str, str] = {}
    left = list(paths)
    for level in range(3):
        names = {path: forms[path][level] for path in left}
        count = Counter(name.lower() for name in names.values())
        taken = {id.lower() for id in chosen.values()}
        for path, name in names.items():
            if count[name.lower()] == 1 and name.lower() not in taken:
                chosen[path] = name
        left = [path for path in left if path not in chosen]
    return {path: chosen[path] for path in paths}


def _forms(path: str) -> list[str]:
    """Return ids for a path, each longer than the one before; the last is unique."""
    name = _NWB.sub("", path)
    whole = name.replace("/", "_")
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    forms = [name.rpartition("/")[2], whole]
    fit = [
        form
        if form and len(form.encode("utf-8", "surrogatepass")) <= _MAX_ID_BYTES
        else f"{form[:_KEPT_LETTERS]}_{digest}"
        for form in forms
    ]
    return [*fit, f"{whole[:_KEPT_LETTERS]}_{digest}"]
