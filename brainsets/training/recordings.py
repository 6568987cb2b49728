"""One table over the recordings of brainsets, kept so that it is there at once.

Each brainset has its part in ``_workflow/recordings.jsonl``: a line for each output,
with its SHA-256, so that only what was published since is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from brainsets.shared.files import read_regular, write_atomically
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.process_pool import in_processes
from brainsets.shared.state.sentinels import DONE, read_sentinel

__all__ = ["recordings_of", "table_file"]

# Of a line; others are read anew.
_FORMAT = 2
_SUFFIXES = (".h5", ".hdf5")
_DONE = f".{DONE}"
_CRASHED = {"error": "the process that read it has crashed"}


def table_file(folder: BrainsetFolder) -> Path:
    """Return where a brainset's part of the table is."""
    return folder.workflow / "recordings.jsonl"


def recordings_of(
    folder: BrainsetFolder,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Return the recordings of a brainset, in the order of their paths.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset.
    progress : callable
        Is given how many files were opened, and how many have to be.

    Returns
    -------
    list of dict
        ``brainset``, ``recording``, ``asset``, ``path``, ``bytes``, ``sha256``, what
        `brainsets.training.facts.facts_of` returns, and ``error``: why a file could
        not be read, None otherwise.
    """
    known = _known(folder)
    found, unread = {}, []
    for output in _published(folder):
        before = known.get(output["path"])
        if before is not None and before["sha256"] == output["sha256"]:
            found[output["path"]] = {**before, **output}
        else:
            unread.append(output)
    read = in_processes(
        _facts, unread, lambda output: (str(folder.root / output["path"]),), _CRASHED
    )
    for number, (output, facts) in enumerate(read, start=1):
        found[output["path"]] = {**output, **facts}
        progress(number, len(unread))
    rows = [found[path] for path in sorted(found)]
    if unread or len(rows) != len(known):
        _keep(folder, rows)
    name = folder.root.name
    return [
        {"brainset": name, "recording": Path(row["path"]).stem, **_without_format(row)}
        for row in rows
    ]


def _without_format(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "format"}


def _published(folder: BrainsetFolder) -> Iterator[dict[str, Any]]:
    for name in folder.sentinel_files():
        if not name.endswith(_DONE):
            continue
        done = read_sentinel(f"{folder.status}/{name}") or {}
        for output in done.get("outputs") or ():
            if str(output["path"]).lower().endswith(_SUFFIXES):
                yield {
                    "asset": str(done.get("asset") or name.removesuffix(_DONE)),
                    "path": output["path"],
                    "bytes": output["bytes"],
                    "sha256": output["sha256"],
                }


def _known(folder: BrainsetFolder) -> dict[str, dict[str, Any]]:
    try:
        lines = read_regular(table_file(folder)).splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        try:
            row = json.loads(line)
            # What could not be read may be readable now.
            if row["format"] == _FORMAT and row["sha256"] and not row["error"]:
                found[row["path"]] = row
        except (ValueError, KeyError, TypeError):
            # Cut, or not ours: it is read anew.
            continue
    return found


def _keep(folder: BrainsetFolder, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps({**row, "format": _FORMAT}, ensure_ascii=True) for row in rows]
    content = "".join(f"{line}\n" for line in lines).encode()
    try:
        write_atomically(table_file(folder), content)
    except OSError:
        # No permission to write: the next time takes as long again.
        pass


def _facts(path: str) -> dict[str, Any]:
    """Return the facts of a file, in a process of its own, or why there are none."""
    from brainsets.training.facts import facts_of

    try:
        return {**facts_of(Path(path)), "error": None}
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
