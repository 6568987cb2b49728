"""Check all that a brainset has published, as training code is going to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.process_pool import in_processes
from brainsets.shared.state.sentinels import DONE, read_sentinel

__all__ = ["Checked", "CheckedFile", "check_outputs", "shared_sessions"]

_SUFFIXES = (".h5", ".hdf5")
_DONE = f".{DONE}"


@dataclass
class CheckedFile:
    """A published file, and what a training loop makes of it.

    Parameters
    ----------
    asset : str
        The id of the asset that has published it.
    path : str
        Relative to the brainset's folder.
    problems : list of str
        What stops a training loop from using it, a sentence for each.
    notes : list of str
        What else is to be known.
    session : str
        ``session.id``; empty if there is none.
    windows : int
        How many windows were read.
    window_s : float
        How long that took for one of them, in s.
    """

    asset: str
    path: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    session: str = ""
    windows: int = 0
    window_s: float = 0.0


@dataclass
class Checked:
    """All files of a brainset; `others` are those in other formats, not looked at."""

    folder: BrainsetFolder
    files: list[CheckedFile] = field(default_factory=list)
    others: int = 0

    @property
    def unfit(self) -> list[CheckedFile]:
        """Those with a problem."""
        return [file for file in self.files if file.problems]


def check_outputs(
    folder: BrainsetFolder,
    *,
    windows: int = 20,
    length: float = 1.0,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Checked:
    """Check every HDF5 file of the assets that are done.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset.
    windows : int
        How many windows to read of each file.
    length : float
        Of a window, in s.
    progress : callable
        Is given how many files were checked, and how many there are.
    """
    result = Checked(folder)
    for asset, path in _published(folder):
        if path.lower().endswith(_SUFFIXES):
            result.files.append(CheckedFile(asset, path))
        else:
            result.others += 1
    looked_at = in_processes(
        _look,
        result.files,
        lambda file: (str(folder.root / file.path), windows, length),
        "the process that read it has crashed.",
    )
    for number, (file, seen) in enumerate(looked_at, start=1):
        if isinstance(seen, str):
            file.problems = [seen]
        else:
            vars(file).update(seen)
        progress(number, len(result.files))
    _find_twins(result.files)
    return result


def _published(folder: BrainsetFolder) -> Iterator[tuple[str, str]]:
    for name in sorted(folder.sentinel_files()):
        done = read_sentinel(folder.status / name) if name.endswith(_DONE) else None
        for output in (done or {}).get("outputs") or ():
            yield str((done or {}).get("asset") or name), str(output["path"])


def _look(path: str, windows: int, length: float) -> dict[str, Any] | str:
    """Look at a file, in a process of its own; return a sentence if that fails."""
    import h5py
    import numpy as np

    from brainsets.conversion import checking
    from brainsets.training.windows import draw

    if not Path(path).exists():
        missing = "It is not there: 'brainsets verify --repair' has it made anew."
        return {"problems": [missing]}
    try:
        found = checking.problems(Path(path))
        seen: dict[str, Any] = {"problems": found}
        if found:
            return seen
        with h5py.File(path, "r") as file:
            session = file["session"].attrs.get("id") if "session" in file else None
            seen["session"] = str(session or "")
            drawn = draw(file, windows, length, np.random.default_rng(0))
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        reason = " ".join(str(error).split())
        return f"its windows cannot be read: {type(error).__name__}: {reason}."
    seen["windows"], seen["window_s"] = drawn.windows, drawn.seconds
    if not drawn.windows and windows:
        seen["notes"] = [f"no interval of its domain has the {length:g} s of a window"]
    else:
        seen["notes"] = [
            f"{name}: {share:.0%} of the values in windows are missing"
            for name, share in drawn.missing.items()
            if share >= 0.005
        ]
    return seen


def _find_twins(files: Iterable[CheckedFile]) -> None:
    """Say of files with one recording id, which is the name, that they have it."""
    by_name: dict[str, list[CheckedFile]] = {}
    for file in files:
        by_name.setdefault(Path(file.path).stem, []).append(file)
    for name, twins in by_name.items():
        for file in twins if len(twins) > 1 else ():
            others = ", ".join(each.path for each in twins if each is not file)
            file.problems.append(
                f"its recording id, {name!r}, is also that of {others}."
            )


def shared_sessions(checked: Iterable[Checked]) -> Mapping[str, list[str]]:
    """Return the brainsets that share a ``session.id``, for each that is shared.

    Whoever trains on several of them at once has to keep them apart by the names of
    the brainsets, and may see one recording in training and test.
    """
    found: dict[str, set[str]] = {}
    for each in checked:
        for file in each.files:
            if file.session:
                found.setdefault(file.session, set()).add(each.folder.root.name)
    return {id: sorted(names) for id, names in found.items() if len(names) > 1}
