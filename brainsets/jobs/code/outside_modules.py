"""Modules that a step has imported from elsewhere: neither beside its pipeline, nor
installed, nor ours.

Nobody knows of them before they are imported: a base class in the folder next door, an
installation that leads to a folder of sources. So a step writes down what it has
imported, with a hash of each, and planning looks whether that is still what lies there.
"""

import os
import sys
import sysconfig
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from brainsets.jobs.code.imported_modules import imported_since
from brainsets.jobs.edits import EDITED
from brainsets.shared.inputs.code import code_files, file_hash

__all__ = ["begin", "hash_outside_modules", "remember"]

_INSTALLED = {"site-packages", "dist-packages"}
# A file server's clock may be ahead of ours.
_SKEW_S = 60

_before: frozenset[str] | None = None
_since_s = 0.0
_known: dict[str, str] = {}


def begin() -> None:
    """Take note that a pipeline is imported from now on."""
    global _before, _since_s
    if _before is None:
        _before, _since_s = frozenset(sys.modules), time.time()


def remember(pipeline: Path) -> None:
    """Look at what was imported, for processes that are forked from this one."""
    global _known
    _known = hash_outside_modules(pipeline)


def hash_outside_modules(pipeline: Path) -> dict[str, str]:
    """Return a hash of each file that was imported from elsewhere, by its path."""
    names = [name for name in imported_since() if name not in (_before or ())]
    files = _files(names, pipeline.parent) - {*_known}
    if files:
        files -= {os.path.abspath(file) for file in code_files(pipeline)}
    return dict(sorted({**_known, **{file: _hash(file) for file in files}}.items()))


def _files(names: Iterable[str], folder: Path) -> set[str]:
    found = set()
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and name != "__main__":
            # A relative one starts at the pipeline's folder, as its path did.
            file = os.path.normpath(os.path.join(folder, file))
            if not (file.startswith(_ours()) or _is_installed(file)):
                found.add(file)
    return found


def _is_installed(file: str) -> bool:
    return file.startswith(_installed()) or not _INSTALLED.isdisjoint(file.split("/"))


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(kind) for kind in kinds}
    # With links or without them, as they are in the paths of modules.
    folders |= {os.path.dirname(os.__file__)}
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(f"{folder}{os.sep}" for folder in folders)


@lru_cache(maxsize=1)
def _ours() -> tuple[str, ...]:
    folders = [
        *sys.modules["brainsets"].__path__,
        os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    ]
    return tuple(f"{os.path.abspath(folder)}{os.sep}" for folder in folders)


def _hash(file: str) -> str:
    try:
        changed_s = os.stat(file).st_ctime
        if _since_s <= changed_s <= time.time() + _SKEW_S:
            return EDITED
        return file_hash(Path(file))
    except OSError:
        return EDITED
