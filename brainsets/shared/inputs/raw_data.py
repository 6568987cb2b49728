"""Whether the raw data that a download has named are unchanged."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "MAX_LISTED_FILES",
    "first_change",
    "count_files",
    "is_data_name",
    "has_failed_later",
    "has_lost_its_data",
    "looks_missing",
    "recorded_raw_data",
]

MAX_LISTED_FILES = 100
"""How many files and folders a sentinel lists at most; planning checks only these."""

# Git repacks its files; NFS keeps deleted files that are still open.
_NOT_DATA = (".git", ".nfs")


def first_change(
    files: Mapping[str, int], folders: Mapping[str, int]
) -> tuple[str, str] | None:
    """Return the first path that has changed, and how.

    A path that cannot be inspected, such as for lack of permission, counts as
    unchanged: downloading it again would not help.

    Parameters
    ----------
    files, folders : mapping
        The size of each file in bytes, and how many files are in each folder.
    """
    for path, size in files.items():
        try:
            found = os.stat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return path, "is gone"
        except (OSError, ValueError):
            continue
        if found != size:
            return path, f"has {found} bytes instead of {size}"
    for path, expected in folders.items():
        # More files are fine: folders may be shared.
        count = count_files(path, enough=expected)
        if count is not None and count < expected:
            return path, f"holds {count} files instead of {expected}"
    return None


def is_data_name(name: str) -> bool:
    """Whether an entry of a folder is data, by its name."""
    return not name.startswith(_NOT_DATA)


def count_files(folder: str, enough: int) -> int | None:
    """Return how many files are below a folder, at most `enough`.

    None if it cannot be read. Only folders are listed; no file is inspected.
    """
    found, left = 0, [folder]
    while left and found < enough:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if not is_data_name(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        found += 1
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            return None
    return min(found, enough)


def recorded_raw_data(
    downloaded: Mapping[str, Any],
) -> tuple[dict[str, int], dict[str, int]]:
    """Return files and folders of a DOWNLOADED, as `first_change` takes them."""
    return (
        _sizes_by_path(downloaded.get("raw_files"), "bytes"),
        _sizes_by_path(downloaded.get("raw_folders"), "files"),
    )


def _sizes_by_path(entries: Any, number: str) -> dict[str, int]:
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            path, value = entry.get("path"), entry.get(number)
            if isinstance(path, str) and type(value) is int:
                found[path] = value
    return found


def has_failed_later(failed: Mapping[str, Any], run: str | None) -> bool:
    """Whether process has failed in a later run than that of the download it used.

    Parameters
    ----------
    failed : mapping
        The asset's FAILED.
    run : str or None
        The run of the present download; None if an earlier version has written it.
    """
    if failed.get("step") != "process" or "download_run" not in failed:
        return False
    return failed["download_run"] == run and failed.get("run") not in (None, run)


def looks_missing(failed: Mapping[str, Any], raw_dir: Path) -> bool:
    """Whether a step has failed because a raw file was missing."""
    try:
        last = failed["attempts"][-1]
        missing = last["error"] in ("FileNotFoundError", "NotADirectoryError")
        missing = missing or "No such file" in last["message"]
        roots = str(raw_dir), os.path.realpath(raw_dir)
        return missing and any(root in last["message"] for root in roots)
    except (KeyError, IndexError, TypeError):
        return False


def has_lost_its_data(
    failed: Mapping[str, Any], downloaded: Mapping[str, Any], raw_dir: Path
) -> bool:
    """Whether process may have failed because unrecorded raw data are gone.

    In the run of the download they were there. In a later run, any failure may be due
    to that if no files are recorded, else one that mentions a missing raw file.
    """
    if not has_failed_later(failed, downloaded.get("run")):
        return False
    if downloaded.get("handoff"):
        # There was no handoff, so process has called download itself.
        return False
    files, folders = recorded_raw_data(downloaded)
    known = bool(files) or any(folders.values())
    return not known or looks_missing(failed, raw_dir)
