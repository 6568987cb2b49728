# /// brainset-pipeline
# python-version = "3.11"
# dependencies = ["pandas==3.1.1", "numpy==2.4.6", "mne==1.13.2", "h5py==3.16.0"]
# ///
"""EDF recordings of an archive on the web, as HDF5."""

import shutil
from argparse import ArgumentParser
from urllib.request import urlopen

import h5py
import mne
import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--archive", required=True, help="URL of a folder with RECORDS")
parser.add_argument("--redownload", action="store_true")


class Pipeline(BrainsetPipeline):
    """Writes the signals in volts, the names of their channels, and the events."""

    brainset_id = "benchmark_edf"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        with urlopen(f"{args.archive}/RECORDS") as answer:
            names = answer.read().decode().split()
        return pd.DataFrame({"file": names}, index=[n[: -len(".edf")] for n in names])

    def download(self, manifest_item):
        self.update_status("DOWNLOADING")
        path = self.raw_dir / manifest_item.file
        if not path.exists() or self.args.redownload:
            with urlopen(f"{self.args.archive}/{manifest_item.file}") as answer:
                with open(path, "wb") as file:
                    shutil.copyfileobj(answer, file)
        return path

    def process(self, download_output):
        self.update_status("PROCESSING")
        recording = mne.io.read_raw_edf(download_output, verbose="error")
        signal = recording.get_data(units="V").astype("float32").T
        path = self.processed_dir / f"{download_output.stem}.h5"
        with h5py.File(path, "w") as file:
            eeg = file.create_dataset("eeg", data=signal, compression="gzip")
            eeg.attrs["sampling_rate"] = recording.info["sfreq"]
            eeg.attrs["unit"] = "V"
            file["channels"] = recording.ch_names
            file["events"] = recording.annotations.onset
