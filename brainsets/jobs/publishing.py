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
from brainsets.shared.sentinels import DONE, read_sentinel, write_atomically

__all__ = ["inspected_outputs", "publish"]

_HDF5_SUFFIXES = {".h5", ".hdf5", ".hdf", ".nwb"}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHUNK = 1 << 20


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
        if path.suffix.lower() in _HDF5_SUFFIXES:
            _open_hdf5(path, relative)
        outputs.append(
            {
                "path": relative,
                "bytes": path.stat().st_size,
                "sha256": _checksum(path),
            }
        )
    return outputs


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

    Raises
    ------
    OutputError
        Another asset has published a file of the same name; nothing was moved then.
    """
    for output in outputs:
        _claim(folder, asset, name, output["path"])
    staging = folder.staging(name)
    for output in outputs:
        target = folder.root / output["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / output["path"], target)


def _claim(folder: BrainsetFolder, asset: str, name: str, output: str) -> None:
    """Note down whose an output is; refuse it if it is another asset's."""
    claim = folder.owner(output)
    claim.parent.mkdir(parents=True, exist_ok=True)
    content = f"{name}\n".encode()
    try:
        with open(claim, "xb") as file:
            file.write(content)
        return
    except FileExistsError:
        owner = claim.read_bytes().decode().strip()
    if owner == name:
        return
    record = read_sentinel(folder.sentinel(owner, DONE)) if owner else None
    if record and any(o["path"] == output for o in record.get("outputs", [])):
        raise OutputError(
            f"{output} was already published by asset {record.get('asset')!r}; "
            f"give the file of {asset!r} a name of its own."
        )
    write_atomically(claim, content)
