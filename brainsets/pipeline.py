"""The contract between a dataset and this workflow: one class, three methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BrainsetPipeline", "SkipAsset"]

_MAX_STATUS_LENGTH = 500


class SkipAsset(Exception):
    """Raised by `download` or `process`: there is nothing to convert, now or later.

    The text says why. The asset is SKIPPED then, which is no failure; it is tried again
    when its row, the code or the arguments change.
    """


class BrainsetPipeline(ABC):
    """Lists, fetches and converts the recordings of one public dataset.

    A pipeline is a file ``pipeline.py`` with a class ``Pipeline`` derived from this
    one. The workflow makes an instance for each step of each asset, in a process of
    its own: nothing but what `download` returns, and what it sets on ``self``, reaches
    `process`.

    Parameters
    ----------
    raw_dir : Path
        Folder for what is fetched; absolute, exists, shared by all assets.
    processed_dir : Path
        Folder for what `process` writes; absolute, exists. Files written there appear
        in the brainset's folder once the whole step has succeeded.
    args : Namespace or None
        The pipeline's own arguments, parsed by `parser`; None without a parser.
    tracker_handle : object, optional
        Takes status texts: ``tracker_handle.update_status.remote(asset_id, status)``.
    download_only : bool, optional
        Whether `_run_item` stops after `download`.

    Examples
    --------
    >>> class Pipeline(BrainsetPipeline):
    ...     brainset_id = "author_topic_2024"
    ...
    ...     @classmethod
    ...     def get_manifest(cls, raw_dir, args):
    ...         return pd.DataFrame({"session_id": ["a"]}).set_index("session_id")
    ...
    ...     def download(self, manifest_item):
    ...         return self.raw_dir / f"{manifest_item.Index}.edf"
    ...
    ...     def process(self, download_output):
    ...         (self.processed_dir / "a.h5").write_bytes(b"")
    """

    brainset_id: str
    """Names the dataset and its folders: letters, digits, ``.``, ``_`` and ``-``. The
    settings may give another id to what a pipeline prepares; it is this one then."""

    earlier_manifest: ClassVar[Path | None] = None
    """While assets are listed: the table of the last time, as `read_manifest` of
    `brainsets.shared.manifest` reads it; None if there is none. For pipelines that keep
    to what was chosen then, such as the version of a dataset."""

    parser: ArgumentParser | None = None
    """Parses the pipeline's own arguments; ``--redownload`` is set by the workflow
    after an attempt that may have left a truncated raw file."""

    args: Any  # a Namespace with what the pipeline's own parser gives; None without one
    raw_dir: Path
    processed_dir: Path
    _asset_id: str

    def __init__(
        self,
        raw_dir: Path,
        processed_dir: Path,
        args: Namespace | None,
        tracker_handle: Any = None,
        download_only: bool = False,
    ) -> None:
        self.raw_dir = raw_dir
        self.processed_dir = processed_dir
        self.args = args
        self._tracker_handle = tracker_handle
        self._download_only = download_only

    @classmethod
    @abstractmethod
    def get_manifest(cls, raw_dir: Path, args: Any) -> pd.DataFrame:
        """List the assets of the dataset.

        Lines that it prints go to the log; those that begin with ``[Note]`` are also
        shown to whoever has the assets listed.

        Parameters
        ----------
        raw_dir, args
            As for an instance.

        Returns
        -------
        pandas.DataFrame
            One row per asset; its index identifies them, each id once.
        """

    @abstractmethod
    def download(self, manifest_item: Any) -> Any:
        """Fetch one asset into `raw_dir`.

        Parameters
        ----------
        manifest_item : namedtuple
            The asset's row as ``DataFrame.itertuples()`` gives it: ``.Index`` and one
            attribute per column.

        Returns
        -------
        object
            Whatever `process` needs; best a path, or a tuple of paths.
        """

    @abstractmethod
    def process(self, download_output: Any) -> None:
        """Convert one asset and write the result into `processed_dir`.

        Parameters
        ----------
        download_output : object
            What `download` returned.
        """

    # A pipeline may have a method look(manifest_item): an iterable of mappings, one for
    # each object of an asset, with what `brainsets look` is to show of it.

    def update_status(self, status: str) -> None:
        """Say in a few words what is being done; shown live and in the log."""
        if self._tracker_handle is not None:
            self._tracker_handle.update_status.remote(self._asset_id, status)
        # A tracker of ours knows which secrets the arguments have brought.
        shown = getattr(self._tracker_handle, "shown", str)
        print(f"[Status] {shown(status)[:_MAX_STATUS_LENGTH]}", flush=True)

    def _run_item(self, manifest_item: Any) -> None:
        """Run both steps of one asset in this process, as the published class does."""
        self._asset_id = manifest_item.Index
        output = self.download(manifest_item)
        if not self._download_only:
            self.process(output)
        self.update_status("DONE")
