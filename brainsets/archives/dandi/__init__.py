"""Dandisets: what DANDI tells of them, and their files."""

from brainsets.archives.dandi.archive import (
    DRAFT,
    Asset,
    DandiArchive,
    Dandiset,
    local_path,
)

__all__ = ["DRAFT", "Asset", "DandiArchive", "Dandiset", "local_path"]
