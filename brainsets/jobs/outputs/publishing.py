"""Move the output of process from its staging folder into the brainset's folder.

Nothing is visible there before the whole step has succeeded, every HDF5 file has been
opened, and its checksum taken. Files that the asset had published before and has not
written again are removed, so that versions of a result never mix.
"""

import os
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from brainsets.errors import OutputError
from brainsets.jobs.outputs.claims import BrokenClaimsError, Claims
from brainsets.jobs.outputs.records import read_record, write_record
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.locks import lock_publishing

__all__ = ["publish"]


def publish(
    folder: BrainsetFolder,
    name: str,
    asset: str,
    staging: Path,
    outputs: Iterable[dict[str, Any]],
) -> None:
    """Move inspected outputs into the brainset's folder, replacing earlier versions.

    The asset's record lists old and new files before anything is moved, and the new
    ones afterwards, so an attempt that is killed in between leaves to the next one what
    it has to remove. No other asset publishes meanwhile, and until this process has
    ended.

    Raises
    ------
    OutputError
        Another asset has published a file of the same name, or something else stands
        where a file has to go; then nothing was moved.
    """
    new = {output["path"] for output in outputs}
    if not Claims(folder).exist():
        lock_publishing(folder.lock)
        # The process that held the lock may have made them.
        if not Claims(folder).exist():
            Claims(folder).rebuild()
    recorded = read_record(folder, name)
    known = _recover_record(folder, name, new) if recorded is None else recorded
    if not (new or known or os.listdir(staging)):
        # The asset has, and had, no file.
        return
    if recorded is None or not new <= recorded:
        # Before the lock is taken, so that others do not wait for the disk.
        write_record(folder, name, asset, new | known, durable=bool(known))
    lock_publishing(folder.lock)
    try:
        claims, taken = _claimed(folder, name, asset, new)
        normalized = {claims.normalize(path) for path in new}
        stale = {
            path
            for path in known | taken
            if claims.normalize(path) not in normalized and claims.owner(path) == name
        }
        moves = _moves(
            staging, folder.root, {claims.normalize(p) for p in stale}, claims
        )
    except OutputError:
        # Nothing is published; the new paths may be files of other assets.
        write_record(folder, name, asset, known, durable=bool(known))
        raise
    if taken:
        write_record(folder, name, asset, new | known | stale, durable=True)
    claims.save()
    # Remove first where a file becomes a folder, or the other way round.
    first = _conflicting(stale, new)
    _remove(folder.root, first)
    for path in moves:
        _move(f"{staging}/{path}", f"{folder.root}/{path}")
    _remove(folder.root, stale - first)
    if not known | taken <= new:
        write_record(folder, name, asset, new, durable=True)


def _recover_record(folder: BrainsetFolder, name: str, new: set[str]) -> set[str]:
    """Return what an asset without a record has published: usually nothing."""
    try:
        has_claims = bool(new) and Claims(folder).owner(min(new)) == name
    except BrokenClaimsError:
        has_claims = True
    if not has_claims and not os.path.lexists(folder.record(name)):
        return set()
    lock_publishing(folder.lock)
    return _readable_claims(folder).on_disk(name)


def _claimed(
    folder: BrainsetFolder, name: str, asset: str, new: set[str]
) -> tuple[Claims, set[str]]:
    try:
        claims = Claims(folder)
        return claims, claims.claim(name, asset, new)
    except BrokenClaimsError:
        claims = _readable_claims(folder)
        return claims, claims.claim(name, asset, new)


def _readable_claims(folder: BrainsetFolder) -> Claims:
    """Return all claims, rebuilt if they cannot be read."""
    claims = Claims(folder)
    try:
        claims.check()
    except BrokenClaimsError:
        claims.remove()
        claims.rebuild()
    return claims


def _moves(
    staging: Path, root: Path, stale: Collection[str], claims: Claims
) -> list[str]:
    """Return the files to move, and the folders that can be moved as a whole."""
    found = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(f"{staging}/{folder}") as entries:
            for entry in entries:
                path = folder + entry.name
                there = _mode(f"{root}/{path}")
                is_folder = there is not None and stat.S_ISDIR(there)
                is_stale = not is_folder and claims.normalize(path) in stale
                is_free = there is None or is_stale
                if not entry.is_dir(follow_symlinks=False):
                    if is_folder:
                        _check_emptied(root, path, stale, claims)
                    found.append(path)
                elif is_free:
                    found.append(path)
                elif is_folder:
                    waiting.append(f"{path}/")
                else:
                    raise _obstructed(path, root / path)
    return found


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)
    except IsADirectoryError:
        # Of folders alone, or it would have been refused before.
        for folder, _, _ in os.walk(target, topdown=False):
            os.rmdir(folder)
        os.rename(source, target)


def _check_emptied(
    root: Path, path: str, stale: Collection[str], claims: Claims
) -> None:
    """Check that a folder is empty once all stale files are removed."""
    for parent, folders, files in os.walk(root / path):
        inner = os.path.relpath(parent, root)
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]
        for name in files + links:
            if claims.normalize(f"{inner}/{name}") not in stale:
                raise _obstructed(path, root / path)


def _obstructed(path: str, target: Path) -> OutputError:
    return OutputError(
        f"{path} cannot be published, as {target} is a folder, or a file or link where "
        "a folder has to be; remove what is old."
    )


def _mode(path: str) -> int | None:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return None


def _conflicting(stale: set[str], new: set[str]) -> set[str]:
    """Return stale paths that are a new folder, or lie below a new file."""
    folders = {folder for path in new for folder in _parents(path)}
    return {p for p in stale if p in folders or any(f in new for f in _parents(p))}


def _parents(path: str) -> Iterable[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _remove(root: Path, paths: Collection[str]) -> None:
    """Remove files, and folders that become empty."""
    folders = {os.path.dirname(path) for path in paths}
    real = os.path.realpath(root)
    # Nothing is removed where a folder was replaced by a link.
    folders = {
        f for f in folders if os.path.realpath(f"{real}/{f}") == _joined(real, f)
    }
    for path in paths:
        if os.path.dirname(path) in folders:
            try:
                os.unlink(f"{root}/{path}")
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                # It is gone, or was replaced.
                continue
    for folder in sorted(folders, key=len, reverse=True):
        while folder:
            try:
                os.rmdir(f"{root}/{folder}")
            except OSError:
                break
            folder = os.path.dirname(folder)


def _joined(root: str, folder: str) -> str:
    return f"{root}/{folder}" if folder else root
