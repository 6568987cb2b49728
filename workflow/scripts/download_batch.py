"""Wrapper of the rule download_batch: wiring only, see brainsets.jobs.batches."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too, and keep their path.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.batches import download_batch
    from brainsets.warm.requests import run_batch

    raise SystemExit(run_batch(download_batch, sys.argv[1:]))
