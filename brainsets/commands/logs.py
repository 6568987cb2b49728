"""The log of one asset, found by its id."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from brainsets.errors import SettingsError
from brainsets.shared.files import is_regular
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.text.streams import escape_controls_in_parts, print_to_stderr
from brainsets.shared.text.suggestions import did_you_mean

__all__ = ["latest_log", "show_log"]

_PART = 2**20
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
    is_terminal = sys.stdout.isatty()
    texts = _texts(path, colours=is_terminal and "NO_COLOR" not in os.environ)
    if is_terminal:
        pager = shlex.split(os.environ.get("PAGER", "")) or ["less"]
        if shutil.which(pager[0]):
            _page(pager, texts)
            return 0
    print_to_stderr(f"{path}:")
    sys.stdout.writelines(texts)
    return 0


def _texts(path: Path, *, colours: bool) -> Iterator[str]:
    """Yield what a log holds, in parts: whatever ran has written into it."""
    with open(path, encoding="utf-8", errors="backslashreplace", newline="") as file:
        parts = iter(lambda: file.read(_PART), "")
        yield from escape_controls_in_parts(parts, colours=colours)


def _page(pager: list[str], texts: Iterator[str]) -> None:
    # less shows colours only with -R.
    environment = {"LESS": "-R", **os.environ}
    process = subprocess.Popen(pager, stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    encoding = sys.stdout.encoding
    # Ctrl-C is for the pager, which decides whether it ends.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with process.stdin as pipe:
            for text in texts:
                pipe.write(text.encode(encoding, "backslashreplace"))
    except BrokenPipeError:
        # The pager was left before the end.
        pass
    finally:
        process.wait()
        signal.signal(signal.SIGINT, before)


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
        hint = did_you_mean(asset, known, cutoff=0.2) or "see 'status --json'."
        raise SettingsError(f"--log: there is no asset {asset!r}; {hint}")
    if len(found) > 1:
        named = ", ".join(folder.root.name for folder, _ in found)
        raise SettingsError(
            f"--log: {asset!r} is an asset of {named}; name one of them as well."
        )
    [(folder, name)] = found
    logs = [folder.log(rule, name) for rule in _RULES]
    logs = [log for log in logs if is_regular(log)]
    if not logs:
        raise SettingsError(
            f"--log: {asset!r} of {folder.root.name} has no log yet; nothing of it "
            "has been run."
        )
    return max(logs, key=lambda log: log.stat().st_mtime_ns)
