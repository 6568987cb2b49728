"""The folder into which one attempt writes.

The folders above it belong to the attempt alone, too, so that files which a pipeline
writes beside its `processed_dir` are found and reported instead of being lost.
"""

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from brainsets.errors import OutputError
from brainsets.shared.folders import BrainsetFolder

__all__ = ["Staging", "fresh_staging", "reused_folders"]

# What the workflow itself may put there while a step runs begins with one of these.
_WORKFLOW_PREFIXES = (
    *(".", "batches", "environment", "handoff", "lock", "logs", "manifest", "outputs"),
    *("recordings.jsonl", "report", "staging", "status", "summary"),
)
_MAX_BLOCKED = 1000

_reuses_folders = False
_kept: dict[str, str] = {}


@dataclass(frozen=True)
class Staging:
    """One attempt's folder.

    Parameters
    ----------
    levels : list of str
        The folder that is the attempt's alone, and those below it; the last one is
        `processed_dir`.
    identity : tuple
        Device and inode of the last one.
    workflow : str
        The folder of all that is not data.
    before : frozenset of str
        Its entries when the attempt began.
    """

    levels: list[str]
    identity: tuple[int, int] | None
    workflow: str
    before: frozenset[str]

    @property
    def folder(self) -> Path:
        """What the pipeline gets as `processed_dir`."""
        return Path(self.levels[-1])

    def empty(self) -> None:
        """Remove what a discarded run has written, and keep the folder."""
        for level, inner in zip(self.levels, [*self.levels[1:], None]):
            if _identity(level) is None:
                # The target of a link is not ours.
                return
            for name in _names(level) - {os.path.basename(inner or "")}:
                _remove(f"{level}/{name}")

    def check(self, step: str) -> None:
        """Check that the folder is still there, and that nothing is beside it.

        Raises
        ------
        OutputError
            It is not so; the files are left in place until the next attempt.
        """
        if _identity(self.levels[-1]) != self.identity:
            raise OutputError(
                f"{self.levels[-1]}, which {step} was given as processed_dir, "
                f"{_what_became(self.levels[-1])}; write into it, and leave it in its "
                "place. Nothing was published."
            )
        for path in self._beside():
            raise OutputError(
                f"{step} wrote {os.path.basename(path)} outside of processed_dir, "
                f"where nothing is published: it is {path}. Write it into "
                "self.processed_dir."
            )

    def _beside(self) -> Iterator[str]:
        for level, inner in zip(self.levels, self.levels[1:]):
            for name in sorted(_names(level) - {os.path.basename(inner)}):
                yield f"{level}/{name}"
        for name in sorted(_names(self.workflow) - self.before):
            if not name.startswith(_WORKFLOW_PREFIXES):
                yield f"{self.workflow}/{name}"

    def remove(self) -> None:
        """Remove it, with all that is left in it."""
        is_ours = _identity(self.levels[-1]) == self.identity
        if is_ours and _is_empty(self.levels) and _is_kept(self.levels[0]):
            return
        with contextlib.suppress(OSError):
            for level in reversed(self.levels):
                os.rmdir(level)
            return
        _remove(self.levels[0])


def fresh_staging(folder: BrainsetFolder, name: str) -> Staging:
    """Return an empty staging folder.

    If an old one cannot be removed (of another user, immutable, held open on a network
    disk), a folder of another name is used, and later attempts remove the old one.
    """
    place = folder.staging(name)
    first, inner = str(place), os.path.relpath(folder.processed(name), place)
    _make_folder(place.parent)
    if not os.path.lexists(first) and (kept := _kept.pop(str(place.parent), None)):
        with contextlib.suppress(OSError):
            os.rename(kept, first)
    chosen: list[str] = []
    for number in count():
        path = f"{first}~{number}" if number else first
        if chosen and not os.path.lexists(path):
            break
        levels = _levels(path, inner)
        if not chosen and _is_empty(levels):
            chosen = levels
        elif _remove(path) and not chosen:
            os.makedirs(levels[-1])
            chosen = levels
        elif number > _MAX_BLOCKED:
            raise OutputError(
                f"nothing at {path}~1, ~2, ... can be removed; do it by hand."
            )
    workflow = str(folder.workflow)
    before = frozenset(_names(workflow))
    return Staging(chosen, _identity(chosen[-1]), workflow, before)


@contextlib.contextmanager
def reused_folders() -> Iterator[None]:
    """Let this process use the empty folder of one asset for the next one.

    To remove folders takes 12 ms for each asset on ext4 without a journal, where the
    disk is told at once of blocks that are free.
    """
    global _reuses_folders
    _reuses_folders = True
    try:
        yield
    finally:
        _reuses_folders = False
        while _kept:
            _remove(_kept.popitem()[1])


def _is_kept(folder: str) -> bool:
    """Keep an empty folder, hidden, unless there is one; return whether it is kept."""
    parent = os.path.dirname(folder)
    if not _reuses_folders or parent in _kept:
        return False
    # A name that no other process has, on any machine that sees the disk.
    hidden = f"{parent}/.{uuid.uuid4().hex}"
    try:
        os.rename(folder, hidden)
    except OSError:
        return False
    _kept[parent] = hidden
    return True


def _levels(place: str, inner: str) -> list[str]:
    levels = [place]
    for name in inner.split("/"):
        levels.append(f"{levels[-1]}/{name}")
    return levels


def _make_folder(folder: Path) -> None:
    """Make a folder, in place of a file or link of its name."""
    if _identity(folder) is None:
        # It stays if another asset makes it at this moment.
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(folder)
        os.makedirs(folder, exist_ok=True)


def _identity(folder: str | Path) -> tuple[int, int] | None:
    """Return device and inode of a folder, None if there is none, or a link."""
    try:
        status = os.lstat(folder)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _is_empty(levels: list[str]) -> bool:
    """Whether the folders are there, the attempt's own, with nothing else in them."""
    names = [*([os.path.basename(level)] for level in levels[1:]), []]
    try:
        return all(
            _identity(level) is not None and os.listdir(level) == inner
            for level, inner in zip(levels, names)
        ) and os.access(levels[-1], os.R_OK | os.W_OK | os.X_OK)
    except OSError:
        return False


def _remove(path: str) -> bool:
    """Remove whatever stands at a path, and follow no link; return whether it is gone.

    Folders that may not be written to, as some tools make them, are no obstacle where
    they are this user's own.
    """
    if _identity(path) is None:
        with contextlib.suppress(OSError):
            os.unlink(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):
            _make_all_writable(path)
            shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)


def _make_all_writable(folder: str) -> None:
    """Let this user write to a folder and to those below it."""
    _make_writable(folder)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            _make_writable(f"{parent}/{name}")


def _make_writable(folder: str) -> None:
    if not os.path.islink(folder):
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)


def _what_became(folder: str) -> str:
    if os.path.islink(folder):
        return "is a link now"
    if os.path.isdir(folder):
        return "is another folder now"
    return "is a file now" if os.path.lexists(folder) else "is not there any more"
