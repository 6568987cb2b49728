"""How far a run is, kept up to date by its events and by reading sentinels.

An event costs the same however many assets there are. A look lists one folder; who
calls it decides how often that may be.
"""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from brainsets.display.eta import Pace
from brainsets.planning.pending import Pending
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.asset_state import asset_state
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    FAILED,
    RUNNING,
    read_sentinel,
)
from brainsets.shared.state.status import failure_summary, why_skipped

__all__ = ["BrainsetProgress", "AssetEvent"]

# Lines that are shown; each costs the reading of a file.
_MAX_RUNNING = 40


@dataclass(frozen=True)
class AssetEvent:
    """Something that became of one asset.

    `state` is DOWNLOADED, DONE or FAILED; `failure` what a FAILED sentinel says, with
    the keys of a failure in docs/status_json.md.
    """

    brainset: str
    asset: str
    state: str
    failure: dict[str, Any] | None = None


class BrainsetProgress:
    """What a run has done of one brainset, of the assets that it was asked for.

    Parameters
    ----------
    folder : BrainsetFolder
        The brainset's folder.
    download_only : bool
        Whether an asset is finished when it is downloaded.
    """

    def __init__(self, folder: BrainsetFolder, *, download_only: bool = False) -> None:
        self.folder = folder
        self.brainset = folder.root.name
        self.total: int | None = None
        self.failed = 0
        self.note = ""
        self.planned_at = 0.0
        self.pace = Pace()
        self.running: list[dict[str, Any]] = []
        self.more_running = 0
        self._goal = DOWNLOADED if download_only else DONE
        # By name in file names: the id, and what became of it in this run.
        self._assets: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._finished = 0
        self._to_download: set[str] = set()
        self._to_process: set[str] = set()
        # Sentinels of earlier runs, and when they were written.
        self._before: dict[str, int] = {}
        # Names of sentinels that need not be looked at again.
        self._settled: set[str] = set()
        self._failures_read: dict[str, tuple[int, float]] = {}
        self._failed_steps: dict[str, Any] = {}

    @property
    def done(self) -> int:
        """Assets that are finished, now or before this run."""
        if self.total is None:
            return 0
        return self.total - len(self._assets) + self._finished

    def plan(self, total: int, pending: Iterable[Pending]) -> None:
        """Take over what is to be done.

        Parameters
        ----------
        total : int
            Assets that are selected, up to date or not.
        pending : iterable of Pending
            Those that are to be run, with those of earlier calls.
        """
        self.total = total
        self.planned_at = time.time()
        for asset in pending:
            if asset.name in self._assets:
                continue
            self._assets[asset.name] = asset.asset
            self._names[asset.asset] = asset.name
            if asset.fetch:
                self._to_download.add(asset.name)
            if self._goal == DONE:
                self._to_process.add(asset.name)
            for state in (DONE, DOWNLOADED, FAILED):
                file = f"{asset.name}.{state}"
                written = self._written(file)
                if written is not None:
                    self._before[file] = written

    def asset(self, name: str) -> str | None:
        """Return the id of an asset that is to be done, by its name in file names."""
        return self._assets.get(name)

    def why_skipped(self, event: AssetEvent) -> str | None:
        """Return why an asset that is finished was skipped, None if it was not."""
        if event.state != self._goal:
            return None
        path = self.folder.sentinel(self._names[event.asset], event.state)
        return why_skipped(path)

    def remaining(self) -> dict[str, int]:
        """Return for each step the number of assets that still need it."""
        return {"download": len(self._to_download), "process": len(self._to_process)}

    def left_s(self, now: float) -> float | None:
        """Return how many seconds are left, None if that is not known."""
        return self.pace.left_s(self.remaining(), now)

    def finish(self, name: str, step: str) -> AssetEvent | None:
        """Take over that a step of an asset has succeeded, as Snakemake says."""
        state = DOWNLOADED if step == "download" else DONE
        self._before.pop(f"{name}.{state}", None)
        return self._become(name, state)

    def fail(self, name: str, begun: float) -> tuple[bool, AssetEvent | None]:
        """Take over that a job of an asset has failed, as Snakemake says.

        Parameters
        ----------
        name : str
            The asset's name in file names.
        begun : float
            When the job began, as ``time.time()`` gives it.

        Returns
        -------
        is_known : bool
            Whether the asset's sentinel says why.
        event : AssetEvent or None
            What it says, unless a look has found it before.
        """
        written = self._written(f"{name}.{FAILED}")
        if written is None or written == self._before.get(f"{name}.{FAILED}"):
            return False, None
        told, at = self._failures_read.get(name, (None, 0.0))
        if told == written:
            return at >= begun, None
        event = self._read_failure(name, written)
        return event is not None, event

    def has_failed_since(self, assets: Iterable[str], began: float) -> bool:
        """Whether one of these assets, by id, is known to have failed since a time."""
        names = (self._names.get(asset, "") for asset in assets)
        return any(
            self._failures_read.get(name, (0, 0.0))[1] >= began for name in names
        )

    def look(self) -> list[AssetEvent]:
        """Look at the sentinels; return what became of assets since the last look."""
        found = self.folder.sentinel_files()
        events: list[AssetEvent] = []
        running = []
        for file in found - self._settled:
            name, _, state = file.rpartition(".")
            if name not in self._assets:
                self._settled.add(file)
            elif state == RUNNING:
                running.append(name)
            else:
                events += self._news(name, state, file)
        self._gather(running)
        return events

    def _news(self, name: str, state: str, file: str) -> Iterator[AssetEvent]:
        if state not in (DONE, DOWNLOADED, FAILED):
            self._settled.add(file)
            return
        before = self._before.get(file)
        if before is not None or state == FAILED:
            written = self._written(file)
            if written is None or written == before:
                return
            if state == FAILED:
                if self._failures_read.get(name, (None, 0.0))[0] != written:
                    event = self._read_failure(name, written)
                    if event is not None:
                        yield event
                return
            del self._before[file]
        self._settled.add(file)
        event = self._become(name, state)
        if event is not None:
            yield event

    def _become(self, name: str, state: str) -> AssetEvent | None:
        was = self._states.get(name)
        if name not in self._assets or was in (state, DONE):
            return None
        if was == FAILED and state == DOWNLOADED:
            # A late event: since then, processing what was downloaded has failed.
            if self._failed_steps.get(name) != "download":
                return None
        self._states[name] = state
        self._to_download.discard(name)
        if state == self._goal or state == DONE:
            self._finished += 1
            self._to_process.discard(name)
        if was == FAILED:
            self.failed -= 1
            if state == DOWNLOADED and self._goal == DONE:
                self._to_process.add(name)
        return AssetEvent(self.brainset, self._assets[name], state)

    def _read_failure(self, name: str, written: int) -> AssetEvent | None:
        record = read_sentinel(self.folder.sentinel(name, FAILED))
        if record is None or name not in self._assets:
            return None
        self._failures_read[name] = (written, time.time())
        if self._states.get(name) != FAILED:
            self.failed += 1
            self._states[name] = FAILED
        self._failed_steps[name] = record.get("step")
        self._to_download.discard(name)
        self._to_process.discard(name)
        asset = self._assets[name]
        return AssetEvent(self.brainset, asset, FAILED, failure_summary(record))

    def _gather(self, names: list[str]) -> None:
        """Read what the assets that are being worked on say of themselves."""
        records = []
        for name in sorted(names)[:_MAX_RUNNING]:
            state, record = asset_state(self.folder, name, {f"{name}.{RUNNING}"})
            # One whose process is gone was left by a run that was killed.
            if state == RUNNING:
                records.append({**record, "asset": self._assets[name]})
        self.running = records
        self.more_running = max(len(names) - _MAX_RUNNING, 0)

    def _written(self, file: str) -> int | None:
        try:
            return os.stat(self.folder.status / file).st_mtime_ns
        except OSError:
            return None
