"""Inspect all outputs of a brainset, several at once, and cache what was found.

The cache is `_workflow/report/`, one JSON file for each output.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainsets.shared.files import read_object
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.process_pool import in_processes
from brainsets.shared.state.sentinels import write_sentinel
from brainsets.shared.text.asset_names import asset_name

__all__ = ["MAX_PICTURES", "Output", "inspect_outputs", "outputs_of"]

MAX_PICTURES = 40
"""Outputs of a brainset that are drawn: a page of some megabytes opens at once."""

# Of the cache, pictures included; what has another format is inspected again.
_FORMAT = 6


@dataclass
class Output:
    """A published file, as its sentinel has it, and what was seen in it.

    `seen` is the result of `brainsets.report.data.inspection.inspect_file`; `problem`
    says why there is none.
    """

    asset: str
    path: str
    file: Path
    bytes: int
    sha256: str
    inventory: dict[str, Any] | None = None
    is_drawn: bool = False
    seen: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def picture(self) -> str | None:
        """A PNG file in base64."""
        return self.seen.get("picture")

    @property
    def unfit(self) -> list[str]:
        """What stops a training loop from using it, a sentence each."""
        return list(self.seen.get("unfit", []))

    @property
    def hints(self) -> list[str]:
        """What is odd about it, a sentence each."""
        return [*([self.problem] if self.problem else []), *self.seen.get("hints", [])]


def outputs_of(
    folder: BrainsetFolder, done: Iterable[tuple[str, Mapping[str, Any]]]
) -> list[Output]:
    """Return all outputs, and which of them are drawn: spread evenly over all.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset.
    done : iterable of (str, mapping)
        The id of each asset that is done, and its DONE sentinel.
    """
    found = [
        Output(
            asset,
            str(output["path"]),
            folder.root / str(output["path"]),
            output["bytes"],
            str(output["sha256"]),
            _inventory(output.get("inventory")),
        )
        for asset, record in done
        for output in record["outputs"]
    ]
    count = min(len(found), MAX_PICTURES)
    for number in range(count):
        found[number * len(found) // count].is_drawn = True
    return found


def _inventory(found: Any) -> dict[str, Any] | None:
    """Return the inventory in a sentinel, None if it is not in its form."""
    if not isinstance(found, dict) or not isinstance(found.get("left_out"), list):
        return None
    counts = [found.get(key) for key in ("taken", "n_left_out")]
    if not all(type(count) is int for count in counts):
        return None
    keys = ("path", "type", "reason", "note")
    rows = [row for row in found["left_out"] if isinstance(row, dict)]
    return {
        "taken": counts[0],
        "n_left_out": counts[1],
        "left_out": [[str(row.get(key, "")) for key in keys] for row in rows],
    }


def inspect_outputs(
    folder: BrainsetFolder,
    outputs: Sequence[Output],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Inspect each output that is not in the cache yet, and add it there.

    A file that cannot be read has a `problem` instead.
    """
    unknown = [output for output in outputs if not _is_cached(folder, output)]
    inspected = in_processes(
        _inspect,
        unknown,
        lambda output: (str(output.file), output.is_drawn),
        "it cannot be read: the process that did so crashed",
    )
    for number, (output, seen) in enumerate(inspected, start=1):
        if isinstance(seen, str):
            output.problem = seen
        else:
            output.seen = seen
            _cache(folder, output)
        progress(number, len(unknown))


def _key(output: Output) -> dict[str, Any]:
    status = output.file.stat()
    return {
        "format": _FORMAT,
        "path": output.path,
        "sha256": output.sha256,
        "mtime_ns": status.st_mtime_ns,
    }


def _cache_file(folder: BrainsetFolder, output: Output) -> Path:
    return folder.workflow / "report" / f"{asset_name(output.path)}.json"


def _is_cached(folder: BrainsetFolder, output: Output) -> bool:
    try:
        size, key = output.file.stat().st_size, _key(output)
    except OSError as error:
        output.problem = f"the file cannot be read: {error.strerror}"
        return True
    if size != output.bytes:
        output.problem = f"it has {size} bytes, and had {output.bytes} when published"
        return True
    cached = read_object(_cache_file(folder, output)) or {}
    if cached.get("key") != key or cached.get("digest") != _digest(cached.get("seen")):
        return False
    if output.is_drawn and not cached.get("drawn"):
        return False
    output.seen = cached["seen"]
    return True


def _cache(folder: BrainsetFolder, output: Output) -> None:
    record = {"key": _key(output), "drawn": output.is_drawn, "seen": output.seen}
    record["digest"] = _digest(output.seen)
    try:
        write_sentinel(_cache_file(folder, output), record)
    except OSError:
        # No write permission: the next report takes as long again.
        pass


def _digest(seen: Any) -> str:
    """Return a hash by which a damaged entry of the cache is known."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _inspect(path: str, with_picture: bool) -> dict[str, Any] | str:
    """Inspect a file, in a process of its own; return a sentence if that fails."""
    from brainsets.report.data.inspection import inspect_file

    try:
        seen = inspect_file(Path(path), with_picture=with_picture)
        return json.loads(json.dumps(seen))
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        return f"it cannot be read: {type(error).__name__}: {error}"
