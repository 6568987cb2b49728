"""Find the files and folders that a value of any type names."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from brainsets.shared.inputs.raw_data import MAX_LISTED_FILES, is_data_name

__all__ = ["RawData", "raw_data"]

_MAX_DEPTH = 6
# Of more files, it is not checked whether they are still there.
_MAX_FILES = 20_000


@dataclass
class RawData:
    """Files with their sizes in bytes; folders with the number of files below them.

    `files` has the first files of each folder, `size` counts all of them.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def as_record(self) -> dict[str, Any]:
        """Return the keys of a sentinel that list them."""
        files = list(self.files.items())[:MAX_LISTED_FILES]
        folders = list(self.folders.items())[:MAX_LISTED_FILES]
        named = self.files or self.folders
        return {
            "raw_bytes": self.size if named else None,
            "raw_files": [{"path": path, "bytes": size} for path, size in files],
            "raw_folders": [{"path": path, "files": count} for path, count in folders],
        }


def raw_data(value: Any, raw_dir: Path) -> RawData:
    """Return the files that a value names, and the folders of raw data.

    Parameters
    ----------
    value : object
        What download returned, and what it set on the instance.
    raw_dir : Path
        The brainset's raw folder. Only folders inside it are searched: it itself is
        shared by all assets, and folders elsewhere may not belong to the download.
    """
    found, root = RawData(), os.path.abspath(raw_dir)
    try:
        for path in _paths(value):
            _add(path, root, found)
            if path[:1] != "/":
                # Archives name files relative to the raw folder.
                _add(f"{root}/{path}", root, found, inside_only=True)
    except Exception as error:
        # Objects may raise anything when inspected.
        print(f"not all files are known that download named: {type(error).__name__}")
    return found


def _add(path: str, root: str, found: RawData, *, inside_only: bool = False) -> None:
    try:
        status = os.stat(path)
        path = os.path.abspath(path)
    except (OSError, ValueError):
        return
    if path in found.files or path in found.folders:
        return
    if inside_only and not _is_below(root, path):
        return
    if stat.S_ISREG(status.st_mode):
        found.size += status.st_size
        if len(found.files) < _MAX_FILES:
            found.files[path] = status.st_size
    elif stat.S_ISDIR(status.st_mode) and _is_below(root, path):
        _add_folder(path, found)


def _is_below(root: str, path: str) -> bool:
    if path.startswith(f"{root}/"):
        return True
    return path.startswith(f"{os.path.realpath(root)}/")


def _add_folder(folder: str, found: RawData) -> None:
    count = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(filter(is_data_name, folders))
        for name in sorted(filter(is_data_name, names)):
            count += 1
            path = os.path.join(parent, name)
            try:
                status = os.stat(path)
            except OSError:
                # A broken link, as git-annex leaves them.
                continue
            if path in found.files or not stat.S_ISREG(status.st_mode):
                continue
            found.size += status.st_size
            if count <= MAX_LISTED_FILES:
                found.files[path] = status.st_size
    found.folders[folder] = count


def _paths(value: Any) -> Iterator[str]:
    """Yield every text in a value that may be a path."""
    # Each object once, as objects may refer to one another. They are kept alive, so
    # that no id is used again.
    seen: dict[int, Any] = {}
    left = [(value, 0)]
    while left:
        value, depth = left.pop()
        if isinstance(value, (str, os.PathLike)):
            yield from _as_path(value)
            continue
        if depth > _MAX_DEPTH or id(value) in seen:
            continue
        seen[id(value)] = value
        left += [(part, depth + 1) for part in _parts(value)][::-1]


def _as_path(value: Any) -> Iterator[str]:
    text = os.fspath(value)
    if not isinstance(text, str):
        text = os.fsdecode(text)
    if text.startswith("file:"):
        yield url2pathname(urlsplit(text).path)
    elif text.startswith("~"):
        yield os.path.expanduser(text)
    yield text


def _parts(value: Any) -> list[Any]:
    """Return the parts of a value in which a path may be."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return [*value, *getattr(value, "__dict__", {}).values()]
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    package = type(value).__module__.partition(".")[0]
    if package == "pandas" and hasattr(value, "columns"):
        return [value.index, *(value[name] for name in value.columns)]
    if package in ("numpy", "pandas") and hasattr(value, "tolist"):
        # Numbers are no paths.
        numeric = getattr(getattr(value, "dtype", None), "kind", "O") in "biufcmM"
        parts = [] if numeric else value.tolist()
        index = getattr(value, "index", None)
        return [*parts, *([] if index is None or callable(index) else [index])]
    if isinstance(value, (type, ModuleType)):
        return []
    names = [n for kind in type(value).__mro__ for n in _slots(kind)]
    parts = [getattr(value, name) for name in names if hasattr(value, name)]
    return [*parts, *getattr(value, "__dict__", {}).values()]


def _slots(kind: type) -> list[str]:
    slots = kind.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    return [n for n in names if n not in ("__dict__", "__weakref__")]
