"""Wrapper of the rule process_batch: wiring only, see brainsets.jobs.batches."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too, and keep their path.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.arguments import parse_job
    from brainsets.jobs.batches import process_batch

    raise SystemExit(process_batch(parse_job(sys.argv[1:])))
