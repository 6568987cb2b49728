"""The program that `brainsets.warm.client` starts: see `brainsets.warm.server`."""

import sys
from pathlib import Path

# Processes that a pipeline spawns import this file too.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

    from brainsets.warm.server import run_server

    run_server(int(sys.argv[1]), sys.argv[2])
