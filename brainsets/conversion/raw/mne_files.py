"""Files that MNE reads: BrainVision, EEGLAB, FIF, CTF, KIT and BTi."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainsets.conversion.raw.brainvision import (
    channel_units,
    read_brainvision_header,
    renamed_header,
)
from brainsets.conversion.raw.contents import check_content
from brainsets.conversion.raw.eeglab import check_eeglab, files_of_eeglab
from brainsets.conversion.raw.files import RawFile
from brainsets.conversion.raw.mne_content import raw_file
from brainsets.pipeline import SkipAsset

__all__ = [
    "open_brainvision",
    "open_bti",
    "open_ctf",
    "open_eeglab",
    "open_fif",
    "open_kit",
]

# What MNE says of things that are said here in another way, or change nothing.
_UNIMPORTANT = re.compile(
    r"filename .* does not conform to MNE naming|naming conventions|"
    r"Channels contain different (high|low)pass|"
    r"MarkerFile|Data file name in EEG.data|boundary|not be set to .* type|"
    r"No coordinate information|Encountered units|units? for the following|"
    r"Online software filter",
    re.IGNORECASE,
)
_LONGEST_NOTE = 200


def open_brainvision(path: Path) -> RawFile:
    """Open a header of BrainVision, ``.vhdr``; of the type of channels it says nothing.

    Raises
    ------
    SkipAsset
        It is none, or its samples are not there, or cannot be read.
    """
    import mne

    header = read_brainvision_header(path)
    with renamed_header(header) as copy, _reading(header.notes):
        raw = mne.io.read_raw_brainvision(copy, preload=False, verbose="ERROR")
    return raw_file(
        raw,
        "BrainVision",
        path,
        files=header.files,
        units=channel_units(header),
        is_typed=False,
        notes=header.notes,
    )


def open_eeglab(path: Path) -> RawFile:
    """Open a file of EEGLAB, ``.set``, with its ``.fdt`` if it has one.

    It does not say the units of its channels, which are microvolts by convention.

    Raises
    ------
    SkipAsset
        It is none, is cut into epochs, is too large, or its samples are not there.
    """
    import mne

    notes: list[str] = []
    check_eeglab(path)
    with _reading(notes):
        raw = mne.io.read_raw_eeglab(path, preload=False, verbose="ERROR")
    data = Path(str(raw.filenames[0]))
    files = files_of_eeglab(path, data, (len(raw.ch_names), int(raw.n_times)))
    if data.name != path.with_suffix(".fdt").name and len(files) > 1:
        notes.append(f"its samples are in {data.name}")
    units = dict.fromkeys(raw.ch_names, ("", "V", 1e-6))
    return raw_file(
        raw, "EEGLAB", path, files=files, units=units, is_typed=False, notes=notes
    )


def open_fif(path: Path) -> RawFile:
    """Open a FIF file, with the files in which it goes on.

    Raises
    ------
    SkipAsset
        It holds no continuous signals, is damaged, or a part of it is not there.
    """
    import mne

    notes: list[str] = []
    with _reading(notes):
        raw = mne.io.read_raw_fif(
            path, preload=False, on_split_missing="raise", verbose="ERROR"
        )
    grade = raw.compensation_grade
    if grade:
        notes.append(f"compensated by its reference sensors, grade {grade}")
    if raw.info["projs"]:
        count = len(raw.info["projs"])
        notes.append(f"{count} projections are in it, which are not applied")
    files = [Path(str(name)) for name in raw.filenames]
    return raw_file(raw, "FIF", path, files=files, notes=notes)


def open_ctf(path: Path) -> RawFile:
    """Open a folder of CTF, ``.ds``.

    Raises
    ------
    SkipAsset
        It is none, or lacks files.
    """
    import mne

    notes: list[str] = []
    with _reading(notes):
        # The samples after the end of what was acquired are zeros.
        raw = mne.io.read_raw_ctf(
            path, preload=False, system_clock="truncate", verbose="ERROR"
        )
    return raw_file(raw, "CTF", path, files=_below(path), notes=notes)


def open_kit(path: Path) -> RawFile:
    """Open a file of KIT, ``.sqd`` or ``.con``; triggers stay what they are.

    Raises
    ------
    SkipAsset
        It is none, is damaged, or is cut into epochs.
    """
    import mne

    notes: list[str] = []
    with _reading(notes):
        raw = mne.io.read_raw_kit(path, stim=None, preload=False, verbose="ERROR")
    return raw_file(raw, "KIT", path, files=[path], notes=notes)


def open_bti(path: Path) -> RawFile:
    """Open a folder of BTi, or 4D Neuroimaging, by its one file with samples.

    Raises
    ------
    SkipAsset
        It is none, or lacks files.
    """
    import mne

    if not path.is_dir():
        raise SkipAsset(f"{path.name} has no ending that says its format")
    data = sorted(each for each in path.glob("c,rf*") if each.is_file())
    if len(data) != 1:
        raise SkipAsset(
            f"{path.name} is no folder of BTi: it has {len(data)} files c,rf*"
        )
    notes: list[str] = []
    head = path / "hs_file"
    with _reading(notes):
        raw = mne.io.read_raw_bti(
            data[0],
            config_fname=path / "config",
            head_shape_fname=head if head.is_file() else None,
            preload=False,
            verbose="ERROR",
        )
    return raw_file(raw, "BTi", path, files=_below(path), notes=notes)


def _below(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        # Other files of such a folder may be empty.
        if path.suffix in (".meg4", ".res4"):
            check_content(path)
    return files


@contextmanager
def _reading(notes: list[str]) -> Iterator[None]:
    """Keep what MNE warns of as notes; what it cannot read is skipped.

    Raises
    ------
    SkipAsset
        MNE refuses the file.
    """
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            yield
        except (MemoryError, SkipAsset):
            raise
        except OSError as error:
            # A file that is not there will not come; a disk that fails may recover.
            if error.errno is not None and not isinstance(error, FileNotFoundError):
                raise
            raise SkipAsset(_refusal(error)) from error
        except Exception as error:
            raise SkipAsset(_refusal(error)) from error
    for text in dict.fromkeys(str(each.message) for each in warned):
        if not _UNIMPORTANT.search(text):
            notes.append(f"MNE says: {_one_line(text)}")


def _refusal(error: Exception) -> str:
    text = _one_line(str(error)) or type(error).__name__
    epochs = re.search(r"number of trials is (\d+)", text)
    if epochs:
        return f"it is cut into {epochs[1]} epochs, and is no continuous recording"
    if re.search(r"contains epochs|No raw data|no raw data", text):
        return f"it holds no continuous recording: {text}"
    return f"it cannot be read: {text}"


def _one_line(text: str) -> str:
    """Return a text on one line, with names in place of paths."""
    text = " ".join(text.split())
    text = re.sub(r"(?:/[^/'\"\s]*)+/(?=[^/'\"\s])", "", text)
    return text if len(text) <= _LONGEST_NOTE else f"{text[: _LONGEST_NOTE - 3]}..."
