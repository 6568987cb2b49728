"""Wrapper of the rule write_manifest: wiring only, see brainsets.jobs.listing."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too, and keep their path.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.job import parse_job
    from brainsets.jobs.listing import write_manifest

    raise SystemExit(write_manifest(parse_job(sys.argv[1:])))
