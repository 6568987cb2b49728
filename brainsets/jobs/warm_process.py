"""The program that `warm_client` starts: see `brainsets.jobs.keeper`."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.jobs.keeper import keep

    keep(int(sys.argv[1]), sys.argv[2])
