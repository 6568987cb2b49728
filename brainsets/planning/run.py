"""The plan of one run: its targets, the assets that are to be run, their batches."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from brainsets.errors import RunLockedError, SettingsError
from brainsets.planning.batches import (
    Batch,
    Capacity,
    automatic_size,
    cut,
    leftovers,
    planned_batch,
    read_batch,
    remove_batches,
    write_batch,
)
from brainsets.planning.cleanup import (
    dead_links,
    remove_obstacles,
    remove_partial_files,
)
from brainsets.planning.environment_needs import EnvironmentNeeds
from brainsets.planning.pending import Pending, needs_listing, pending_assets
from brainsets.planning.settings import Brainset, Settings
from brainsets.shared.files import is_regular
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.inputs.raw_folder_check import why_unusable
from brainsets.shared.locks import conflicting_run, lock_run
from brainsets.shared.manifest import Manifest, Manifests
from brainsets.shared.state.sentinels import DONE, DOWNLOADED, read_sentinel
from brainsets.shared.text.lines import single_line

__all__ = ["Run"]

_UNKNOWN = "unknown"
_STEP_RULES = ("download_asset", "process_asset", "download_batch", "process_batch")


class Run:
    """One run of the workflow, as the rules see it.

    Parameters
    ----------
    settings : Settings
        The checked settings.
    is_forced : callable
        Whether one of some rules is to be run whether or not it has to; known
        only after the Snakefile was parsed.
    capacity : callable
        What there is to run jobs; known only then, too.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        is_forced: Callable[..., bool] = lambda *rules: False,
        capacity: Callable[[], Capacity] = Capacity,
    ) -> None:
        self.settings = settings
        self._is_forced = is_forced
        self._capacity = capacity
        self.brainsets = settings.brainsets
        self.environments = EnvironmentNeeds(is_forced)
        self.read_manifest = Manifests().read
        self._wanted: dict[str, dict[str, Pending]] = {}
        # By brainset and asset: when an outdated sentinel of success was written.
        self._before: dict[str, dict[str, Any]] = {}
        self._planned: set[str] = set()
        self._batches: dict[str, dict[str, Batch]] = {}

    @property
    def brainset_pattern(self) -> str:
        """What the wildcard of a brainset may be."""
        return "|".join(name.replace(".", r"\.") for name in self.brainsets)

    @cached_property
    def processed_dir(self) -> str:
        """The folder of all results, as Snakemake's paths start with it."""
        any_brainset = next(iter(self.brainsets.values()))
        return str(any_brainset.processed_dir)

    @property
    def goal(self) -> str:
        """The state of an asset that is finished."""
        return DOWNLOADED if self.settings.download_only else DONE

    def asked_for(self, brainset: Brainset) -> tuple[list[str], dict[str, Any]]:
        """Return what was to be run, by id, and when outdated results of it were made.

        All that is selected, where this was never found out.
        """
        rows = self.manifest(brainset).rows
        selected = brainset.selection.apply(brainset.id, list(rows))
        wanted = self._wanted.get(brainset.id, {})
        if brainset.id in self._planned:
            selected = [asset for asset in selected if asset in wanted]
        return selected, self._before.get(brainset.id, {})

    def manifest(self, brainset: Brainset) -> Manifest:
        """Return a brainset's manifest, read anew only when its files have changed."""
        return self.read_manifest(brainset.folder.manifest)

    def check_free(self) -> None:
        """Make sure that no other run works on one of the brainsets.

        Writes nothing; links that lead nowhere are removed before Snakemake sees them.
        """
        for brainset in self.brainsets.values():
            self._refuse(brainset, conflicting_run(brainset.folder.lock))
            for link in dead_links(brainset.folder):
                link.unlink(missing_ok=True)

    def lock(self) -> None:
        """Keep other runs away from the brainsets until this process ends."""
        for brainset in self.brainsets.values():
            self._refuse(brainset, lock_run(brainset.folder.lock))
            remove_obstacles(brainset.folder)
            # Jobs of an earlier run that still wait would find their assets taken.
            remove_batches(brainset.folder, {*self._batches.get(brainset.id, ())})
            remove_partial_files(brainset.folder)

    @staticmethod
    def _refuse(brainset: Brainset, holder: Mapping[str, Any] | None) -> None:
        if holder is None:
            return
        keys = ("pid", "host", "since")
        pid, host, since = (single_line(holder.get(key, _UNKNOWN), 80) for key in keys)
        raise RunLockedError(
            f"{brainset.id}: another run works on {brainset.folder.root}, process "
            f"{pid} on {host} since {since}; "
            "wait for it, or end it."
        )

    def pending(self, brainset: Brainset) -> list[Pending]:
        """Return the assets that are to be run, with what was asked for before.

        What this process has once asked of Snakemake stays asked for: a job must not
        vanish from its plan because it has succeeded.
        """
        manifest = self.manifest(brainset)
        selected = brainset.selection.apply(brainset.id, list(manifest.rows))
        wanted = self._wanted.setdefault(brainset.id, {})
        existing = brainset.folder.sentinel_files()
        found = pending_assets(
            brainset,
            manifest,
            [asset for asset in selected if asset not in wanted],
            download_only=self.settings.download_only,
            existing=existing,
        )
        wanted.update({pending.asset: pending for pending in found})
        before = self._before.setdefault(brainset.id, {})
        for pending in found:
            if self.goal in pending.stale:
                path = brainset.folder.sentinel(pending.name, self.goal)
                before[pending.asset] = (read_sentinel(path) or {}).get("ended")
        if self._is_forced(*_STEP_RULES):
            fetch = self._is_forced("download_asset", "download_batch")
            for asset in selected:
                name = manifest.names[asset]
                asked = Pending(asset, name, "asked for", fetch=False)
                known = wanted.get(asset, asked)
                wanted[asset] = replace(known, fetch=known.fetch or fetch)
        return [wanted[asset] for asset in manifest.rows if asset in wanted]

    def targets(
        self,
        brainset_id: str,
        checkpoints: Any,
        force: Callable[[list[str]], None],
        *,
        plans_jobs: bool = False,
    ) -> list[str]:
        """Return the files that a run has to bring about for one brainset.

        Parameters
        ----------
        brainset_id : str
            The brainset.
        checkpoints : object
            Snakemake's; asked for the manifest, so that it is written first.
        force : callable
            Called with files that are there but outdated, which Snakemake cannot know
            when its own records are lost.
        plans_jobs : bool
            Whether they are to be brought about, or are shown as such: then the raw
            folder has to be there, unless nothing needs it.

        Raises
        ------
        SettingsError
            There is no raw folder, and can be none.
        """
        brainset = self.brainsets[brainset_id]
        folder = brainset.folder
        for link in dead_links(folder):
            raise SettingsError(
                f"{link} is a link that leads nowhere; remove it, or start the run, "
                "which does so."
            )
        lists = not folder.manifest.exists() or self._is_forced("write_manifest")
        if needs_listing(brainset):
            force([str(folder.manifest)])
            lists = True
        if plans_jobs and lists:
            self._check_raw_dir(brainset)
        # The manifest always: a rule without any input is one that always runs.
        targets = [str(folder.manifest)]
        if lacking := self.environments.needed(brainset):
            force(lacking)
            if self.environments.is_replaced(brainset):
                # Also where nothing else wants it.
                targets += lacking
        checkpoints.write_manifest.get(brainset=brainset_id)
        state = self.goal
        pending = self.pending(brainset)
        self._planned.add(brainset_id)
        if plans_jobs and pending:
            self._check_raw_dir(brainset)
        if brainset.batch_size == 1:
            targets += [str(folder.sentinel(p.name, state)) for p in pending]
            stale = [(p.name, outdated) for p in pending for outdated in p.stale]
            force([str(folder.sentinel(*each)) for each in stale])
        else:
            batches = self.batches(brainset)
            targets += [str(folder.batch(name, state)) for name in batches]
            force([str(path) for path in leftovers(folder, batches)])
        if not self.settings.download_only and (
            pending or not folder.summary.exists() or self._summary_is_old(folder)
        ):
            targets.append(str(folder.summary))
            if os.path.lexists(folder.summary) and not is_regular(folder.summary):
                force(targets[-1:])
        return targets

    @staticmethod
    def _check_raw_dir(brainset: Brainset) -> None:
        if reason := why_unusable(brainset.raw_dir / brainset.id):
            raise SettingsError(f"raw_dir: {reason}")

    @staticmethod
    def _summary_is_old(folder: BrainsetFolder) -> bool:
        return folder.summary.stat().st_mtime_ns < folder.manifest.stat().st_mtime_ns

    def sentinels(self, brainset: Brainset, state: str) -> list[str]:
        """Return the files that tell that all that is to be run is in a state."""
        folder = brainset.folder
        if brainset.batch_size != 1:
            return [str(folder.batch(name, state)) for name in self.batches(brainset)]
        return [str(folder.sentinel(p.name, state)) for p in self.pending(brainset)]

    def batches(self, brainset: Brainset) -> dict[str, Batch]:
        """Return the batches of the assets that are to be run, by their names.

        They stay as they are while this process lives.
        """
        found = self._batches.setdefault(brainset.id, {})
        planned = {asset for batch in found.values() for asset in batch.assets}
        pending = [p for p in self.pending(brainset) if p.asset not in planned]
        if not pending:
            return found
        manifest, capacity = self.manifest(brainset), self._capacity()
        size = brainset.batch_size
        if isinstance(size, str):
            # The only word that is allowed here is "auto".
            size = automatic_size(brainset.folder, manifest, len(pending), capacity)
        for name, members in cut(pending, size):
            found[name] = planned_batch(name, members)
            if capacity.is_executing:
                write_batch(brainset.folder, manifest, name, members, capacity)
        return found

    def batch_named(self, brainset_id: str, name: str) -> Batch:
        """Return a batch by its name."""
        planned = self._batches.get(brainset_id, {}).get(name)
        return planned or read_batch(self.brainsets[brainset_id].folder, name)

    def has_pending(self, brainset_id: str) -> bool:
        """Whether assets were found that are to be run."""
        return bool(self._wanted.get(brainset_id))

    def reason_of(self, brainset_id: str, asset: str | None) -> str:
        """Return why an asset is run, by its id."""
        pending = self._wanted.get(brainset_id, {}).get(asset or "")
        return pending.reason if pending else "asked for"

    def fetches(self, brainset_id: str, asset: str) -> bool:
        """Whether a run of an asset begins with its download."""
        pending = self._wanted.get(brainset_id, {}).get(asset)
        return pending is None or pending.fetch

    def plan(self, brainset_id: str) -> tuple[int, list[Pending]]:
        """Return how many assets are selected, and which of them are to be run.

        As `targets` has found it, which has been called before.
        """
        brainset = self.brainsets[brainset_id]
        rows = list(self.manifest(brainset).rows)
        selected = brainset.selection.apply(brainset.id, rows)
        return len(selected), list(self._wanted.get(brainset_id, {}).values())
