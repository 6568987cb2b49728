"""Wrapper of the rule summarize_brainset: see brainsets.shared.state.summary."""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from brainsets.shared.folders import BrainsetFolder  # noqa: E402
from brainsets.shared.state.sentinels import DONE  # noqa: E402
from brainsets.shared.state.summary import write_summary  # noqa: E402
from brainsets.shared.times import keep_order  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--folder", type=Path, required=True)
folder = BrainsetFolder(parser.parse_args().folder)
write_summary(folder)
keep_order(folder.summary, [folder.manifest, *folder.status.glob(f"*.{DONE}")])
