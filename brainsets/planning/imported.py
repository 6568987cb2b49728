"""Whether what a step has imported from elsewhere is still what lies there."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from brainsets.shared.inputs.code import file_hash

__all__ = ["has_same_imports"]


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
        return imported == {}
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
        relative = os.path.relpath(path, os.path.dirname(before))
        moved = os.path.normpath(pipeline.parent / relative)
        for place in (moved, path):
            if os.path.isfile(place):
                status = os.stat(place)
                return _hashed(place, status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        pass
    return None


@lru_cache(maxsize=1024)
def _hashed(path: str, *identity: int) -> str:
    return file_hash(Path(path))
