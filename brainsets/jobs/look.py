"""Show what is in one asset, as its pipeline says, without preparing it."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, PipelineError
from brainsets.jobs.code.loading import load_pipeline, parsed_args
from brainsets.jobs.job import Job
from brainsets.jobs.job_process import set_up_process
from brainsets.pipeline import SkipAsset
from brainsets.shared.manifest import find_row
from brainsets.supervision.failures import failure_from_exception, say_error

__all__ = ["look_at_asset"]


def look_at_asset(job: Job) -> int:
    """Write what the pipeline's ``look`` returns to the standard output, as JSON.

    Returns
    -------
    int
        The exit status: 0 on success.
    """
    set_up_process(job)
    # What the pipeline prints is no part of the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            text = json.dumps(_objects(job, Path(folder)), default=_plain)
        with open(answer, "w", encoding="utf-8") as file:
            file.write(text)
    except SkipAsset as reason:
        say_error(f"{job.brainset}: there is nothing to look at: {reason}")
        return 1
    except (BrainsetError, OSError) as error:
        say_error(f"{job.brainset}: {error}")
        return 1
    except (Exception, SystemExit) as error:
        failure_from_exception(error)
        return 1
    return 0


def _objects(job: Job, folder: Path) -> list[dict[str, Any]]:
    pipeline = load_pipeline(job.pipeline)
    if job.own_id:
        pipeline.brainset_id = job.brainset
    if not callable(getattr(pipeline, "look", None)):
        raise PipelineError(
            f"the pipeline {job.pipeline} has no method look(manifest_item), so it "
            "cannot say what is in a recording that is not prepared."
        )
    instance = pipeline(
        raw_dir=job.raw_dir,
        processed_dir=folder,
        args=parsed_args(pipeline, job.arguments),
    )
    row = find_row(job.folder.manifest, job.asset).row()
    instance._asset_id = row.Index
    found = instance.look(row)
    if hasattr(found, "to_dict"):
        found = found.to_dict("records")
    found = list(found)
    if not all(isinstance(entry, Mapping) for entry in found):
        raise PipelineError(
            f"{job.pipeline}: look has to return a mapping for each object."
        )
    return [{str(key): value for key, value in entry.items()} for entry in found]


def _plain(value: Any) -> Any:
    """Return numbers and arrays of other libraries as JSON has them, others as text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
