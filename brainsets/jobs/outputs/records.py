"""The record of an asset: the paths that it has published or is about to publish.

It is written before the first file is moved, so that every published file is in a
record even if the process is killed half-way; DONE is written last.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from brainsets.shared.files import read_object
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.state.sentinels import DONE, read_sentinel, write_sentinel

__all__ = ["done_paths", "read_record", "recorded_names", "write_record"]

_SUFFIX = ".json"


def read_record(folder: BrainsetFolder, name: str) -> set[str] | None:
    """Return the paths of an asset's record, None if there is none to be read."""
    record = read_object(folder.record(name))
    paths = record.get("paths") if record is not None else None
    if not isinstance(paths, list):
        return None
    possible = set(_inside_folder(paths))
    return possible if len(possible) == len(paths) else None


def write_record(
    folder: BrainsetFolder,
    name: str,
    asset: str,
    paths: Iterable[str],
    *,
    durable: bool,
) -> None:
    """Write an asset's record.

    It is on disk when this returns if `durable`, else when DONE is flushed at the
    latest.
    """
    path = folder.record(name)
    record = {"asset": asset, "paths": sorted(paths)}
    write_sentinel(path, record, durable=durable)
    if not durable and hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            # Linux starts to write it out now; flushing DONE waits for that.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def recorded_names(folder: BrainsetFolder) -> Iterator[str]:
    """Yield the names of all assets that have a record."""
    for file in os.listdir(folder.outputs):
        if file.endswith(_SUFFIX) and not file.startswith("."):
            yield file.removesuffix(_SUFFIX)


def done_paths(folder: BrainsetFolder, name: str) -> set[str] | None:
    """Return the paths that an asset's DONE lists, None if it is not DONE."""
    done = read_sentinel(folder.sentinel(name, DONE))
    if done is None:
        return None
    outputs = done.get("outputs")
    if not isinstance(outputs, list):
        return set()
    return set(_inside_folder(o.get("path") for o in outputs if isinstance(o, dict)))


def _inside_folder(paths: Iterable[Any]) -> Iterator[str]:
    """Yield the paths within the brainset's folder that are not the workflow's."""
    for path in paths:
        if isinstance(path, str) and "\0" not in path:
            parts = path.split("/")
            if parts[0] != WORKFLOW_FOLDER and not {"", ".", ".."} & {*parts}:
                yield path
