"""Make the picture of a report that the README shows: ``report.png`` beside this file.

Prepares some of two brainsets (real EEG from PhysioNet, 8 MB, and real spikes), asks
Snakemake for the report, opens it in Chromium and puts three parts of it together::

    python docs/pictures/report.py [--eegmmidb URL]

The address is that of a mirror of PhysioNet's eegmmidb/1.0.0, if there is a nearer one.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WIDTH, GAP = 1200, 14
COLOURS = 96
MOST_BYTES = 200_000
# Where the parts are on the page, in pixels.
MEASURE = """
<script>
const at = (element, side) => element.getBoundingClientRect()[side] + window.scrollY;
const titles = [...document.querySelectorAll("#b0 ~ h3")];
const title = (text) => titles.find((each) => each.textContent === text);
const picture = document.querySelector("details.output img");
const found = document.createElement("p");
found.id = "found";
found.textContent = JSON.stringify({
  height: document.documentElement.scrollHeight,
  parts: [
    [0, at(document.querySelector(".tiles"), "bottom") + 12],
    [at(title("When"), "top") - 8, at(title("Assets"), "top") - 16],
    [at(picture.closest("details"), "top") - 4, at(picture, "bottom") + 8],
  ],
});
document.body.append(found);
</script>
"""


def main() -> int:
    """Make the picture; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--eegmmidb", metavar="URL", help="a mirror of PhysioNet's")
    parser.add_argument("--output", type=Path, default=HERE / "report.png")
    options = parser.parse_args()
    eeg = {"pipeline": "schalk_bci2000_motor_2004", "assets": ["S001R0[3-6]"]}
    if options.eegmmidb:
        eeg["args"] = ["--base-url", options.eegmmidb]
    brainsets = [eeg, "rokem_grasshopper_auditory_2006"]
    with tempfile.TemporaryDirectory(prefix="brainsets-") as folder:
        page = made_report(Path(folder), brainsets)
        picture = assembled(page)
        small = picture.quantize(COLOURS)
        small.save(options.output, optimize=True)
    size = options.output.stat().st_size
    print(f"{options.output}: {picture.width} x {picture.height}, {size / 1e3:.0f} kB")
    return int(size > MOST_BYTES)


def made_report(folder: Path, brainsets: list) -> Path:
    """Prepare brainsets as the README says, and return the page of the report."""
    config = folder / "config.yaml"
    settings = {"raw_dir": "raw", "processed_dir": "processed", "brainsets": brainsets}
    config.write_text(json.dumps(settings))
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    snakemake += ["--directory", folder, "--configfile", config]
    subprocess.run([*snakemake, "--cores", "2"], check=True)
    subprocess.run([*snakemake, "--report", folder / "report.html"], check=True)
    return folder / "report.html"


def assembled(page: Path) -> Image.Image:
    """Return the parts of the page, one below the other."""
    measured = page.with_name("measured.html")
    measured.write_text(page.read_text("utf-8") + MEASURE, encoding="utf-8")
    # As high as the page will be shown, so that nothing moves.
    tall = f"--window-size={WIDTH},6000"
    shown = browse(measured, tall, "--dump-dom")
    [text] = re.findall(r'<p id="found">(.*?)</p>', shown)
    found = json.loads(html.unescape(text))
    whole = page.with_name("whole.png")
    browse(page, tall, f"--screenshot={whole}")
    with Image.open(whole) as image:
        image = image.convert("RGB")
        parts = [image.crop((0, int(a), WIDTH, int(b))) for a, b in found["parts"]]
    height = sum(part.height for part in parts) + GAP * (len(parts) - 1)
    picture = Image.new("RGB", (WIDTH, height), "white")
    top = 0
    for part in parts:
        picture.paste(part, (0, top))
        top += part.height + GAP
    return picture


def browse(page: Path, *options: str) -> str:
    """Open a page in Chromium, without a screen; return what it prints."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise SystemExit("install chromium first: it shows the page")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--hide-scrollbars", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [*command, *options, page.as_uri()], capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
