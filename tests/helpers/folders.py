"""What is in a folder while processes of a run may still tidy up in it."""

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["files_below"]


def files_below(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the files below a folder, sorted within each folder.

    The server of warm steps ends after Snakemake and takes its empty staging folders
    with it: `Path.rglob` raises when one goes while it looks, and this does not.
    """
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names))
