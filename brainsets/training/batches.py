"""Have batches of a brainset drawn by torch_brain, in an interpreter that has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainsets.errors import SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.training.checks import Checked

__all__ = ["Batches", "draw_batches", "find_interpreter"]

_PROGRAM = Path(__file__).resolve().parent / "draw_batches.py"
_BATCHES = 8
_WORKERS = 2
_HAS_TORCH = (
    "import importlib.util as u, sys; "
    "sys.exit(not (u.find_spec('torch') and u.find_spec('torch_brain')))"
)


@dataclass
class Batches:
    """What came of each split, or why nothing did.

    `splits` has, of ``train``, ``valid`` and ``test``, the numbers of recordings,
    windows and values and the seconds that they took, or an ``error``.
    """

    splits: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether batches of what is for training could not be drawn."""
        train = self.splits.get("train")
        return bool(self.error) or not isinstance(train, dict) or "error" in train

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {"error": self.error or None, "splits": self.splits}

    def lines(self) -> Iterator[str]:
        """Yield a line for each split, or one that says why there is none."""
        if self.error:
            yield f"no batches: {self.error}"
        for split, found in self.splits.items():
            if "error" in found:
                yield f"no batches of {split}: {found['error']}"
                continue
            windows, seconds = found["windows"], found["seconds"]
            noun = "recording" if found["recordings"] == 1 else "recordings"
            yield (
                f"batches of {split}: {windows:,} windows of {found['recordings']:,} "
                f"{noun}, {windows / max(seconds, 1e-9):,.0f} a second with "
                f"{_WORKERS} workers"
            )


def find_interpreter(folder: BrainsetFolder, asked: Path | None) -> Path:
    """Return the first interpreter that has torch and torch_brain.

    Raises
    ------
    SettingsError
        There is none.
    """
    own = folder.environment / "bin" / "python"
    tried = [asked] if asked else [Path(sys.executable), own]
    for python in tried:
        if python.exists() and _has_torch(python):
            return python
    named = " and ".join(str(python) for python in tried)
    lack = "does not have" if len(tried) == 1 else "do not have"
    raise SettingsError(
        f"--train needs torch and torch_brain, which {named} {lack}; install them "
        "with 'pip install torch torch_brain temporaldata' into an environment, and "
        "name its interpreter with --python."
    )


def _has_torch(python: Path) -> bool:
    found = subprocess.run(
        [python, "-c", _HAS_TORCH], stdin=subprocess.DEVNULL, capture_output=True
    )
    return found.returncode == 0


def draw_batches(checked: Checked, python: Path, length: float) -> Batches:
    """Draw some batches of each split, with worker processes.

    Parameters
    ----------
    checked : Checked
        The brainset; files with problems are said already, and would end it.
    python : Path
        An interpreter that has torch and torch_brain.
    length : float
        Of a window, in s.
    """
    if not checked.files:
        return Batches(error="it has no recordings")
    if checked.unfit:
        return Batches(error=f"{len(checked.unfit)} of its recordings are unfit")
    command = [python, "-I", _PROGRAM, checked.folder.root, length, _BATCHES, _WORKERS]
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE"},
    )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        found = None
    if done.returncode or not isinstance(found, Mapping):
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return Batches(error=last[-1] if last else f"exit status {done.returncode}")
    return Batches(dict(found))
