"""Check everything that process wrote, before any of it is published.

Size and checksum of each file are taken, HDF5 files are opened, and all are flushed to
the disk.
"""

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainsets.errors import OutputError
from brainsets.jobs.outputs.inventories import read_inventory
from brainsets.shared.folders import WORKFLOW_FOLDER

__all__ = ["inspected_outputs", "is_quickly_inspected"]

_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nwb")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# HDF5 allows a user block before the signature: of 512 bytes, or that doubled.
_MIN_USER_BLOCK_BYTES = 512
_CHUNK = 1 << 20
# Read and flushed within a fraction of a second.
_QUICK_BYTES = 1 << 23
# Flushing more files one by one takes as long as flushing the whole file system.
_FLUSHED_ONE_BY_ONE = 100


@dataclass(frozen=True)
class _File:
    path: str
    bytes: int
    links: int


def inspected_outputs(staging: Path) -> list[dict[str, Any]]:
    """Check everything in a staging folder and return its description.

    Returns
    -------
    list of dict
        ``{"path", "bytes", "sha256"}``, the path relative to the folder, sorted; and
        ``inventory``, if the file has one.

    Raises
    ------
    OutputError
        A file is not what may be published, or cannot be opened.
    """
    files = _files(staging)
    one_by_one = len(files) <= _FLUSHED_ONE_BY_ONE
    outputs = []
    for file in files:
        path = f"{staging}/{file.path}"
        if file.links > 1:
            _unlink_from_others(path)
        inventory = _open_hdf5(path, file.path) if _is_hdf5(file.path) else None
        size, checksum = _checksum(path, flush=one_by_one)
        output = {"path": file.path, "bytes": size, "sha256": checksum}
        outputs.append(output if inventory is None else {**output, **inventory})
    if not one_by_one:
        _flush(staging, files)
    return outputs


def is_quickly_inspected(staging: Path) -> bool:
    """Whether to inspect a staging folder takes neither time nor the HDF5 library."""
    files = _files(staging)
    if len(files) > _FLUSHED_ONE_BY_ONE or any(_is_hdf5(file.path) for file in files):
        return False
    return sum(file.bytes for file in files) < _QUICK_BYTES


def _files(staging: Path) -> list[_File]:
    """Return all files below a folder, sorted by path.

    Folders without any file are removed, as they are not published; folders that are
    read-only, as some tools make them, are made writable, as nothing in them could be
    moved, or replaced later.
    """
    device = os.lstat(staging).st_dev
    found: list[_File] = []
    # Number of entries of each folder, outer ones first.
    folders = {"": 0}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        _make_writable(f"{staging}/{folder}")
        with os.scandir(f"{staging}/{folder}") as entries:
            for entry in entries:
                path = folder + entry.name
                status = entry.stat(follow_symlinks=False)
                folders[folder] += 1
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(f"{path}/")
                    folders[f"{path}/"] = 0
                elif stat.S_ISREG(status.st_mode):
                    found.append(_File(path, status.st_size, status.st_nlink))
                else:
                    raise OutputError(
                        f"process wrote {path}, which is a link or a device; "
                        "write the file itself."
                    )
                if status.st_dev != device:
                    raise OutputError(
                        f"process wrote {path}, which is on another disk than "
                        "processed_dir; write the file itself."
                    )
                if path.casefold() == WORKFLOW_FOLDER:
                    raise OutputError(
                        f"process wrote {path}, but {WORKFLOW_FOLDER} belongs to the "
                        "workflow; choose another folder."
                    )
    for folder in reversed(folders):
        if folder and not folders[folder]:
            os.rmdir(f"{staging}/{folder}")
            parent, _, _ = folder[:-1].rpartition("/")
            folders[f"{parent}/" if parent else ""] -= 1
    return sorted(found, key=lambda file: file.path)


def _make_writable(folder: str) -> None:
    mode = os.stat(folder).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(folder, stat.S_IMODE(mode) | stat.S_IRWXU)


def _unlink_from_others(path: str) -> None:
    """Replace a file that has other hard links by a copy.

    Else writing to one of these, as a later download may, would change what is
    published.
    """
    copy = f"{os.path.dirname(path)}/.{os.getpid()}-copy"
    shutil.copy2(path, copy)
    os.replace(copy, path)


def _is_hdf5(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in _HDF5_SUFFIXES


def _open_hdf5(path: str, relative: str) -> dict[str, Any] | None:
    """Open a file and close it again; return its inventory, if it has one."""
    try:
        import h5py
    except ImportError:
        # It was written without h5py: check at least its signature.
        if not _has_hdf5_signature(path):
            raise OutputError(f"{relative} is not an HDF5 file.") from None
        return None
    try:
        with h5py.File(path, "r") as file:
            list(file)
            found = read_inventory(file)
    except Exception as error:
        raise OutputError(f"{relative} cannot be opened again: {error}.") from error
    return None if found is None else {"inventory": found}


def _has_hdf5_signature(path: str) -> bool:
    size, offset = os.path.getsize(path), 0
    with open(path, "rb") as file:
        while offset < size:
            file.seek(offset)
            if file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE:
                return True
            offset = 2 * offset or _MIN_USER_BLOCK_BYTES
    return False


def _checksum(path: str, *, flush: bool) -> tuple[int, str]:
    """Return size and SHA-256 of a file, and flush it to the disk if asked for."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
        if flush:
            os.fsync(file.fileno())
    return size, digest.hexdigest()


def _flush(staging: Path, files: list[_File]) -> None:
    """Flush many files to the disk, in one go where the system can do that."""
    # Imported here, as it takes a moment.
    import ctypes

    descriptor = os.open(staging, os.O_RDONLY)
    try:
        if ctypes.CDLL(None).syncfs(descriptor) == 0:
            return
    except (AttributeError, OSError):
        pass
    finally:
        os.close(descriptor)
    for file in files:
        descriptor = os.open(f"{staging}/{file.path}", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
