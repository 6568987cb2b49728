"""Load a pipeline as the workflow's jobs do, and say what came of it, as JSON.

Run by the pipeline's interpreter::

    python -I loading_probe.py PIPELINE_FILE '[["--reprocess"], []]' [RAW_DIR]

With a folder for raw data it also lists the assets, with the first of the arguments.
"""

import json
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])

from brainsets.jobs.code.loading import (  # noqa: E402
    UsageError,
    load_pipeline,
    parsed_args,
)

file, tried, raw_dirs = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pipeline = load_pipeline(file)
answers = []
for arguments in tried:
    try:
        args = parsed_args(pipeline, arguments)
    except UsageError as error:
        answers.append({"refused": str(error)})
    else:
        answers.append({"parsed": None if args is None else vars(args)})
found = {
    "brainset_id": pipeline.brainset_id,
    "bases": [f"{base.__module__}.{base.__name__}" for base in pipeline.__mro__],
    "methods": [
        name
        for name in ("get_manifest", "download", "process")
        if callable(getattr(pipeline, name))
    ],
    "abstract": sorted(getattr(pipeline, "__abstractmethods__", ())),
    "answers": answers,
}
for raw_dir in raw_dirs:
    args = parsed_args(pipeline, tried[0])
    found["listed"] = len(pipeline.get_manifest(raw_dir=Path(raw_dir), args=args))
# Last, and alone on its line: what a pipeline imports may print.
print(json.dumps(found))
