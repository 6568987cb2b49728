"""Wrapper of the rule summarize_brainset: see brainsets.planning.summary."""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from brainsets.planning.summary import write_summary  # noqa: E402
from brainsets.shared.folders import BrainsetFolder  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--folder", type=Path, required=True)
write_summary(BrainsetFolder(parser.parse_args().folder))
