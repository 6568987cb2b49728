"""The pipeline, for processes that a step spawns and that were not forked from it.

They get the import path of their parent, which ends with this folder, and look for the
functions of a pipeline in a module of this name. Its place is taken by the pipeline.
"""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[4])
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from brainsets.jobs.code.loading import MODULE_NAME, load_in_spawned  # noqa: E402

if __name__ == MODULE_NAME:
    load_in_spawned()
