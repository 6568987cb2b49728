# /// brainset-pipeline
# dependencies = ["mne>=1.8", "pynwb>=2.8", "h5py>=3.10"]
# ///
"""A pipeline for tests: real EDF+ and NWB files, read by the field's own libraries."""

import shutil
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--archive", type=Path, required=True, help="folder of recordings")
parser.add_argument("--redownload", action="store_true")


class Pipeline(BrainsetPipeline):
    """Writes EEG in volts, and spike times in seconds."""

    brainset_id = "real_recordings"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        files = sorted(args.archive.glob("physionet/*/**/*.edf"))
        files += sorted(args.archive.glob("nwb/*.nwb"))
        rows = [(file.name, file.relative_to(args.archive)) for file in files]
        return pd.DataFrame(rows, columns=["file", "path"]).set_index("file")

    def download(self, manifest_item):
        self.update_status("DOWNLOADING")
        target = self.raw_dir / manifest_item.Index
        if not target.exists() or self.args.redownload:
            shutil.copyfile(self.args.archive / manifest_item.path, target)
        return target

    def process(self, download_output):
        if download_output.suffix == ".edf":
            self.process_edf(download_output)
        else:
            self.process_nwb(download_output)

    def process_edf(self, path):
        import h5py
        import mne

        recording = mne.io.read_raw_edf(path, verbose="error")
        signal = recording.get_data(units="V").astype("float32").T
        with h5py.File(self.processed_dir / f"{path.stem}.h5", "w") as file:
            eeg = file.create_dataset("eeg", data=signal, compression="gzip")
            eeg.attrs["sampling_rate"] = recording.info["sfreq"]
            eeg.attrs["unit"] = "V"
            file["channels"] = recording.ch_names
            file["events"] = recording.annotations.onset

    def process_nwb(self, path):
        import h5py
        import numpy as np
        from pynwb import NWBHDF5IO

        with NWBHDF5IO(path, "r", load_namespaces=True) as io:
            units = io.read().units
            times = (
                []
                if units is None
                else [units["spike_times"][i] for i in range(len(units))]
            )
        with h5py.File(self.processed_dir / f"{path.stem}.h5", "w") as file:
            file["spikes"] = np.concatenate(times) if times else np.empty(0)
            file["unit_index"] = np.repeat(
                np.arange(len(times)), [len(t) for t in times]
            )
