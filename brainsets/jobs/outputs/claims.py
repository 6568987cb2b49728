"""Which asset each file or folder of a brainset belongs to.

A folder with files of one asset alone, such as a zarr array, is claimed as a whole; of
a folder that several share, each member is claimed. So there are about as many claims
as assets, however many files these have. Claims are stored in small files by a hash of
the path, so that the cost of finding one does not grow with their number. All can be
rebuilt from the records and DONE sentinels of the assets.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from brainsets.errors import OutputError
from brainsets.jobs.outputs.records import (
    done_paths,
    read_record,
    recorded_names,
    write_record,
)
from brainsets.shared.files import read_regular
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.state.sentinels import DONE
from brainsets.shared.text.asset_names import AssetNames, asset_name, decoded_id

__all__ = ["BrokenClaimsError", "Claims"]

_SHARED = ""
# Files of the owner of one path each, in versions that had no records.
_OLD = ".owner"


class BrokenClaimsError(Exception):
    """The claims on disk cannot be read; they have to be removed and rebuilt."""


class Claims:
    """The claims of a brainset, read lazily; to be used under the publishing lock."""

    def __init__(self, folder: BrainsetFolder) -> None:
        self._folder = folder
        self._index = folder.outputs / "index"
        self._known: dict[str, dict[str, str]] = {}
        self._new: dict[str, str] = {}
        # On a file system that ignores case, so do paths.
        self.normalize: Callable[[str], str] = str
        if os.path.lexists(folder.workflow.with_name(folder.workflow.name.upper())):
            self.normalize = str.casefold

    @cached_property
    def _names(self) -> AssetNames:
        return read_manifest(self._folder.manifest).names

    def owner(self, path: str) -> str | None:
        """Return the name of the asset that has claimed a path, None if none has."""
        path, end = self.normalize(path), 0
        while end >= 0:
            end = path.find("/", end + 1)
            owner = self._owner(path if end < 0 else path[:end])
            if owner != _SHARED:
                return owner
        return None

    def claim(self, name: str, asset: str, paths: Iterable[str]) -> set[str]:
        """Claim paths for an asset, in memory until `save`.

        Files of another asset are taken over if that is no longer in the manifest, or
        is not DONE; then all its files in the same folder are, as half a result is
        none.

        Returns
        -------
        set of str
            All paths that are taken over.

        Raises
        ------
        OutputError
            A path belongs to another asset, or would be both file and folder.
        """
        taken: set[str] = set()
        waiting = _members("", [*map(self.normalize, paths)])
        while waiting:
            entry, mine = waiting.popitem()
            owner = self._owner(entry)
            if owner is None:
                self._new[entry] = name
            elif owner == _SHARED:
                if mine[0] == entry and os.path.isdir(self._folder.root / entry):
                    raise OutputError(
                        f"{entry} cannot be published, as it is a folder, in which "
                        "other assets have files; give the file a name of its own."
                    )
                if mine[0] == entry:
                    self._new[entry] = name
                else:
                    waiting.update(_members(entry, mine))
            elif owner != name:
                theirs, is_done = self._published(owner, entry)
                clash = _clash(entry, mine, theirs)
                if clash and is_done:
                    raise OutputError(self._refusal(owner, asset, *clash))
                if clash or not theirs:
                    taken |= theirs
                    self._new[entry] = name
                else:
                    for member in _members(entry, theirs):
                        self._new[member] = owner
                    self._new[entry] = _SHARED
                    waiting.update(_members(entry, mine))
        return taken

    def save(self) -> None:
        """Write the new claims."""
        by_file: dict[str, list[str]] = {}
        for entry, owner in self._new.items():
            by_file.setdefault(_bucket(entry), []).append(_line(entry, owner))
        for bucket, lines in by_file.items():
            with open(self._index / bucket, "ab", buffering=0) as file:
                file.write("".join(lines).encode())
        self._new.clear()

    def check(self) -> None:
        """Read all claims; raise `BrokenClaimsError` if that is impossible."""
        for bucket in os.listdir(self._index):
            self._known[bucket] = self._read(bucket)

    def on_disk(self, name: str) -> set[str]:
        """Return the files on disk that an asset has claimed; `check` comes first."""
        found = set()
        for claims in self._known.values():
            for entry, owner in claims.items():
                if owner == name:
                    found |= set(_files(self._folder.root, entry))
        return {path for path in found if self.owner(path) == name}

    def exist(self) -> bool:
        """Whether there are claims, not only files of an earlier version."""
        return _is_folder(self._index)

    def remove(self) -> None:
        """Remove all claims."""
        if self.exist():
            shutil.rmtree(self._index)
        self._known.clear()
        self._new.clear()

    def rebuild(self) -> None:
        """Rebuild the claims from what assets have published, in any version."""
        outputs = self._folder.outputs
        for folder in (outputs, self._index):
            if os.path.lexists(folder) and not _is_folder(folder):
                os.unlink(folder)
        os.makedirs(outputs, exist_ok=True)
        owners: dict[str, str] = {}
        for path, owner in self._all_published().items():
            for entry in _lineage(self.normalize(path)):
                if owners.setdefault(entry, owner) != owner:
                    owners[entry] = _SHARED
        lines: dict[str, list[str]] = {}
        for entry, owner in owners.items():
            above = entry.rpartition("/")[0]
            if not above or owners[above] == _SHARED:
                lines.setdefault(_bucket(entry), []).append(_line(entry, owner))
        partial = outputs / f".{os.getpid()}-index"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for bucket, content in lines.items():
            (partial / bucket).write_text("".join(content), encoding="ascii")
        os.rename(partial, self._index)
        self._known.clear()
        for file in os.listdir(outputs):
            if file.endswith(_OLD):
                os.unlink(outputs / file)

    def _owner(self, entry: str) -> str | None:
        if entry in self._new:
            return self._new[entry]
        bucket = _bucket(entry)
        if bucket not in self._known:
            self._known[bucket] = self._read(bucket)
        return self._known[bucket].get(entry)

    def _read(self, bucket: str) -> dict[str, str]:
        try:
            content = read_regular(self._index / bucket)
        except FileNotFoundError:
            return {}
        except OSError:
            # It is no file, for example.
            raise BrokenClaimsError from None
        try:
            lines = [json.loads(line) for line in content.split(b"\n")[:-1]]
            claims = {entry: owner for entry, owner in lines}
            if content and not content.endswith(b"\n"):
                raise ValueError("cut")
            if not all(isinstance(text, str) for text in [*claims, *claims.values()]):
                raise ValueError("not text")
        except (ValueError, TypeError, RecursionError):
            raise BrokenClaimsError from None
        return claims

    def _published(self, owner: str, entry: str) -> tuple[set[str], bool]:
        """Return what an asset has published in an entry, and whether it is DONE."""
        paths = read_record(self._folder, owner) or set()
        done = None
        if self._names.asset(owner) is not None:
            done = done_paths(self._folder, owner)
        paths |= done or set()
        below = f"{entry}/"
        found = {self.normalize(path) for path in paths}
        return {p for p in found if p == entry or p.startswith(below)}, done is not None

    def _refusal(self, owner: str, asset: str, mine: str, theirs: str) -> str:
        other = self._names.asset(owner)
        advice = f"give the file of {asset!r} a name of its own."
        if mine == theirs:
            return f"{mine} was already published by asset {other!r}; {advice}"
        return (
            f"{mine} cannot be published beside {theirs}, which asset {other!r} has "
            f"published, as one name cannot be a file and a folder; {advice}"
        )

    def _all_published(self) -> dict[str, str]:
        """Return the owner of each file; assets that are DONE take precedence.

        Missing records are written.
        """
        folder = self._folder
        recorded = {name: read_record(folder, name) for name in recorded_names(folder)}
        found = dict(self._in_old_form())
        for name, paths in recorded.items():
            found.update(dict.fromkeys(paths or (), name))
        with contextlib.suppress(FileNotFoundError):
            for file in os.listdir(folder.status):
                if file.endswith(f".{DONE}"):
                    name = file.removesuffix(f".{DONE}")
                    found.update(dict.fromkeys(done_paths(folder, name) or (), name))
        by_name: dict[str, set[str]] = {}
        for path, name in found.items():
            by_name.setdefault(name, set()).add(path)
        for name, paths in by_name.items():
            known = recorded.get(name) or set()
            if not paths <= known:
                asset = self._names.asset(name) or decoded_id(name)
                write_record(folder, name, asset, known | paths, durable=False)
        return found

    def _in_old_form(self) -> Iterator[tuple[str, str]]:
        """Yield files on disk and their owners, from files of an earlier version."""
        outputs = self._folder.outputs
        if not any(file.endswith(_OLD) for file in os.listdir(outputs)):
            return
        for path in _files(self._folder.root, ""):
            with contextlib.suppress(OSError):
                content = (outputs / f"{asset_name(path)}{_OLD}").read_bytes()
                asset = content.decode("utf-8", "surrogatepass")
                if asset:
                    yield path, self._names.get(asset) or asset_name(asset)


def _bucket(entry: str) -> str:
    return hashlib.sha256(entry.encode("utf-8", "surrogatepass")).hexdigest()[:2]


def _line(entry: str, owner: str) -> str:
    return f"{json.dumps([entry, owner])}\n"


def _lineage(path: str) -> Iterator[str]:
    """Yield all folders of a path, the outermost first, and the path itself."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path


def _members(folder: str, paths: Iterable[str]) -> dict[str, list[str]]:
    """Group the paths in a folder ("" for the root) by its members."""
    start = len(folder) + 1 if folder else 0
    found: dict[str, list[str]] = {}
    for path in paths:
        end = path.find("/", start)
        found.setdefault(path if end < 0 else path[:end], []).append(path)
    return found


def _clash(entry: str, mine: Sequence[str], theirs: set[str]) -> tuple[str, str] | None:
    """Return a path of mine and one of theirs that exclude each other, or None.

    Only the entry itself and its direct members are compared.
    """
    if not theirs:
        return None
    if entry in theirs or mine[0] == entry:
        return mine[0], entry if entry in theirs else min(theirs)
    for path in mine:
        if path in theirs and path.rpartition("/")[0] == entry:
            return path, path
    return None


def _files(root: Path, entry: str) -> Iterator[str]:
    """Yield all files at or below an entry ("" for all data)."""
    if entry and not _is_folder(root / entry):
        if os.path.lexists(root / entry):
            yield entry
        return
    for parent, folders, files in os.walk(root / entry if entry else root):
        if not entry and parent == str(root) and WORKFLOW_FOLDER in folders:
            folders.remove(WORKFLOW_FOLDER)
        inner = os.path.relpath(parent, root)
        for file in files:
            yield file if inner == "." else f"{inner}/{file}"


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
