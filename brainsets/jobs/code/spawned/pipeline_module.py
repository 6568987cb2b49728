"""Stand-in for the pipeline's module in processes that a step spawns without a fork.

They inherit sys.path, which ends with this folder, and unpickle functions of a pipeline
by this module's name. Importing it replaces it with the pipeline.
"""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[4])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from brainsets.jobs.code.loading import MODULE_NAME, load_in_spawned  # noqa: E402

if __name__ == MODULE_NAME:
    load_in_spawned()
