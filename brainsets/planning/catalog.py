"""Find a pipeline by name or path, without importing anything."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

# Unlike those of Path, these say no where a name is too long or a folder is closed.
from os.path import isdir, isfile
from pathlib import Path

from brainsets.errors import SettingsError
from brainsets.shared.selection import nearest

__all__ = ["Entry", "catalog", "find_pipeline"]

_SHIPPED = Path(__file__).resolve().parents[1] / "pipelines"
# Where published packages keep theirs, seen from a folder of installed packages.
_INSTALLED = {
    "brainsets": "brainsets_pipelines",
    "torch_brain": "torch_brain/pipeline/brainsets-pipelines",
}


@dataclass(frozen=True)
class Entry:
    """A pipeline that can be named, its file, and where it comes from."""

    name: str
    path: Path
    source: str


def _in_folder(folder: Path, source: str) -> Iterator[Entry]:
    for path in sorted(folder.glob("*/pipeline.py")):
        if not path.parent.name.startswith((".", "_")):
            yield Entry(path.parent.name, path, source)


def catalog() -> dict[str, Entry]:
    """Return all pipelines that can be named, by name; what is shipped goes first."""
    entries = list(_in_folder(_SHIPPED, "shipped"))
    for folder in map(Path, sys.path):
        for package, inside in _INSTALLED.items():
            entries += _in_folder(folder / inside, f"installed with {package}")
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.name, entry)
    return found


def find_pipeline(spec: str) -> Path:
    """Return the file of a pipeline that is given by name, by folder or by file.

    Raises
    ------
    SettingsError
        There is no such name and no such path.
    """
    if not any(char in spec for char in "/\\") and spec not in (".", ".."):
        shipped = _SHIPPED / spec / "pipeline.py"
        if isfile(shipped):
            return shipped
        entry = catalog().get(spec)
        if entry is not None:
            return entry.path
    path = Path(spec).expanduser()
    if isfile(path):
        return path.absolute()
    if isfile(path / "pipeline.py"):
        return (path / "pipeline.py").absolute()
    if isdir(path):
        raise SettingsError(
            f"the folder {spec} holds no pipeline.py; "
            "name a folder with one, or a file."
        )
    known = [*catalog(), *(found.parent.name for found in Path().glob("*/pipeline.py"))]
    if path.parent.is_dir() and path.parent != Path():
        known = [str(path.parent / other.name) for other in path.parent.iterdir()]
    hint = nearest(spec, known) or (
        "see 'python -m brainsets list' for the names, or give the path of a folder."
    )
    raise SettingsError(
        f"there is no pipeline named {spec!r}, and no such file or folder; {hint}"
    )
