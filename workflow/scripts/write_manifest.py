"""Wrapper of the rule write_manifest: wiring only, see brainsets.jobs.listing."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from brainsets.jobs.arguments import parse_job  # noqa: E402
from brainsets.jobs.listing import write_manifest  # noqa: E402

# Processes that a pipeline spawns import this file too.
if __name__ == "__main__":
    raise SystemExit(write_manifest(parse_job(sys.argv[1:])))
