"""Open a file of continuous signals by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from brainsets.conversion.raw.contents import check_content
from brainsets.conversion.raw.files import RawFile
from brainsets.pipeline import SkipAsset

__all__ = ["FORMATS", "open_raw"]

FORMATS = {
    ".edf": "edf",
    ".bdf": "edf",
    ".rec": "edf",
    ".vhdr": "BrainVision",
    ".set": "EEGLAB",
    ".fif": "FIF",
    ".ds": "CTF",
    ".sqd": "KIT",
    ".con": "KIT",
    "": "BTi",
}
"""Which reader takes files, or folders, with which ending."""


def open_raw(path: Path) -> RawFile:
    """Open a file, or a folder that is one recording; its samples are read later.

    EDF and BDF files keep the rate of each signal; other formats are read by MNE.

    Parameters
    ----------
    path : Path
        ``.edf``, ``.bdf``, ``.vhdr``, ``.set``, ``.fif``, ``.sqd``, ``.con``, a folder
        ``.ds`` of CTF, or one of BTi, beside the other files of the recording.

    Raises
    ------
    SkipAsset
        It is none of these, is damaged, cut or empty, or lacks one of its files.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(suffix for suffix in FORMATS if suffix)
        raise SkipAsset(f"{path.name} is in no format that is read: {known}")
    if not path.exists():
        raise SkipAsset(f"{path.name} is not there")
    if path.is_file():
        check_content(path)
    return _reader(kind)(path)


def _reader(kind: str) -> Callable[[Path], RawFile]:
    if kind == "edf":
        from brainsets.conversion.raw.edf_files import open_edf

        return open_edf
    from brainsets.conversion.raw import mne_files

    readers: dict[str, Callable[[Path], RawFile]] = {
        "BrainVision": mne_files.open_brainvision,
        "EEGLAB": mne_files.open_eeglab,
        "FIF": mne_files.open_fif,
        "CTF": mne_files.open_ctf,
        "KIT": mne_files.open_kit,
        "BTi": mne_files.open_bti,
    }
    return readers[kind]
