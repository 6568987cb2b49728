"""Look at all outputs of a brainset, several at once, and remember what was seen."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from brainsets.report.records import Facts
from brainsets.shared.files import read_object
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.sentinels import DONE, write_sentinel
from brainsets.shared.text.asset_names import asset_name

__all__ = ["MOST_PICTURES", "Output", "outputs_of", "see"]

MOST_PICTURES = 40
"""Outputs of a brainset that are drawn: a page of some megabytes opens at once."""

# Of what is remembered, pictures included; another one is looked at anew.
_FORMAT = 5
_MOST_AT_ONCE = 8


@dataclass
class Output:
    """A published file, as its sentinel has it, and what was seen in it.

    `seen` is the result of `brainsets.report.data.inspection.look`; `problem` says why
    there is none.
    """

    asset: str
    path: str
    file: Path
    bytes: int
    sha256: str
    is_drawn: bool = False
    seen: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def picture(self) -> str | None:
        """A PNG file in base64."""
        return self.seen.get("picture")


def outputs_of(facts: Facts) -> list[Output]:
    """Return all outputs, and which of them are drawn: spread evenly over all."""
    found = [
        Output(
            asset.asset,
            str(output["path"]),
            facts.folder.root / str(output["path"]),
            output["bytes"],
            str(output["sha256"]),
        )
        for asset in facts.assets
        if asset.state == DONE
        for output in asset.record["outputs"]
    ]
    count = min(len(found), MOST_PICTURES)
    for number in range(count):
        found[number * len(found) // count].is_drawn = True
    return found


def see(
    folder: BrainsetFolder,
    outputs: Sequence[Output],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Look at each output that is not known yet, and remember it beside the data.

    A file that cannot be read has a `problem` instead.
    """
    unknown = [output for output in outputs if not _is_known(folder, output)]
    for number, (output, seen) in enumerate(_looks(unknown), start=1):
        if isinstance(seen, str):
            output.problem = seen
        else:
            output.seen = seen
            _remember(folder, output)
        progress(number, len(unknown))


def _key(output: Output) -> dict[str, Any]:
    status = output.file.stat()
    return {
        "format": _FORMAT,
        "path": output.path,
        "sha256": output.sha256,
        "mtime_ns": status.st_mtime_ns,
    }


def _place(folder: BrainsetFolder, output: Output) -> Path:
    return folder.workflow / "report" / f"{asset_name(output.path)}.json"


def _is_known(folder: BrainsetFolder, output: Output) -> bool:
    try:
        size, key = output.file.stat().st_size, _key(output)
    except OSError as error:
        output.problem = f"the file cannot be read: {error.strerror}"
        return True
    if size != output.bytes:
        output.problem = f"it has {size} bytes, and had {output.bytes} when published"
        return True
    known = read_object(_place(folder, output)) or {}
    if known.get("key") != key or known.get("digest") != _digest(known.get("seen")):
        return False
    if output.is_drawn and not known.get("drawn"):
        return False
    output.seen = known["seen"]
    return True


def _remember(folder: BrainsetFolder, output: Output) -> None:
    record = {"key": _key(output), "drawn": output.is_drawn, "seen": output.seen}
    record["digest"] = _digest(output.seen)
    try:
        write_sentinel(_place(folder, output), record)
    except OSError:
        # Somebody else's data: the next report takes as long again.
        pass


def _digest(seen: Any) -> str:
    """Return a hash of what was seen: what is shown is what was written, or nothing."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _look(path: str, with_picture: bool) -> dict[str, Any] | str:
    """Look at a file, in a process of its own; return a sentence if that fails."""
    from brainsets.report.data.inspection import look

    try:
        seen = look(Path(path), with_picture=with_picture)
        return json.loads(json.dumps(seen))
    except Exception as error:
        # Files are made by other people's code, and hold anything.
        return f"it cannot be read: {type(error).__name__}: {error}"


def _looks(outputs: Sequence[Output]) -> Iterator[tuple[Output, dict[str, Any] | str]]:
    left = list(outputs)
    at_once = min(_cores(), _MOST_AT_ONCE, len(left))
    if at_once:
        try:
            for output, seen in _pooled(left, at_once):
                yield output, seen
                left.remove(output)
        except BrokenProcessPool:
            # One of them crashes the process that reads it: which, is seen one by one.
            for output in [*left]:
                try:
                    yield from _pooled([output], 1)
                except BrokenProcessPool:
                    yield output, "it cannot be read: the process that did so crashed"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pooled(
    outputs: Sequence[Output], at_once: int
) -> Iterator[tuple[Output, dict[str, Any] | str]]:
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        waiting = {
            pool.submit(_look, str(output.file), output.is_drawn): output
            for output in outputs
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
