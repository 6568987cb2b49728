"""Make docs/pictures/live_run.svg: what a terminal shows in the middle of a real run.

``python docs/pictures/live_run.py`` prepares twelve recordings of two datasets from
PhysioNet (20 MB) in a terminal of its own and keeps the moment at which most is seen.
``--recordings DIR`` takes the files from a folder instead, which is served on this
machine. It needs tmux.
"""

import argparse
import io
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.archive import served  # noqa: E402

COLUMNS, LINES = 92, 20
TERMINAL = ["tmux", "-L", "brainsets-picture", "-f", "/dev/null"]
# Of what is served on this machine: that of a slow archive, so that one can watch.
BYTES_PER_S = 1.5e6
DATASETS = {
    "schalk_bci2000_motor_2004": ("eegmmidb", "S001R0[3-8]"),
    "zyma_mental_arithmetic_2019": ("eegmat", "Subject0[0-8]_*"),
}


def main() -> None:
    """Run it, and write the picture beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=Path, metavar="DIR")
    options = parser.parse_args()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = None
        if options.recordings:
            url = stack.enter_context(served(options.recordings, BYTES_PER_S))
        frames = run_in_terminal(command(work, url))
    frame = max(frames, key=worth)
    if not worth(frame):
        sys.exit("the run has shown no assets at work; its last words were:\n" + frame)
    draw(frame, Path(__file__).with_suffix(".svg"))


def command(work: Path, url: str | None) -> list[str]:
    """Return the command of the run, whose folders are temporary."""
    brainsets = []
    for name, (folder, assets) in DATASETS.items():
        entry = {"pipeline": name, "assets": [assets], "limit": 6}
        if url:
            entry["args"] = ["--base-url", f"{url}/{folder}"]
        brainsets.append(entry)
    settings = {
        "raw_dir": str(work / "raw"),
        "processed_dir": str(work / "processed"),
        "brainsets": brainsets,
    }
    file = work / "settings.json"
    file.write_text(json.dumps(settings))
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", f"{ROOT}/Snakefile"]
    where = ["--directory", str(work), "--configfile", str(file)]
    return [*snakemake, *where, "--cores", "2"]


def run_in_terminal(arguments: list[str]) -> list[str]:
    """Run a command in a terminal; return what it showed, four times a second."""
    size = ["-x", str(COLUMNS), "-y", str(LINES)]
    session = [*TERMINAL, "new-session", "-d", *size, shlex.join(arguments)]
    subprocess.run(session, check=True)
    frames = []
    while True:
        time.sleep(0.25)
        capture = [*TERMINAL, "capture-pane", "-e", "-p"]
        seen = subprocess.run(capture, capture_output=True, text=True)
        if seen.returncode:
            return frames
        frames.append(seen.stdout)


def worth(frame: str) -> float:
    """Return how much a moment shows: assets at work, rates, progress, time left."""
    text = Text.from_ansi(frame).plain
    steps = re.findall(r"^  \S+ +(download|process)  ", text, re.M)
    bars = re.findall(r"(\d+) of (\d+) done", text)
    half = sum(0 < int(done) < int(total) for done, total in bars)
    parts = [len(steps), 4 * len({*steps}), text.count("B/s"), 4 * half]
    return bool(steps) * (sum(parts) + text.count(" left"))


def draw(frame: str, path: Path) -> None:
    """Write the part of a terminal that is the picture of the run as an SVG."""
    lines = frame.rstrip().split("\n")
    plain = [Text.from_ansi(line).plain for line in lines]
    first = next(n for n, line in enumerate(plain) if line.startswith(tuple(DATASETS)))
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor"
    )
    console.print(Text.from_ansi("\n".join(lines[first:])))
    path.write_text(console.export_svg(title="snakemake --cores 2"), encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
