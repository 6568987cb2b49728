"""One job of the workflow, parsed from its command line."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.inputs.arguments import recorded
from brainsets.shared.selection import Selection

__all__ = ["Job", "parse_job"]


@dataclass(frozen=True)
class Job:
    """One job of the workflow: which pipeline, where, for which asset.

    Parameters
    ----------
    brainset, code, code_stamp : str
        The brainset's id, and two hashes of the pipeline's code when the run was
        planned: of what it does, and of its bytes.
    pipeline, raw_dir : Path
        The pipeline's file, and the brainset's own raw folder; absolute.
    folder : BrainsetFolder
        The brainset's own processed folder; absolute.
    asset : str
        The asset's name in file names; empty where a job is for the whole brainset.
    timeout_s : float or None
        Seconds after which the step is killed.
    arguments : list of str
        The pipeline's own arguments.
    batch : Path or None
        The plan of a batch, where a job is for the assets that it names.
    brings_warmth : bool
        Whether the job is to start a warm process of its own.
    own_id : str
        The id that the pipeline's file assigns, where the brainset has another.
    """

    brainset: str
    code: str
    code_stamp: str
    pipeline: Path
    raw_dir: Path
    folder: BrainsetFolder
    asset: str
    timeout_s: float | None
    download_only: bool
    isolated: bool
    selection: Selection
    arguments: list[str]
    batch: Path | None = None
    brings_warmth: bool = False
    own_id: str = ""

    def recorded_args(
        self, arguments: Sequence[str] | None = None, *, with_files: bool = True
    ) -> list[str]:
        """Return arguments, by default the job's, as they are recorded now."""
        # The folder of a published pipeline is not there yet when a run is planned.
        folder = self.pipeline.parent if self.code_stamp else None
        given = self.arguments if arguments is None else arguments
        return recorded(given, folder, with_files=with_files)


def parse_job(argv: Sequence[str]) -> Job:
    """Parse a wrapper's command line; the pipeline's own arguments follow ``--``."""
    argv = list(argv)
    split = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--brainset", required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--code-stamp", required=True)
    parser.add_argument("--pipeline", required=True, type=Path)
    parser.add_argument("--own-id", default="")
    parser.add_argument("--raw-dir", required=True, type=Path)
    parser.add_argument("--processed-dir", required=True, type=Path)
    parser.add_argument("--asset", default="")
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--download-only", action="store_true")
    parser.add_argument("--isolated", action="store_true")
    parser.add_argument("--selection", type=json.loads, default={})
    parser.add_argument("--batch", type=Path)
    parser.add_argument("--warm", action="store_true")
    options = parser.parse_args(argv[:split])
    return Job(
        brainset=options.brainset,
        code=options.code,
        code_stamp=options.code_stamp,
        pipeline=options.pipeline,
        raw_dir=options.raw_dir / options.brainset,
        folder=BrainsetFolder(options.processed_dir / options.brainset),
        asset=options.asset,
        timeout_s=options.timeout,
        download_only=options.download_only,
        isolated=options.isolated,
        selection=Selection(**options.selection),
        arguments=argv[split + 1 :],
        batch=options.batch,
        brings_warmth=options.warm,
        own_id=options.own_id,
    )
