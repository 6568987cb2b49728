"""What there is to know of a file of EEGLAB before MNE reads it."""

from __future__ import annotations

from pathlib import Path

from brainsets.conversion.raw.contents import check_content
from brainsets.pipeline import SkipAsset

__all__ = ["MAX_BYTES", "check_eeglab", "files_of_eeglab"]

MAX_BYTES = 2_000_000_000
"""A file that holds its samples itself is read as a whole."""

_SAMPLE_BYTES = 4
_HDF5 = b"\x89HDF\r\n\x1a\n"


def check_eeglab(path: Path) -> None:
    """Check that a file may be one of EEGLAB, and is not too large.

    Raises
    ------
    SkipAsset
        It is no file of MATLAB, or holds more samples than can be read as a whole.
    """
    with open(path, "rb") as file:
        begin = file.read(520)
    is_matlab = begin.startswith((b"MATLAB 5.0", b"MATLAB 7.3"))
    if not is_matlab and _HDF5 not in (begin[:8], begin[512:520]):
        raise SkipAsset(f"{path.name} is no file of MATLAB, which EEGLAB writes")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise SkipAsset(
            f"{path.name} has {size:,} bytes; a header, with the samples that may be "
            f"in it, is read as a whole, up to {MAX_BYTES:,} bytes"
        )


def files_of_eeglab(path: Path, data: Path, shape: tuple[int, int]) -> list[Path]:
    """Return the files of a recording.

    Parameters
    ----------
    path, data : Path
        The header, and where the samples are.
    shape : tuple of int
        How many channels and samples the header promises.

    Raises
    ------
    SkipAsset
        There are fewer.
    """
    if data.samefile(path):
        return [path]
    check_content(data)
    size, promised = data.stat().st_size, shape[0] * shape[1] * _SAMPLE_BYTES
    if size < promised:
        raise SkipAsset(
            f"{data.name} is cut: it has {size:,} of the {promised:,} bytes that its "
            "header promises"
        )
    return [path, data]
