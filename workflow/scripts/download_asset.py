"""Wrapper of the rule download_asset: wiring only, see brainsets.jobs.steps."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too, and keep their path.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.job import parse_job
    from brainsets.jobs.steps import download_asset

    raise SystemExit(download_asset(parse_job(sys.argv[1:])))
