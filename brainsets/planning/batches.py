"""Batches: pending assets that one job runs, one after the other.

A batch is a plan for one run. Its members are written down for the jobs, as what is
pending is another question by the time they start. Assets that are up to date are in no
batch, so adding and removing some changes nothing for them.
"""

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainsets.planning.pending import Pending
from brainsets.shared.files import remove_file
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import Manifest
from brainsets.shared.state.batch_plans import Plan, read_plan
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    read_sentinel,
    write_sentinel,
)

__all__ = [
    "BATCH_PATTERN",
    "Batch",
    "Capacity",
    "automatic_size",
    "cut",
    "leftovers",
    "planned_batch",
    "read_batch",
    "remove_batches",
    "write_batch",
]

BATCH_PATTERN = "[0-9a-f]{16}"

# A job of a cluster costs seconds to start, so it should carry minutes; but not hours,
# as all its time is asked for at once.
_MAX_JOB_S = 600
_SIZE_WHEN_UNKNOWN = 10
_MAX_SENTINELS_READ = 200


@dataclass(frozen=True)
class Capacity:
    """What the machine or cluster offers to a run.

    Parameters
    ----------
    slots : int
        Jobs that can run at once.
    min_job_s : float
        Seconds of work below which a job is not worth its start.
    retries : int
        How often Snakemake tries a failed job again.
    is_executing : bool
        Whether jobs are going to be started, so that plans are written down.
    """

    slots: int = 1
    min_job_s: float = 60.0
    retries: int = 0
    is_executing: bool = False


@dataclass(frozen=True)
class Batch:
    """Assets of one job.

    `assets` are their ids; `fetches` says whether any of them is to be downloaded,
    `reason` for people why they are run.
    """

    name: str
    assets: Sequence[str]
    fetches: bool
    reason: str


def planned_batch(name: str, members: Sequence[Pending]) -> Batch:
    """Return what rules ask of a batch."""
    return Batch(
        name,
        [member.asset for member in members],
        any(member.fetch for member in members),
        ", ".join(dict.fromkeys(member.reason for member in members)),
    )


def automatic_size(
    folder: BrainsetFolder, manifest: Manifest, pending: int, capacity: Capacity
) -> int:
    """Return how many assets a job should have.

    As many as keep all slots busy, but at least what makes a job worth its start, and
    at most ten minutes of work. How long an asset takes is the mean over those that
    are done.
    """
    slots = max(capacity.slots, 1)
    share = math.ceil(pending / slots)
    typical_s = _typical_duration(folder, manifest)
    if typical_s is None:
        return max(min(share, _SIZE_WHEN_UNKNOWN), 1)
    most = max(int(_MAX_JOB_S / typical_s), 1)
    least = max(math.ceil(capacity.min_job_s / typical_s), 1)
    size = min(max(share, least), max(most, least))
    # Evenly, or the last job is a short one that all others wait for.
    return math.ceil(pending / math.ceil(pending / size)) if pending else 1


def _typical_duration(folder: BrainsetFolder, manifest: Manifest) -> float | None:
    """Return the mean duration of the process step in s, None if none is known."""
    existing = folder.sentinel_files()
    named = [file.removesuffix(f".{DONE}") for file in existing if file.endswith(DONE)]
    done = sorted(name for name in named if manifest.names.asset(name) is not None)
    step = math.ceil(len(done) / _MAX_SENTINELS_READ) or 1
    records = [read_sentinel(folder.sentinel(name, DONE)) for name in done[::step]]
    known = [record.get("wall_s") for record in records if record]
    durations = [wall_s for wall_s in known if wall_s is not None]
    # What takes no time at all still costs the fork of a child.
    return max(sum(durations) / len(durations), 0.02) if durations else None


def cut(pending: Sequence[Pending], size: int) -> list[tuple[str, Sequence[Pending]]]:
    """Cut pending assets into batches, each with the name that its members give it."""
    parts = [pending[at : at + size] for at in range(0, len(pending), size)]
    return [(_name(part), part) for part in parts]


def _name(members: Sequence[Pending]) -> str:
    names = "\0".join(member.name for member in members)
    return hashlib.sha256(names.encode()).hexdigest()[:16]


def write_batch(
    folder: BrainsetFolder,
    manifest: Manifest,
    name: str,
    members: Sequence[Pending],
    capacity: Capacity,
) -> None:
    """Write down for the jobs what a batch consists of."""
    record: Plan = {
        "retries": capacity.retries,
        "reason": planned_batch(name, members).reason,
        "members": [
            {
                "asset": member.asset,
                "name": member.name,
                "row": manifest.row_hash(member.asset),
                "fetch": member.fetch,
                "seen": {
                    state: _time(folder.sentinel(member.name, state))
                    for state in (DONE, DOWNLOADED)
                },
            }
            for member in members
        ],
    }
    write_sentinel(folder.batch(name), dict(record))


def _time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def read_batch(folder: BrainsetFolder, name: str) -> Batch:
    """Return a batch that another process has planned.

    Raises
    ------
    BatchError
        No run that may still be going has planned it.
    """
    plan = read_plan(folder.batch(name))
    members = plan["members"]
    fetches = any(member["fetch"] for member in members)
    assets = [member["asset"] for member in members]
    return Batch(name, assets, fetches, plan["reason"])


def leftovers(folder: BrainsetFolder, names: Iterable[str]) -> list[Path]:
    """Return what an earlier run has left of batches with the same members."""
    try:
        existing = set(os.listdir(folder.batches))
    except OSError:
        return []
    paths = [folder.batch(name, s) for name in names for s in (DOWNLOADED, DONE)]
    return [path for path in paths if path.name in existing]


def remove_batches(folder: BrainsetFolder, but: set[str]) -> None:
    """Remove what earlier runs have planned."""
    try:
        names = os.listdir(folder.batches)
    except OSError:
        return
    for name in names:
        if name.partition(".")[0] not in but and ".broken" not in name:
            try:
                remove_file(folder.batches / name)
            except OSError:
                # Another user's file; this run does not read it.
                pass
