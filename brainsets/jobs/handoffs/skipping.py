"""Assets that a pipeline skips: what is kept of it between download and process."""

from dataclasses import dataclass
from pathlib import Path

from brainsets.jobs.code.outside_modules import hash_outside_modules
from brainsets.pipeline import SkipAsset
from brainsets.supervision.failures import reason_to_skip

__all__ = ["Skipped", "SkippedBefore"]


@dataclass(frozen=True)
class Skipped:
    """Why an asset was skipped, and the code that said so.

    Parameters
    ----------
    reason : str
        Why, as the pipeline says.
    code : str
        The hash of the pipeline's code.
    imported : dict
        Hashes of modules that it had imported from elsewhere.
    """

    reason: str
    code: str
    imported: dict[str, str]

    @classmethod
    def now(cls, reason: SkipAsset, pipeline: Path, code: str) -> "Skipped":
        """Return what was just raised by a pipeline."""
        return cls(reason_to_skip(reason), code, hash_outside_modules(pipeline))


class SkippedBefore(SkipAsset):
    """Download has skipped the asset, so there is nothing to process."""

    def __init__(self, skipped: Skipped) -> None:
        super().__init__(skipped.reason)
        self.skipped = skipped
