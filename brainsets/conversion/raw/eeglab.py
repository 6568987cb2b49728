"""What there is to know of a file of EEGLAB before MNE reads it."""

from __future__ import annotations

from pathlib import Path

from brainsets.conversion.raw.contents import check_content
from brainsets.pipeline import SkipAsset

__all__ = ["MAX_BYTES", "check_eeglab"]

MAX_BYTES = 2_000_000_000
"""A file that holds its samples itself is read as a whole."""

_HDF5 = b"\x89HDF\r\n\x1a\n"


def check_eeglab(path: Path, notes: list[str]) -> list[Path]:
    """Return the files of a recording: the header, and the samples if they are apart.

    Raises
    ------
    SkipAsset
        It is no file of MATLAB, is too large to be read as a whole, or its samples are
        not there.
    """
    with open(path, "rb") as file:
        begin = file.read(512)
    is_matlab = begin.startswith(b"MATLAB 5.0") or _HDF5 in (
        begin[:8],
        begin[512 - 8 :],
    )
    if not is_matlab and not begin.startswith(b"MATLAB 7.3"):
        raise SkipAsset(f"{path.name} is no file of MATLAB, which EEGLAB writes")
    samples = path.with_suffix(".fdt")
    if samples.is_file():
        check_content(samples)
        return [path, samples]
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SkipAsset(
            f"{path.name} holds its samples itself and has {size:,} bytes; such files "
            f"are read as a whole, up to {MAX_BYTES:,} bytes"
        )
    notes.append("its samples are in its header, which is read as a whole")
    return [path]
