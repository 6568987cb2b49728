"""Modules that a step imports from outside: not beside its pipeline, not installed, and
not of this project, but for those that make files from recordings (`conversion`).

Examples are a base class in a neighbouring folder, or a package installed in editable
form. They are unknown before they are imported, so the step records a hash of each, and
planning compares it with the file on disk.
"""

import os
import sys
import sysconfig
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from brainsets.jobs.code.imported_modules import imported_since
from brainsets.shared.inputs.code import EDITED, code_files, file_hash
from brainsets.shared.inputs.project_modules import PROJECT, imported_path

__all__ = ["begin", "hash_outside_modules", "remember"]

_INSTALLED = {"site-packages", "dist-packages"}
# A file server's clock may be ahead of ours.
_SKEW_S = 60

_before: frozenset[str] | None = None
_since_s = 0.0
_known: dict[str, str] = {}


def begin() -> None:
    """Remember what is imported before the pipeline is."""
    global _before, _since_s
    if _before is None:
        _before, _since_s = frozenset(sys.modules), time.time()


def remember(pipeline: Path) -> None:
    """Hash outside modules once, for processes that are forked from this one."""
    global _known
    _known = hash_outside_modules(pipeline)


def hash_outside_modules(pipeline: Path) -> dict[str, str]:
    """Return a hash of each outside module's file, by its path."""
    names = [name for name in imported_since() if name not in (_before or ())]
    files = _files(names, pipeline.parent)
    files = {file for file in files if imported_path(file) not in _known}
    if files:
        files -= {os.path.abspath(file) for file in code_files(pipeline)}
    hashes = {imported_path(file): _hash(file) for file in files}
    return dict(sorted({**_known, **hashes}.items()))


def _files(names: Iterable[str], folder: Path) -> set[str]:
    found = set()
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and name != "__main__":
            # A relative path starts at the pipeline's folder.
            file = os.path.normpath(os.path.join(folder, file))
            if file.startswith(_converters()) or not (
                file.startswith(_ours()) or _is_installed(file)
            ):
                found.add(file)
    return found


def _is_installed(file: str) -> bool:
    return file.startswith(_installed()) or not _INSTALLED.isdisjoint(file.split("/"))


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(kind) for kind in kinds}
    # Paths of modules may have their links resolved or not.
    folders |= {os.path.dirname(os.__file__)}
    folders |= {os.path.realpath(folder) for folder in folders}
    return tuple(f"{folder}{os.sep}" for folder in folders)


@lru_cache(maxsize=1)
def _converters() -> str:
    return os.path.join(PROJECT, "brainsets", "conversion", "")


@lru_cache(maxsize=1)
def _ours() -> tuple[str, ...]:
    folders = [
        *sys.modules["brainsets"].__path__,
        os.path.join(PROJECT, "brainsets"),
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
