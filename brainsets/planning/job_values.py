"""What rules ask about a job, by its wildcards: inputs, resources, parameters.

A function with `output` among its arguments gives a value that Snakemake does not
compare between runs.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from brainsets.planning.batches import Batch
from brainsets.planning.command_lines import batch_command, job_command
from brainsets.planning.pending import outdated_listing
from brainsets.planning.run import Run
from brainsets.planning.settings import Brainset, Step
from brainsets.planning.snakemake_compat import Invocation, cache_signature
from brainsets.shared.state.sentinels import DONE, DOWNLOADED
from brainsets.shared.text.lines import asset_title

__all__ = ["JobValues"]

# What Snakemake itself takes in a job of a cluster, beside the step.
_SNAKEMAKE_MB = 300
# Waiting for an archive takes no core.
_MIN_THREADS = {"download": 0, "process": 1}


class JobValues:
    """Answers to what rules ask; methods that take a step return functions for it.

    Parameters
    ----------
    run : Run
        What is to be done.
    invocation : Invocation
        How Snakemake was called.
    scripts : Path
        The folder of the rules' wrappers.
    """

    def __init__(self, run: Run, invocation: Invocation, scripts: Path) -> None:
        self._run = run
        self._invocation = invocation
        self._scripts = scripts

    def brainset(self, wildcards: Any) -> Brainset:
        """Return the brainset that a job is for."""
        return self._run.brainsets[wildcards.brainset]

    def _step(self, wildcards: Any, step: str) -> Step:
        return self.brainset(wildcards).step(step)

    def _batch(self, wildcards: Any) -> Batch:
        return self._run.batch_named(wildcards.brainset, wildcards.batch)

    def _asset(self, wildcards: Any) -> str:
        names = self._run.manifest(self.brainset(wildcards)).names
        asset = names.asset(wildcards.asset)
        if asset is None:
            raise KeyError(wildcards.asset)
        return asset

    def _runs_here(self, step: str) -> bool:
        """Whether a step runs on the machine that runs Snakemake, not on a cluster."""
        on_head = self._run.settings.downloads_on == "head"
        return self._invocation.is_local or (step == "download" and on_head)

    @cache_signature
    def environment(self, wildcards: Any) -> list[str]:
        """Return the environment that has to be built first, if one has."""
        repair = self._invocation.is_executing
        return self._run.environments.needed(self.brainset(wildcards), repair=repair)

    def environment_to_list(self, wildcards: Any) -> list[str]:
        """Return the environment that has to be built for the list of assets."""
        needs, repair = self._run.environments, self._invocation.is_executing
        return needs.needed_to_list(self.brainset(wildcards), repair=repair)

    @cache_signature
    def download_needs(self, wildcards: Any) -> list[str]:
        """Return what the download of an asset waits for.

        Nothing, where it is complete: neither a list nor an environment that was made
        since means that it is to be repeated.
        """
        brainset = self.brainset(wildcards)
        if self._run.has_pending(brainset.id):
            asset = self._run.manifest(brainset).names.asset(wildcards.asset)
            if asset is not None and not self._run.fetches(brainset.id, asset):
                return []
        return [str(brainset.folder.manifest), *self.environment(wildcards)]

    def batch_downloads(self, wildcards: Any) -> list[str]:
        """Return what the processing of a batch waits for."""
        batch, folder = self._batch(wildcards), self.brainset(wildcards).folder
        return [str(folder.batch(batch.name, DOWNLOADED))] if batch.fetches else []

    def summarized(self, wildcards: Any, checkpoints: Any) -> list[str]:
        """Return what a summary waits for; `checkpoints` are Snakemake's."""
        checkpoints.write_manifest.get(brainset=wildcards.brainset)
        return self._run.sentinels(self.brainset(wildcards), DONE)

    def mem_mb(self, step: str) -> Callable[..., int]:
        """Return a function: the MB to ask for, more with each attempt."""

        @cache_signature
        def mem_mb(wildcards: Any, attempt: int) -> int:
            asked = self._step(wildcards, step).mem_mb * attempt
            return asked if self._runs_here(step) else asked + _SNAKEMAKE_MB

        return mem_mb

    def minutes(self, step: str) -> Callable[..., int]:
        """Return a function: the minutes to ask for, more with each attempt."""

        @cache_signature
        def runtime(wildcards: Any, attempt: int) -> int:
            return self._step(wildcards, step).runtime * attempt

        return runtime

    def minutes_of_batch(self, step: str) -> Callable[..., int]:
        """Return a function: the minutes of all assets of a batch together."""

        def runtime(wildcards: Any, attempt: int) -> int:
            assets = len(self._batch(wildcards).assets)
            return self._step(wildcards, step).runtime * assets * attempt

        return runtime

    def threads(self, step: str) -> Callable[..., int]:
        """Return a function: the cores to ask for."""

        @cache_signature
        def threads(wildcards: Any) -> int:
            asked = max(self._step(wildcards, step).threads, _MIN_THREADS[step])
            return asked if self._runs_here(step) else max(asked, 1)

        return threads

    def other_resources(self, step: str) -> dict[str, Callable[..., Any]]:
        """Return functions by name: what else the settings ask a scheduler for."""
        steps = [brainset.step(step) for brainset in self._run.brainsets.values()]
        names = sorted({name for each in steps for name in each.resources})
        return {name: partial(self._other_resource, step, name) for name in names}

    def _other_resource(
        self,
        step: str,
        name: str,
        wildcards: Any,
        input: Any,
        attempt: int,
        threads: int,
    ) -> Any:
        asked = self._step(wildcards, step).resources.get(name)
        if asked is not None:
            return asked
        # A brainset that does not ask for it, when others do, gets the profile's.
        aux = {"input": input, "attempt": attempt, "threads": threads}
        return self._invocation.default_resource(name, wildcards, **aux)

    def environment_key(self, wildcards: Any) -> str:
        """Return what decides what is in an environment."""
        return self.brainset(wildcards).source.environment_key or "none declared"

    @cache_signature
    def code(self, wildcards: Any) -> str:
        """Return the hash of the pipeline's code; a change runs assets again."""
        return self.brainset(wildcards).source.code

    @cache_signature
    def args(self, wildcards: Any) -> list[str]:
        """Return the pipeline's arguments; a change runs assets again."""
        return self.brainset(wildcards).counted_args

    @cache_signature
    def row_hash(self, wildcards: Any) -> str:
        """Return the hash of an asset's row; a change runs the asset again."""
        manifest = self._run.manifest(self.brainset(wildcards))
        return manifest.row_hash(self._asset(wildcards))

    @cache_signature
    def asset(self, wildcards: Any, output: Any) -> str:
        """Return an asset's id for people, on one line."""
        return asset_title(self._asset(wildcards))

    @cache_signature
    def reason(self, wildcards: Any, output: Any) -> str:
        """Return why an asset is run, for people."""
        names = self._run.manifest(self.brainset(wildcards)).names
        return self._run.reason_of(wildcards.brainset, names.asset(wildcards.asset))

    def batch_members(self, wildcards: Any, output: Any) -> str:
        """Return the ids of a batch's assets for people, on one line."""
        batch = self._batch(wildcards)
        count = len(batch.assets)
        noun = "asset" if count == 1 else "assets"
        named = ", ".join(map(asset_title, batch.assets))
        return f"{count} {noun}: {named} ({batch.reason})"

    def listing_reason(self, wildcards: Any, output: Any) -> str:
        """Return why the assets of a brainset are listed, for people."""
        brainset = self.brainset(wildcards)
        if not os.path.lexists(brainset.folder.manifest):
            return "new"
        return outdated_listing(brainset) or (
            "failed before" if brainset.folder.listing_failure.exists() else "asked for"
        )

    def listing_command(self, rule: str) -> Callable[..., str]:
        """Return a function: the command line that lists a brainset's assets."""
        script = self._scripts / f"{rule}.py"

        def command(wildcards: Any, output: Any) -> str:
            brainset = self.brainset(wildcards)
            return job_command(self._run.settings, script, brainset, "", None)

        return command

    def asset_command(self, rule: str, step: str) -> Callable[..., str]:
        """Return a function: the command line of a step of an asset."""
        return self._command(job_command, "asset", rule, step)

    def batch_command(self, rule: str, step: str) -> Callable[..., str]:
        """Return a function: the command line of a step of a batch."""
        return self._command(batch_command, "batch", rule, step)

    def _command(
        self, make: Callable[..., str], subject: str, rule: str, step: str
    ) -> Callable[..., str]:
        script = self._scripts / f"{rule}.py"

        @cache_signature
        def command(wildcards: Any, output: Any, threads: int) -> str:
            # Only jobs that this process starts itself can share a warm process.
            is_near = self._invocation.is_executing and self._runs_here(step)
            return make(
                self._run.settings,
                script,
                self.brainset(wildcards),
                getattr(wildcards, subject),
                self._step(wildcards, step),
                threads if is_near else None,
            )

        return command
