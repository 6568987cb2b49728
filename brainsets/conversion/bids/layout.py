"""The recordings of a BIDS dataset, from the paths of its files alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from brainsets.conversion.bids.inheritance import Sidecars, is_sidecar
from brainsets.conversion.bids.names import Name, parse_name

__all__ = ["OTHERS", "BidsRecording", "Layout", "layout_of", "recordings"]

OTHERS = {
    "derivatives": "derived from recordings",
    "source data": "as it came from the devices, before it was laid out",
    "code": "programs",
    "stimuli": "what was shown or played",
    "hidden": "files of tools, whose names begin with a dot",
    "images": "of the brain, not of its signals",
    "behaviour": "behaviour without a recording of signals",
    "motion": "motion capture is not converted",
    "nirs": "near-infrared spectroscopy is not converted",
    "physiology": "tables of continuous signals are not converted",
    "empty room": "recorded without a subject",
    "calibration": "of a device",
    "no header": "data or markers of a recording whose header is not there",
    "another format": "a recording that is there in another format, too",
    "format": "a recording in a format that is not read",
    "no subject": "a recording whose name names no subject",
    "sidecar": "describes none of the recordings",
    "documents": "about the dataset as a whole",
    "other": "of BIDS, and no recording",
    "unknown": "its name is none of BIDS",
}
"""Why a file is neither part of a recording nor describes one, each with a sentence."""

SUFFIXES = ("eeg", "ieeg", "meg", "emg")
# Headers, in the order in which they are preferred where several have one stem.
_HEADERS = (".vhdr", ".edf", ".bdf", ".set", ".fif", ".sqd", ".con", ".ds", "")
_COMPANIONS = {
    ".vhdr": (".eeg", ".dat", ".vmrk"),
    ".set": (".fdt",),
    ".sqd": (".mrk", ".elp", ".hsp"),
    ".con": (".mrk", ".elp", ".hsp"),
}
_OF_HEADERS = (".eeg", ".dat", ".vmrk", ".fdt")
_FOLDERS = {
    "derivatives": "derivatives",
    "sourcedata": "source data",
    "rawdata_old": "source data",
    "code": "code",
    "stimuli": "stimuli",
    **dict.fromkeys("anat func dwi fmap perf pet micr mrs".split(), "images"),
    "beh": "behaviour",
    "phenotype": "behaviour",
    "motion": "motion",
    "nirs": "nirs",
}
_CALIBRATIONS = {"calibration", "crosstalk"}
_NO_SUBJECTS = {"emptyroom", "noise"}


@dataclass(frozen=True)
class BidsRecording:
    """A recording of a dataset.

    Parameters
    ----------
    path : str
        Its header, its first file, or its folder, from the dataset's root.
    datatype, suffix : str
        ``eeg``, ``ieeg``, ``meg`` or ``emg``: of its folder, and of its name.
    entities : mapping
        ``sub``, ``ses``, ``task``, ``run`` and so on, in the order of the name. The
        ``split`` of a FIF file is none: its parts are one recording.
    stem : str
        The name without extension, made of its entities and its suffix.
    files : tuple of str
        All files that it consists of, the first one that to be opened.
    sidecars : tuple of str
        The files that describe it, from general ones to its own.
    notes : tuple of str
        What is odd about its files.
    """

    path: str
    datatype: str
    suffix: str
    entities: Mapping[str, str]
    stem: str
    files: tuple[str, ...]
    sidecars: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def described_by(self, suffix: str, extension: str) -> list[str]:
        """Return the sidecars of a suffix, ``channels`` or ``eeg``, general first."""
        names = [(path, parse_name(PurePosixPath(path).name)) for path in self.sidecars]
        return [
            path
            for path, name in names
            if (name.suffix, name.extension) == (suffix, extension)
        ]


@dataclass(frozen=True)
class Layout:
    """What a dataset has: its recordings, and why other files are none (`OTHERS`)."""

    recordings: list[BidsRecording]
    others: dict[str, str] = field(default_factory=dict)


def recordings(paths: Iterable[str]) -> list[BidsRecording]:
    """Return the recordings that can be converted, in the order of their paths."""
    return layout_of(paths).recordings


def layout_of(paths: Iterable[str]) -> Layout:
    """Return the recordings of a dataset, and what its other files are.

    Parameters
    ----------
    paths : iterable of str
        All files of the dataset, from its root, with ``/`` between folders.
    """
    others: dict[str, str] = {}
    units: dict[str, list[str]] = {}
    sidecars = Sidecars()
    rest = []
    for path in sorted({str(PurePosixPath(path)) for path in paths}):
        reason = _excluded(path)
        if reason:
            others[path] = reason
            continue
        unit = _unit_of(path)
        name = parse_name(PurePosixPath(unit).name)
        if unit == path and is_sidecar(name):
            sidecars.add(path, name)
        elif name.suffix in SUFFIXES or _is_more_of_fif(name):
            units.setdefault(unit, []).append(path)
        else:
            rest.append((path, name))
    found = _found(units, others)
    found = [_with_sidecars(one, sidecars) for one in found]
    used = {path for one in found for path in one.sidecars}
    others.update(dict.fromkeys(sidecars.paths - used, "sidecar"))
    for path, name in rest:
        if path not in used:
            others[path] = _other(path, name)
    return Layout(sorted(found, key=lambda one: one.path), others)


def _excluded(path: str) -> str:
    """Return why all of a folder, or a hidden file, is no recording."""
    *folders, name = PurePosixPath(path).parts
    if name.startswith(".") or any(part.startswith(".") for part in folders):
        return "hidden"
    for folder in folders:
        if folder in _FOLDERS:
            return _FOLDERS[folder]
    return ""


def _unit_of(path: str) -> str:
    """Return the folder that is one recording, if the file is in one."""
    parts = PurePosixPath(path).parts
    for count, part in enumerate(parts[:-1], start=1):
        name = parse_name(part)
        if name.suffix in SUFFIXES and name.entities.get("sub"):
            folder = str(PurePosixPath(*parts[:count]))
            # A folder may also be there for the parts of a recording by its name.
            inner = parse_name(parts[-1])
            is_inside = inner.entities == name.entities and inner.extension
            if name.extension or not is_inside:
                return folder
    return path


def _is_more_of_fif(name: Name) -> bool:
    """Whether it is a later part of a FIF file as mne names them, ``_meg-1.fif``."""
    suffix, _, number = name.suffix.partition("-")
    return name.extension == ".fif" and suffix in SUFFIXES and number.isdigit()


def _found(
    units: Mapping[str, list[str]], others: dict[str, str]
) -> list[BidsRecording]:
    """Return the recordings without their sidecars; say what other files are."""
    by_stem: dict[str, dict[str, str]] = {}
    splits: dict[str, list[tuple[str, str]]] = {}
    for unit in units:
        path = PurePosixPath(unit)
        name = parse_name(path.name)
        reason = _no_recording(name)
        if reason:
            others.update(dict.fromkeys(units[unit], reason))
        elif name.extension == ".fif":
            suffix, _, number = name.suffix.partition("-")
            number = number or name.entities.get("split", "")
            stem = str(path.parent / _stem(_without_split(name), suffix))
            splits.setdefault(stem, []).append((number, unit))
        else:
            same = by_stem.setdefault(str(path.parent / name.stem), {})
            if same.setdefault(name.extension, unit) != unit:
                # Endings that differ in capitals alone.
                others.update(dict.fromkeys(units[unit], "another format"))
    for stem, parts in splits.items():
        first = min(parts, key=_number)[1]
        by_stem.setdefault(stem, {})[".fif"] = first
    found = []
    for stem, by_extension in by_stem.items():
        one, used = _recording(stem, by_extension, units, splits.get(stem, []))
        if one is not None:
            found.append(one)
        for extension, unit in by_extension.items():
            if unit not in used:
                others.update(
                    dict.fromkeys(units[unit], _unused(extension, one is not None))
                )
    return found


def _no_recording(name: Name) -> str:
    entities = name.entities
    if not entities.get("sub"):
        return "no subject"
    if entities.get("acq") in _CALIBRATIONS and "task" not in entities:
        return "calibration"
    is_meg = name.suffix.partition("-")[0] == "meg"
    if entities["sub"] == "emptyroom" or (
        is_meg and entities.get("task", "").lower() in _NO_SUBJECTS
    ):
        return "empty room"
    return ""


def _unused(extension: str, has_recording: bool) -> str:
    if extension in _OF_HEADERS:
        return "no header"
    return "another format" if has_recording and extension in _HEADERS else "format"


def _recording(
    stem: str,
    by_extension: Mapping[str, str],
    units: Mapping[str, list[str]],
    parts: list[tuple[str, str]],
) -> tuple[BidsRecording | None, set[str]]:
    """Return the recording of a stem, and which of its files and folders it takes."""
    header = next((each for each in _HEADERS if each in by_extension), None)
    if header is None:
        return None, set()
    path = by_extension[header]
    name = parse_name(PurePosixPath(path).name)
    used = [path]
    notes: list[str] = []
    entities = dict(name.entities)
    if header == ".fif":
        parts = sorted(parts, key=_number)
        used = [unit for _, unit in parts]
        entities.pop("split", None)
        notes += _missing_parts(parts)
    for extension in _COMPANIONS.get(header, ()):
        used += [by_extension[extension]] if extension in by_extension else []
    suffix = name.suffix.partition("-")[0]
    folders = PurePosixPath(path).parts[:-1]
    entities = _with_folders(entities, folders, notes)
    datatype = folders[-1] if folders and folders[-1] in SUFFIXES else suffix
    files = tuple(file for unit in used for file in units[unit])
    one = BidsRecording(
        path,
        datatype,
        suffix,
        entities,
        PurePosixPath(stem).name,
        files,
        notes=tuple(notes),
    )
    return one, set(used)


def _with_folders(
    entities: dict[str, str], folders: tuple[str, ...], notes: list[str]
) -> dict[str, str]:
    """Return entities with the session that folders alone say; note contradictions."""
    for folder in folders:
        key, dash, value = folder.partition("-")
        if not dash or key not in ("sub", "ses"):
            continue
        if key not in entities:
            notes.append(f"its name does not say {folder}, as its folder does")
            first, *others = entities.items()
            entities = dict([first, (key, value), *others])
        elif entities[key] != value:
            notes.append(f"its name says {key}-{entities[key]}, its folder {folder}")
    return entities


def _missing_parts(parts: list[tuple[str, str]]) -> list[str]:
    """Say which parts of a FIF file lack; the first has the number 1, or none."""
    numbers = [int(number) for number, _ in parts if number.isdigit()]
    first = 1
    missing = [n for n in range(first, max(numbers, default=0)) if n not in numbers]
    return [f"part {n} of it is not there" for n in missing]


def _number(part: tuple[str, str]) -> tuple[int, str]:
    number, path = part
    return (int(number) if number.isdigit() else 0), path


def _without_split(name: Name) -> dict[str, str]:
    return {key: value for key, value in name.entities.items() if key != "split"}


def _stem(entities: Mapping[str, str], suffix: str) -> str:
    return "_".join([*(f"{key}-{value}" for key, value in entities.items()), suffix])


def _with_sidecars(one: BidsRecording, sidecars: Sidecars) -> BidsRecording:
    paths, notes = sidecars.of(one.path, one.suffix, one.entities)
    return replace(one, sidecars=paths, notes=(*one.notes, *notes))


def _other(path: str, name: Name) -> str:
    if name.suffix in ("physio", "stim", "eyetrack"):
        return "physiology"
    if "/" not in path:
        return "documents"
    return "other" if name.entities else "unknown"
