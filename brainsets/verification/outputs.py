"""Compare the files of a brainset with what its sentinels say was published."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from brainsets.shared.files import read_object
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.state.sentinels import DONE, read_sentinel

__all__ = [
    "CHANGED",
    "FOREIGN",
    "MISSING",
    "UNFINISHED",
    "UNREADABLE",
    "Finding",
    "Verified",
    "verify_outputs",
]

MISSING = "missing"
CHANGED = "changed"
UNREADABLE = "unreadable"
FOREIGN = "foreign"
UNFINISHED = "unfinished"

_BLOCK = 1 << 20
_SUFFIX = f".{DONE}"


@dataclass(frozen=True)
class Finding:
    """A file that is not as it was published.

    Parameters
    ----------
    kind : str
        ``missing``, ``changed`` or ``unreadable`` for files, and sentinels, of an
        asset that is done; ``unfinished`` for those of an asset that is not;
        ``foreign`` for files that no asset has published.
    path : str
        Relative to the brainset's folder.
    asset : str, optional
        The id of the asset; None of a foreign file.
    name : str, optional
        The asset's name in file names.
    text : str
        What was found in place of what was expected.
    """

    kind: str
    path: str
    asset: str | None = None
    name: str | None = None
    text: str = ""

    @property
    def is_damage(self) -> bool:
        """Whether something of an asset that is done is lost."""
        return self.kind in (MISSING, CHANGED, UNREADABLE)


@dataclass
class Verified:
    """What was found in a brainset: how much of it is as it was, and what is not."""

    folder: BrainsetFolder
    assets: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def of_kind(self, *kinds: str) -> list[Finding]:
        """Return the findings of some kinds, in the order of their paths."""
        found = [finding for finding in self.findings if finding.kind in kinds]
        return sorted(found, key=lambda finding: finding.path)

    @property
    def damaged(self) -> dict[str, str]:
        """The ids of assets that have lost something, by their names in file names."""
        return {
            finding.name: finding.asset or finding.name
            for finding in self.findings
            if finding.is_damage and finding.name is not None
        }


@dataclass(frozen=True)
class _Expected:
    name: str
    asset: str
    path: str
    bytes: int
    sha256: str


def verify_outputs(
    folder: BrainsetFolder,
    *,
    at_once: int = 4,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Verified:
    """Read every file that was published, and compare it with its checksum.

    A run may go on meanwhile: an asset that was published anew while its files were
    read is looked at once more.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset.
    at_once : int
        How many files are read at the same time.
    progress : callable
        Is given how many bytes were read, and how many there are to read.
    """
    result = Verified(folder)
    expected = [*_published(folder, result)]
    total = sum(each.bytes for each in expected)
    result.files = len(expected)
    read = 0
    for each, finding in _compared(folder, expected, at_once):
        if finding is not None:
            finding = _again(folder, each, finding)
        if finding is None:
            result.bytes += each.bytes
        else:
            result.findings.append(finding)
        read += each.bytes
        progress(read, total)
    result.findings += _others(folder, {each.path for each in expected})
    return result


def _published(folder: BrainsetFolder, result: Verified) -> Iterator[_Expected]:
    """Yield what the sentinels list; broken sentinels are findings."""
    for file in sorted(folder.sentinel_files()):
        if not file.endswith(_SUFFIX) or file.startswith("."):
            continue
        name = file.removesuffix(_SUFFIX)
        done = read_sentinel(folder.status / file)
        if done is None:
            if os.path.lexists(folder.status / file):
                path = f"{WORKFLOW_FOLDER}/{folder.status.name}/{file}"
                text = "the status file cannot be read, so what it lists is unknown"
                finding = Finding(UNREADABLE, path, None, name, text)
                result.findings.append(finding)
            continue
        result.assets += 1
        yield from _listed(name, done)


def _listed(name: str, done: dict[str, Any]) -> list[_Expected]:
    asset = str(done.get("asset") or name)
    return [
        _Expected(name, asset, output["path"], output["bytes"], output["sha256"])
        for output in done["outputs"]
    ]


def _compared(
    folder: BrainsetFolder, expected: list[_Expected], at_once: int
) -> Iterator[tuple[_Expected, Finding | None]]:
    """Yield each file with what is wrong with it, in their order.

    Threads do, as Python hashes without its lock. A few are ahead at most: a million
    files are no million tasks.
    """
    left = iter(expected)
    with ThreadPoolExecutor(at_once) as pool:
        ahead = [
            (each, pool.submit(_compare, folder.root, each))
            for each in islice(left, 4 * at_once)
        ]
        try:
            while ahead:
                each, future = ahead.pop(0)
                yield each, future.result()
                for more in islice(left, 1):
                    ahead.append((more, pool.submit(_compare, folder.root, more)))
        finally:
            for _, future in ahead:
                future.cancel()


def _compare(root: Path, expected: _Expected) -> Finding | None:
    def found(kind: str, text: str) -> Finding:
        return Finding(kind, expected.path, expected.asset, expected.name, text)

    try:
        descriptor = os.open(
            root / expected.path,
            os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY,
        )
    except (FileNotFoundError, NotADirectoryError):
        return found(MISSING, "it is not there")
    except OSError as error:
        return found(UNREADABLE, f"it cannot be read: {error.strerror}")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return found(CHANGED, "it is no file any more")
        if status.st_size != expected.bytes:
            text = f"it has {status.st_size:,} bytes, and had {expected.bytes:,}"
            return found(CHANGED, text)
        digest, block = hashlib.sha256(), bytearray(_BLOCK)
        while count := os.readv(descriptor, [block]):
            digest.update(memoryview(block)[:count])
    except OSError as error:
        return found(UNREADABLE, f"it cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)
    if digest.hexdigest() != expected.sha256:
        text = f"its SHA-256 is {digest.hexdigest()}, and was {expected.sha256}"
        return found(CHANGED, text)
    return None


def _again(
    folder: BrainsetFolder, before: _Expected, finding: Finding
) -> Finding | None:
    """Return what is wrong by what the asset's sentinel says now."""
    done = read_sentinel(folder.sentinel(before.name, DONE))
    if done is None:
        # Taken back meanwhile: a run is making it anew.
        return None if not _is_there(folder, before) else finding
    for now in _listed(before.name, done):
        if now.path == before.path:
            return finding if now == before else _compare(folder.root, now)
    return None


def _is_there(folder: BrainsetFolder, expected: _Expected) -> bool:
    return os.path.lexists(folder.sentinel(expected.name, DONE))


def _others(folder: BrainsetFolder, published: set[str]) -> Iterator[Finding]:
    """Yield the files that no asset that is done has published."""
    unfinished = _recorded(folder)
    for path in _files_below(folder.root):
        if path in published:
            continue
        if path in unfinished:
            name, asset = unfinished[path]
            if path in _paths_of(folder, name):
                # Published since the list was made.
                continue
            text = "its asset is not done; the next run replaces or removes it"
            yield Finding(UNFINISHED, path, asset, name, text)
        else:
            text = "no asset has published it; it is left alone"
            yield Finding(FOREIGN, path, text=text)


def _paths_of(folder: BrainsetFolder, name: str) -> set[str]:
    done = read_sentinel(folder.sentinel(name, DONE))
    return {each.path for each in _listed(name, done)} if done else set()


def _recorded(folder: BrainsetFolder) -> dict[str, tuple[str, str]]:
    """Return the asset, by name and id, that has published or begun each path."""
    found = {}
    try:
        files = os.listdir(folder.outputs)
    except OSError:
        return {}
    for file in files:
        if not file.endswith(".json") or file.startswith("."):
            continue
        record = read_object(folder.outputs / file) or {}
        paths, name = record.get("paths"), file.removesuffix(".json")
        for path in paths if isinstance(paths, list) else ():
            found[str(path)] = name, str(record.get("asset") or name)
    return found


def _files_below(root: Path) -> Iterator[str]:
    """Yield all files of a brainset that are not the workflow's own, sorted."""
    for parent, folders, names in os.walk(root):
        relative = os.path.relpath(parent, root)
        prefix = "" if relative == "." else f"{relative}/"
        if not prefix and WORKFLOW_FOLDER in folders:
            folders.remove(WORKFLOW_FOLDER)
        # A link to a folder is one entry: what it leads to is not ours.
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]
        folders[:] = sorted(set(folders) - set(links))
        yield from (f"{prefix}{name}" for name in sorted([*names, *links]))
