"""The report of real EEG and of real spikes holds what is in the recordings."""

import h5py
import numpy as np
import pytest

from tests.helpers.physionet_story import REAL_EEGMAT, REAL_RUNS, SCHALK, ZYMA
from tests.helpers.reports import Page, report_command, snakemake_report
from tests.helpers.workspace import SHARED_DATA

pytestmark = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"no real recordings: {SHARED_DATA} is not there"
)
# A pipeline that publishes NWB files as they are.
AS_THEY_ARE = """
import shutil
from pathlib import Path
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

class Pipeline(BrainsetPipeline):
    \"\"\"Files as they are.\"\"\"
    brainset_id = "as_they_are"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        files = sorted(Path({archive!r}).glob("*.nwb"))
        return pd.DataFrame({{"file": files}}, index=[file.stem for file in files])

    def download(self, row):
        return row.file

    def process(self, path):
        shutil.copy(path, self.processed_dir / path.name)
"""
# From the archive's own description: units, spikes.
SPIKES = {"A2929-200711": (15, 98_794), "A8604-211122": (3, 21_354)}


def number(text):
    return float(text.replace(",", "")) if text else None


@pytest.fixture(scope="module")
def eeg(story):
    path = story.root / "report-of-eeg.html"
    where = ("--processed-dir", story.workspace.processed_dir, "--output", path)
    done = report_command(story.workspace, *where, SCHALK, ZYMA)
    assert done.returncode == 0, done.stderr
    return Page(path)


def lines(page, anchor, names):
    """Return an anchor and a line of the table of data for each of some files."""
    found = {}
    for n, row in enumerate(page.tables[f"{anchor}-data"]):
        found[row["file"].rpartition("/")[2].removesuffix(".h5")] = f"{anchor}-{n}", row
    return {name: found[name] for name in names}


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_eeg_is_told_with_its_trials(session, story, eeg):
    place, row = lines(eeg, "b0", REAL_RUNS)[session]
    data, edf = story.data(SCHALK, session), story.edf(session)
    assert number(row["channels"]) == len(edf.numbers()) == 64
    assert number(row["rate (Hz)"]) == 160
    assert number(row["events"]) == len(data.trials) == 30
    assert number(row["duration (s)"]) == data.domain.end[-1]
    assert number(row["missing (%)"]) == 0
    [signal] = [f for f in eeg.fields[place] if f["field"] == "eeg/signal"]
    shape = data.eeg.signal.shape
    assert signal["shape"] == f"{shape[0]} × {shape[1]}" and signal["unit"] == "V"
    assert number(signal["least"]) == pytest.approx(data.eeg.signal.min(), rel=1e-5)
    assert number(signal["most"]) == pytest.approx(data.eeg.signal.max(), rel=1e-5)
    assert f"what is in {row['file']}" in eeg.pictures


@pytest.mark.parametrize("session", REAL_EEGMAT)
def test_arithmetic_eeg_is_told_with_both_signals(session, story, eeg):
    place, row = lines(eeg, "b1", REAL_EEGMAT)[session]
    seconds = 182 if session.endswith("_1") else 62
    assert number(row["duration (s)"]) == seconds
    assert number(row["rate (Hz)"]) == 500 and number(row["channels"]) == 20
    shapes = {f["field"]: f["shape"] for f in eeg.fields[place]}
    assert shapes["eeg/signal"] == f"{500 * seconds} × 20"
    assert shapes["ecg/signal"] == f"{500 * seconds} × 1"


def test_source_and_versions_of_the_data_are_told(eeg):
    assert "https://physionet.org/content/eegmmidb/1.0.0/" in eeg.text
    assert "Scalp EEG of people who move, or imagine to move" in eeg.text
    # The docstring's text, without its markup.
    assert "recorded with 64 electrodes by BCI2000 [1], [2]:" in eeg.text


def test_real_spikes_are_told_with_their_units(workspace):
    source = AS_THEY_ARE.format(archive=str(SHARED_DATA / "nwb"))
    pipeline = workspace.write_pipeline(source)
    run = workspace.run(str(pipeline))
    assert run.returncode == 0, run.stdout
    run, path = snakemake_report(workspace, str(pipeline))
    assert run.returncode == 0, run.stdout
    page = Page(path)
    rows = {row["file"].removesuffix(".nwb"): row for row in page.tables["b0-data"]}
    for name, (units, spikes) in SPIKES.items():
        assert number(rows[name]["units"]) == units
        assert number(rows[name]["spikes"]) == spikes
        assert f"what is in {name}.nwb" in page.pictures
        with h5py.File(SHARED_DATA / "nwb" / f"{name}.nwb") as file:
            times = file["units/spike_times"][:]
        assert number(rows[name]["duration (s)"]) >= np.ptp(times)
    calcium = rows["A0634-210127"]
    assert number(calcium["channels"]) == 10
    assert number(calcium["rate (Hz)"]) == pytest.approx(30, abs=0.1)
