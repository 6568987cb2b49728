"""Where everything about one brainset lies on disk.

All that the workflow writes stands under ``_workflow`` in the brainset's processed
folder, beside the data it speaks of, so that it travels with them.
"""

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
        # Without the paths that are kept.
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
        """What says that this interpreter is whole, and what was asked for."""
        return self.environment / "ready.json"

    @cached_property
    def environment_failure(self) -> Path:
        """Why the interpreter could not be built; absent if it could."""
        return self.workflow / "environment.FAILED"

    @cached_property
    def summary(self) -> Path:
        """The table of what came out."""
        return self.workflow / "summary.tsv"

    @cached_property
    def lock(self) -> Path:
        """The file whose kernel locks keep two runs, and two attempts, apart."""
        return self.workflow / "lock"

    @cached_property
    def status(self) -> Path:
        """The folder of all sentinels."""
        return self.workflow / "status"

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
        """Return the plan of a batch; with another suffix, what says how far it is."""
        return self.batches / f"{name}.{suffix}"

    def handoff(self, name: str) -> Path:
        """Return the file that carries what download returned to process."""
        return self.workflow / "handoff" / f"{name}.pkl"

    def staging(self, name: str) -> Path:
        """Return the folder of all that an attempt writes before it is published."""
        return self.workflow / "staging" / name

    def processed(self, name: str) -> Path:
        """Return what a step gets as its `processed_dir`, most often.

        It is called like the brainset, and the folders above it are the asset's alone.
        """
        return self.staging(name) / "_" / "_" / self.root.name

    @cached_property
    def outputs(self) -> Path:
        """The folder that says which asset has published what."""
        return self.workflow / "outputs"

    def record(self, name: str) -> Path:
        """Return the file that lists what one asset has published, or is about to."""
        # Not the output's own name: whoever looks for all *.h5 must not find this.
        return self.outputs / f"{name}.json"
