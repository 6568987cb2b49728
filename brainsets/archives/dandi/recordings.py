"""Which recordings a dandiset has: its version, and a row for each NWB file."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from brainsets.archives import versions
from brainsets.archives.dandi.archive import DRAFT, Asset, DandiArchive
from brainsets.archives.recording_ids import is_like
from brainsets.errors import DownloadError

__all__ = [
    "COLUMNS",
    "chosen_version",
    "is_wanted",
    "nwb_rows",
    "without_ending",
]

COLUMNS = "dandiset version path subject session size sha256 etag".split()
"""What a row says of a recording. What changes though the data do not, such as the id
and the dates of an asset, is not among it."""

_NWB = re.compile(r"\.nwb(?:\.zarr)?$", re.I)
_ENTITY = r"(?:^|[/_]){}-([^_/]+)"


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
    version = versions.chosen_version(
        f"dandiset {dandiset}",
        f"dandi:{dandiset}",
        asked=asked,
        earlier=earlier,
        newest=lambda: archive.dandiset(dandiset).newest,
        tell=tell,
    )
    if version is None:
        tell(
            f"dandiset {dandiset} was never published: its {DRAFT} is taken, which may "
            "change."
        )
    return version or DRAFT


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
    found = re.findall(_ENTITY.format(name), without_ending(path))
    return found[-1] if found else ""


def is_wanted(
    row: dict[str, Any], paths: Sequence[str], subjects: Sequence[str]
) -> bool:
    """Whether a row's path and its subject are like one of the patterns, if any."""
    named = {row["subject"], _entity(row["path"], "sub")}
    return is_like(row["path"], paths) and is_like(
        named, [pattern.removeprefix("sub-") for pattern in subjects]
    )


def without_ending(path: str) -> str:
    """Return what of a path is the recording's name."""
    return _NWB.sub("", path)
