"""The paths of all files about one brainset.

The workflow writes its own files into ``_workflow`` in the brainset's processed folder,
so that they are moved and copied together with the data.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["WORKFLOW_FOLDER", "BrainsetFolder"]

WORKFLOW_FOLDER = "_workflow"


@dataclass(frozen=True)
class BrainsetFolder:
    """The processed folder of one brainset, and the paths inside it."""

    root: Path

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        # Without the cached paths.
        return BrainsetFolder, (self.root,)

    @cached_property
    def workflow(self) -> Path:
        """Everything here that is not data."""
        return self.root / WORKFLOW_FOLDER

    @cached_property
    def manifest(self) -> Path:
        """The table of assets."""
        return self.workflow / "manifest.tsv"

    @cached_property
    def listing_failure(self) -> Path:
        """Why the last attempt to list the assets failed; absent if it did not."""
        return self.workflow / "manifest.FAILED"

    @cached_property
    def environment(self) -> Path:
        """The interpreter built for the pipeline."""
        return self.workflow / "environment"

    @cached_property
    def environment_ready(self) -> Path:
        """The file that marks it as complete, and lists its requirements."""
        return self.environment / "ready.json"

    @cached_property
    def environment_failure(self) -> Path:
        """Why the interpreter could not be built; absent if it could."""
        return self.workflow / "environment.FAILED"

    @cached_property
    def summary(self) -> Path:
        """The table of results."""
        return self.workflow / "summary.tsv"

    @cached_property
    def lock(self) -> Path:
        """The file whose kernel locks keep two runs, and two attempts, apart."""
        return self.workflow / "lock"

    @cached_property
    def status(self) -> Path:
        """The folder of all sentinels."""
        return self.workflow / "status"

    def sentinel_files(self) -> set[str]:
        """Return the names of all files in the status folder."""
        try:
            return set(os.listdir(self.status))
        except OSError:
            return set()

    def sentinel(self, name: str, state: str) -> Path:
        """Return the path of one asset's RUNNING, DOWNLOADED, DONE or FAILED."""
        return self.status / f"{name}.{state}"

    def log(self, rule: str, name: str | None = None) -> Path:
        """Return the log of a rule, for one asset where it runs per asset."""
        stem = f"{rule}/{name}" if name else rule
        return self.workflow / "logs" / f"{stem}.log"

    @property
    def batches(self) -> Path:
        """The folder of the plans of jobs that run several assets."""
        return self.workflow / "batches"

    def batch(self, name: str, suffix: str = "json") -> Path:
        """Return the plan of a batch; with another suffix, its sentinel."""
        return self.batches / f"{name}.{suffix}"

    def handoff(self, name: str) -> Path:
        """Return the file that carries what download returned to process."""
        return self.workflow / "handoff" / f"{name}.pkl"

    def staging(self, name: str) -> Path:
        """Return the folder of an attempt's output before it is published."""
        return self.workflow / "staging" / name

    def processed(self, name: str) -> Path:
        """Return what a step usually gets as its `processed_dir`.

        It has the brainset's name, and the folders above it are the asset's alone.
        """
        return self.staging(name) / "_" / "_" / self.root.name

    @cached_property
    def outputs(self) -> Path:
        """The folder of records and claims: which asset has published what."""
        return self.workflow / "outputs"

    def record(self, name: str) -> Path:
        """Return the file that lists what one asset has published, or is about to."""
        # Not the output's own name, as a search for *.h5 must not find it.
        return self.outputs / f"{name}.json"
