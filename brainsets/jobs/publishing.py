"""Move what process wrote from its staging folder to where others look for it.

Nothing is visible in the brainset's folder before the whole step has succeeded, every
HDF5 file has been opened, and its checksum taken.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from brainsets.errors import OutputError
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.locks import lock_publishing
from brainsets.shared.manifest import read_manifest
from brainsets.shared.sentinels import DONE, read_sentinel, write_atomically

__all__ = ["inspected_outputs", "is_quickly_inspected", "publish"]

_HDF5_SUFFIXES = {".h5", ".hdf5", ".hdf", ".nwb"}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHUNK = 1 << 20
# Read and flushed within a fraction of a second.
_QUICK_BYTES = 1 << 23


def inspected_outputs(staging: Path) -> list[dict[str, Any]]:
    """Check everything in a staging folder and return its description.

    Returns
    -------
    list of dict
        ``{"path", "bytes", "sha256"}``, the path relative to the folder, sorted.

    Raises
    ------
    OutputError
        A file is not what may be published, or cannot be opened.
    """
    outputs = []
    for path in sorted(_tree(staging)):
        relative = path.relative_to(staging).as_posix()
        if path.is_symlink() or not path.is_file():
            raise OutputError(
                f"process wrote {relative}, which is a link or a device; "
                "write the file itself."
            )
        if relative.split("/")[0] == WORKFLOW_FOLDER:
            raise OutputError(
                f"process wrote {relative}, but {WORKFLOW_FOLDER} belongs to the "
                "workflow; choose another folder."
            )
        if _is_hdf5(path):
            _open_hdf5(path, relative)
        outputs.append(
            {
                "path": relative,
                "bytes": path.stat().st_size,
                "sha256": _checksum(path),
            }
        )
    return outputs


def is_quickly_inspected(staging: Path) -> bool:
    """Whether to inspect a staging folder takes neither time nor the HDF5 library."""
    files = _tree(staging)
    if any(map(_is_hdf5, files)):
        return False
    return sum(path.lstat().st_size for path in files) < _QUICK_BYTES


def _is_hdf5(path: Path) -> bool:
    return path.suffix.lower() in _HDF5_SUFFIXES


def _tree(folder: Path) -> list[Path]:
    found = []
    for parent, folders, files in os.walk(folder):
        found += [Path(parent, name) for name in files]
        found += [Path(parent, d) for d in folders if Path(parent, d).is_symlink()]
    return found


def _open_hdf5(path: Path, relative: str) -> None:
    try:
        import h5py
    except ImportError:
        # Whoever wrote it without h5py: at least it must be HDF5 at all.
        with open(path, "rb") as file:
            if file.read(len(_HDF5_SIGNATURE)) != _HDF5_SIGNATURE:
                raise OutputError(f"{relative} is not an HDF5 file.") from None
        return
    try:
        with h5py.File(path, "r") as file:
            list(file)
    except Exception as error:
        raise OutputError(f"{relative} cannot be opened again: {error}.") from error


def _checksum(path: Path) -> str:
    """Return the SHA-256 of a file, which is on disk when this returns."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        os.fsync(file.fileno())
    return digest.hexdigest()


def publish(
    folder: BrainsetFolder, name: str, asset: str, outputs: list[dict[str, Any]]
) -> None:
    """Move inspected outputs into the brainset's folder, replacing earlier versions.

    No other asset publishes from then until this process has ended.

    Raises
    ------
    OutputError
        Another asset has published a file of the same name, and nothing was moved; or
        something else stands where a file has to go.
    """
    lock_publishing(folder.lock)
    for output in outputs:
        _claim(folder, asset, output["path"])
    staging = folder.staging(name)
    for output in outputs:
        target = folder.root / output["path"]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / output["path"], target)
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise OutputError(
                f"{output['path']} cannot be published, as {error.filename2 or target} "
                "is a folder, or a file where a folder has to be; remove what is old."
            ) from error


def _claim(folder: BrainsetFolder, asset: str, output: str) -> None:
    """Note down whose an output is; refuse it if it is another asset's."""
    claim = folder.owner(output)
    content = asset.encode("utf-8", "surrogatepass")
    try:
        owner = claim.read_bytes()
    except FileNotFoundError:
        owner = b""
    if owner == content:
        return
    if owner:
        _check_given_up(folder, asset, owner.decode("utf-8", "surrogatepass"), output)
    write_atomically(claim, content)


def _check_given_up(
    folder: BrainsetFolder, asset: str, owner: str, output: str
) -> None:
    """Refuse an output that its owner, an asset of the manifest, is DONE with."""
    name = read_manifest(folder.manifest).names.get(owner)
    done = read_sentinel(folder.sentinel(name, DONE)) if name else None
    if done and any(o["path"] == output for o in done.get("outputs", [])):
        raise OutputError(
            f"{output} was already published by asset {owner!r}; "
            f"give the file of {asset!r} a name of its own."
        )
