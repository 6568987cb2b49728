"""What can go wrong through no bug of ours: each error is one sentence for a person.

The sentence names the thing, what is allowed and the next step. Whoever shows one of
these to a user shows the sentence alone, without a traceback.
"""

__all__ = [
    "BatchError",
    "BrainsetError",
    "DownloadError",
    "EnvironmentBuildError",
    "HandoffError",
    "ManifestError",
    "OutputError",
    "PipelineError",
    "RecordingError",
    "ReportError",
    "RunLockedError",
    "SelectionError",
    "SettingsError",
    "UnfinishedError",
]


class BrainsetError(Exception):
    """Something a user can mend; its text is the sentence to show."""


class SettingsError(BrainsetError):
    """A setting is unknown, of the wrong type, or names something that is not there."""


class PipelineError(BrainsetError):
    """A pipeline file cannot be found, read or loaded."""


class EnvironmentBuildError(BrainsetError):
    """The interpreter that a pipeline declares cannot be built."""


class ManifestError(BrainsetError):
    """A manifest cannot be written to, or read from, its table."""


class SelectionError(BrainsetError):
    """A setting names an asset that the manifest does not have."""


class BatchError(BrainsetError):
    """A job is to run a batch of assets that nobody plans any more."""


class RunLockedError(BrainsetError):
    """Another run works on the same brainset."""


class UnfinishedError(BrainsetError):
    """A run has ended well, as Snakemake says, and something is not done."""


class DownloadError(BrainsetError):
    """A file of an archive cannot be had, or is not what the archive says it is.

    `status` is what the archive's server answers, where that is the reason.
    """

    status: int | None = None


class RecordingError(BrainsetError):
    """A file is not the recording that its header says it is."""


class HandoffError(BrainsetError):
    """What a download returned cannot be used by the process step."""


class ReportError(BrainsetError):
    """A report cannot be made."""


class OutputError(BrainsetError):
    """What a process step wrote must not be published."""
