"""Shows what is in one recording: see brainsets.jobs.look."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too, and keep their path.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.job import parse_job
    from brainsets.jobs.look import look_at_asset

    raise SystemExit(look_at_asset(parse_job(sys.argv[1:])))
