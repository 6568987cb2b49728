"""The report as a browser shows it. Its screenshot is kept in .ci/artifacts."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.helpers.archive_server import ArchiveServer
from tests.helpers.reports import CHROMIUM, browse, report_command, snakemake_report
from tests.helpers.workspace import ROOT, SHARED_DATA

PICTURE = "docs/pictures/report.png"
ARTIFACTS = ROOT / ".ci" / "artifacts"
# Appended to a page: what somebody does with the mouse and the keyboard.
CLICK = """
<script>
const table = document.getElementById("b0-assets");
const heads = [...table.tHead.rows[0].cells];
const column = (title) => heads.find((head) => head.textContent === title);
const shown = () => [...table.tBodies[0].rows].filter((row) => !row.hidden);
const ids = () => shown().map((row) => row.cells[0].textContent);
const told = {};
column("out (MB)").click(); told.up = ids();
column("out (MB)").click(); told.down = ids();
column("asset").click(); told.names = ids();
const field = document.querySelector("input[data-table=b0-assets]");
field.value = "FAIL"; field.dispatchEvent(new Event("input")); told.failed = ids();
told.wide = document.documentElement.scrollWidth > window.innerWidth;
const result = document.createElement("p"); result.id = "told";
result.textContent = JSON.stringify(told); document.body.append(result);
</script>
"""


@pytest.fixture(scope="module")
def reported(module_workspace):
    """The report of a run of the recorder, some of whose assets fail."""
    workspace = module_workspace
    rows = [{"id": f"s{n}", "value": n} for n in (10, 2, 1, 30, 4, 5, 6, 7)]
    rows += [{"id": "t", "behave": "text"}, {"id": "bad", "behave": "raise"}]
    pipeline = workspace.copy_pipeline("recorder")
    workspace.write_rows(rows)
    workspace.run(str(pipeline))
    _, path = snakemake_report(workspace, str(pipeline))
    return path


@pytest.fixture
def page(reported):
    """A copy of it, to be edited, in the same folder."""
    return shutil.copy(reported, reported.with_name("copy.html"))


def dom(path):
    return browse(path, "--virtual-time-budget=5000", "--dump-dom")


def test_tables_are_sorted_and_filtered(page):
    import html
    import json

    page.write_text(page.read_text("utf-8") + CLICK, encoding="utf-8")
    [told] = re.findall(r'<p id="told">(.*?)</p>', dom(page))
    told = json.loads(html.unescape(told))
    names = [f"s{n}" for n in (10, 2, 1, 30, 4, 5, 6, 7)]
    # As numbers; what has none is last, whichever way.
    assert told["up"][0] == "t" and told["up"][-1] == "bad"
    assert told["down"][-2:] == ["t", "bad"]
    assert {*told["up"][1:-1]} == {*names}
    assert told["names"] == ["bad", "s1", "s2", "s4", *"s5 s6 s7 s10 s30 t".split()]
    assert told["failed"] == ["bad"]
    assert not told["wide"], "the page is wider than the window"


def test_a_link_to_an_output_opens_it(page):
    shown = dom(page)
    closed = re.findall(r'<details class="output" id="(b0-\d+)">', shown)
    assert closed
    page.write_text(
        page.read_text("utf-8") + f"<script>location.hash = {closed[-1]!r}</script>",
        encoding="utf-8",
    )
    assert re.search(f'<details class="output" id="{closed[-1]}" open', dom(page))


def test_what_people_see_is_kept(page):
    """A screenshot of the whole page, to be looked at: .ci/artifacts/report.png."""
    from PIL import Image

    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    target = ARTIFACTS / "report.png"
    browse(page, "--window-size=1200,2400", f"--screenshot={target}")
    with Image.open(target) as image:
        assert image.size == (1200, 2400)
        colours = {c for _, c in image.convert("RGB").getcolors(2**24)}
    # The green of what is done, the red of what has failed: the style is there.
    assert {(46, 125, 79), (179, 38, 30)} <= colours
    assert len(colours) > 100


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"{SHARED_DATA} is not there")
def test_what_people_see_of_real_recordings_is_kept(story):
    """Of EEG, with its events: .ci/artifacts/report_of_eeg.png."""
    from PIL import Image

    path = story.root / f"report-{os.getpid()}.html"
    where = ("--processed-dir", story.workspace.processed_dir)
    done = report_command(story.workspace, *where, "--output", path)
    assert done.returncode == 0, done.stderr
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    target = ARTIFACTS / "report_of_eeg.png"
    browse(path, "--window-size=1200,4000", f"--screenshot={target}")
    with Image.open(target) as image:
        assert image.size == (1200, 4000)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"{SHARED_DATA} is not there")
@pytest.mark.skipif(CHROMIUM is None, reason="no browser: chromium is not installed")
def test_picture_of_the_readme_is_made_by_its_script(tmp_path):
    from PIL import Image

    target = tmp_path / "report.png"
    with ArchiveServer(SHARED_DATA / "physionet") as server:
        command = [sys.executable, ROOT / "docs" / "pictures" / "report.py"]
        command += ["--eegmmidb", f"{server.url}eegmmidb", "--output", target]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": "", "no_proxy": "127.0.0.1"},
        )
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(target) as made, Image.open(ROOT / PICTURE) as shown:
        assert made.width == shown.width == 1200
        # The same parts of a page, one below the other.
        assert abs(made.height - shown.height) < 100
    assert (ROOT / PICTURE).stat().st_size < 200_000
