"""Wrapper of the rule build_environment: see brainsets.sources.environments."""

import argparse
import json
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from brainsets.errors import BrainsetError  # noqa: E402
from brainsets.shared.folders import BrainsetFolder  # noqa: E402
from brainsets.sources import environments  # noqa: E402
from brainsets.sources.catalog import find_pipeline  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--pipeline", required=True)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--catalog", type=json.loads, required=True)
options = parser.parse_args()
source = find_pipeline(options.pipeline, versions=options.catalog)
folder = BrainsetFolder(options.folder)
try:
    environments.build_environment(source, folder)
except BrainsetError as error:
    environments.record_failure(folder, error)
    raise SystemExit(str(error)) from None
