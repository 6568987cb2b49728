"""Which files and folders on disk a value names, whatever it is made of."""

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
# Beyond these nobody looks whether a file is still there.
_MAX_FILES = 20_000


@dataclass
class RawData:
    """Files with their sizes in bytes; folders with the number of files below them.

    Of what is in folders, `files` has the first ones, and `size` everything.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def as_record(self) -> dict[str, Any]:
        """Return what a sentinel tells of them."""
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
        The brainset's raw folder. Of folders, only those in it are looked into: it
        itself is what all assets share, and whatever is elsewhere is not known to be
        of the download.
    """
    found, root = RawData(), os.path.abspath(raw_dir)
    try:
        for path in _paths(value):
            _add(path, root, found)
            if path[:1] != "/":
                # What an archive calls its files, as process may do, too.
                _add(f"{root}/{path}", root, found, inside_only=True)
    except Exception as error:
        # Objects may do anything when they are looked at.
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
                # A link to what is not there, as git-annex leaves them.
                continue
            if path in found.files or not stat.S_ISREG(status.st_mode):
                continue
            found.size += status.st_size
            if count <= MAX_LISTED_FILES:
                found.files[path] = status.st_size
    found.folders[folder] = count


def _paths(value: Any) -> Iterator[str]:
    """Yield every text in a value that may be a path, as one."""
    # Each thing once, as objects may hold one another. They are kept, so that no other
    # one gets the number of one that is gone.
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
    """Return what a value is made of, as far as a path may be in it."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [*value, *getattr(value, "__dict__", {}).values()]
    package = type(value).__module__.partition(".")[0]
    if package == "pandas" and hasattr(value, "columns"):
        return [value.index, *(value[name] for name in value.columns)]
    if package in ("numpy", "pandas") and hasattr(value, "tolist"):
        # Numbers name nothing.
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
