"""The log of one asset, found by its id."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from brainsets.errors import SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.selection import nearest

__all__ = ["latest_log", "show_log"]

_RULES = ("download_asset", "process_asset")


def show_log(folders: Iterable[BrainsetFolder], asset: str) -> int:
    """Show the log of an asset's latest step; return the exit status, 0.

    On a terminal that is done by what the variable ``PAGER`` names, or by less.

    Raises
    ------
    SettingsError
        No brainset has such an asset, or several have; or it has no log yet.
    """
    path = latest_log(folders, asset)
    if sys.stdout.isatty():
        pager = shlex.split(os.environ.get("PAGER", "")) or ["less"]
        if shutil.which(pager[0]):
            subprocess.run([*pager, path], check=False)
            return 0
    print(f"{path}:", file=sys.stderr)
    sys.stdout.flush()
    with open(path, "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.flush()
    return 0


def latest_log(folders: Iterable[BrainsetFolder], asset: str) -> Path:
    """Return the path of the log that was written last for an asset."""
    known: list[str] = []
    found: list[tuple[BrainsetFolder, str]] = []
    for folder in folders:
        if folder.manifest.exists():
            names = read_manifest(folder.manifest).names
            known += names
            if asset in names:
                found.append((folder, names[asset]))
    if not found:
        hint = nearest(asset, known, cutoff=0.2) or "see 'status --json'."
        raise SettingsError(f"--log: there is no asset {asset!r}; {hint}")
    if len(found) > 1:
        named = ", ".join(folder.root.name for folder, _ in found)
        raise SettingsError(
            f"--log: {asset!r} is an asset of {named}; name one of them as well."
        )
    [(folder, name)] = found
    logs = [folder.log(rule, name) for rule in _RULES]
    logs = [log for log in logs if log.exists()]
    if not logs:
        raise SettingsError(
            f"--log: {asset!r} of {folder.root.name} has no log yet; nothing of it "
            "has been run."
        )
    return max(logs, key=lambda log: log.stat().st_mtime_ns)
