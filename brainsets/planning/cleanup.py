"""Clear away what earlier runs, or accidents, have left in a brainset's folder.

Only a run that holds the lock of a brainset does this. Two kinds of things go: what
stands where the workflow's files and folders belong and is none (Snakemake would wait
for ever for the reader of a named pipe, write through a link, or stop at a folder), and
files that a killed process has left half-written.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from brainsets.shared.files import is_regular, move_aside, remove_file
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest_schema import schema_path
from brainsets.shared.text.lines import single_line

__all__ = ["dead_links", "remove_obstacles", "remove_partial_files"]

_STEPS = ("download_asset", "process_asset", "download_batch", "process_batch")
_FOLDERS = (
    *("status", "logs", "handoff", "staging", "outputs", "batches", "report"),
    *(f"logs/{step}" for step in _STEPS),
)
_MAX_NAMED = 5
# As `files.write_atomically` and `staging.reused_folders` call them.
_PARTIAL = re.compile(r"\.(\d+-.+|[0-9a-f]{32})")
# Whoever still writes such a file has written to it lately.
_UNTOUCHED_S = 600


def remove_obstacles(folder: BrainsetFolder) -> None:
    """Have only files stand where files belong, and folders where folders do.

    A folder in the way is renamed, as data may be in it, and so is a file; links, named
    pipes and sockets are removed. What was done is printed to stderr.
    """
    removed = [*_obstacles_to_folders(folder), *_obstacles_to_files(folder)]
    for path in removed[:_MAX_NAMED]:
        print(
            f"brainsets: {single_line(path)} was broken; it is made anew",
            file=sys.stderr,
        )
    if len(removed) > _MAX_NAMED:
        more = len(removed) - _MAX_NAMED
        print(f"brainsets: ... and {more:,} more files were broken", file=sys.stderr)


def dead_links(folder: BrainsetFolder) -> list[Path]:
    """Return files of the whole brainset that are links to nowhere.

    Snakemake takes such a file for one that vanishes while it looks, and stops.
    """
    paths = folder.manifest, schema_path(folder.manifest), folder.summary
    return [path for path in paths if path.is_symlink() and not os.path.exists(path)]


def _obstacles_to_folders(folder: BrainsetFolder) -> Iterator[Path]:
    for name in _FOLDERS:
        path = folder.workflow / name
        # A link to a folder is the user's way to have it on another disk.
        if os.path.lexists(path) and not path.is_dir():
            try:
                move_aside(path)
            except OSError:
                continue
            yield path


def _obstacles_to_files(folder: BrainsetFolder) -> Iterator[Path]:
    whole = (
        folder.manifest,
        schema_path(folder.manifest),
        folder.listing_failure,
        folder.environment_failure,
        folder.summary,
    )
    read = [folder.status, folder.batches, folder.workflow / "handoff"]
    odd = [path for path in whole if os.path.lexists(path) and not is_regular(path)]
    for place in read:
        # A link to a file is one that a version control keeps.
        odd += [path for path in _entries(place) if not is_regular(path)]
    # A shell writes logs, through whatever link is there.
    odd += _entries(folder.workflow / "logs", folders=True)
    for step in _STEPS:
        odd += _entries(folder.workflow / "logs" / step)
    for path in odd:
        try:
            remove_file(path)
        except OSError:
            # Another user's file: the step that needs it says so.
            continue
        yield path


def _entries(place: Path, *, folders: bool = False) -> list[Path]:
    """Return what is in a folder and no regular file, without a look at each.

    With `folders`, only of what is called like a log: the other ones are folders.
    """
    try:
        with os.scandir(place) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if not entry.is_file(follow_symlinks=False)
                and ".broken" not in entry.name
                and (not folders or entry.name.endswith(".log"))
            ]
    except OSError:
        return []


def remove_partial_files(folder: BrainsetFolder) -> None:
    """Remove what killed processes have left; to be called with the lock of the run.

    No clock is asked but that of the file system, by the time of the lock's file.
    """
    with suppress(OSError):
        latest = os.stat(folder.lock).st_mtime
        for place in (
            *(folder.workflow, folder.status, folder.handoff("").parent),
            *(folder.outputs, folder.workflow / "staging"),
        ):
            with suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    if _PARTIAL.fullmatch(entry.name):
                        with suppress(OSError):
                            written = entry.stat(follow_symlinks=False).st_mtime
                            if latest - written > _UNTOUCHED_S:
                                _remove(entry)


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        os.unlink(entry.path)
