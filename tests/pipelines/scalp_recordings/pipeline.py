"""A pipeline for tests on a cluster: real EDF+ files, which can be made to misbehave.

``behave.json`` in the raw folder says how the process step of an asset ends, by its id;
what runs is noted in ``events.txt`` there.
"""

import json
import shutil
import time
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--archive", type=Path, required=True, help="folder of recordings")
parser.add_argument("--copies", type=int, default=0, help="more names for the same")


class Pipeline(BrainsetPipeline):
    """Writes the first signal of each recording, as digital values."""

    brainset_id = "scalp_recordings"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        files = sorted(args.archive.glob("physionet/*/**/*.edf"))
        rows = [(file.stem, str(file)) for file in files]
        for number in range(args.copies):
            file = files[number % len(files)]
            rows.append((f"copy{number}", str(file)))
        return pd.DataFrame(rows, columns=["recording", "path"]).set_index("recording")

    def note(self, text):
        with open(self.raw_dir / "events.txt", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def behaviour(self, step, asset):
        try:
            behave = json.loads((self.raw_dir / "behave.json").read_text())
        except FileNotFoundError:
            return None
        return behave.get(f"{step} {asset}")

    def download(self, manifest_item):
        self.note(f"download {manifest_item.Index}")
        if self.behaviour("download", manifest_item.Index) == "fail":
            raise ConnectionError("the archive does not answer")
        target = self.raw_dir / f"{manifest_item.Index}.edf"
        shutil.copyfile(manifest_item.path, target)
        return target

    def process(self, path):
        import h5py
        import numpy as np

        self.note(f"process {path.stem}")
        self.update_status("PROCESSING")
        behave = self.behaviour("process", path.stem)
        if behave == "fail":
            raise ValueError("electrode 7 is missing")
        once = self.raw_dir / f"{path.stem}.once"
        if behave == "memory once" and not once.exists():
            once.touch()
            # Zeros take no memory until they are written to.
            hog = np.ones(1 << 27)
            time.sleep(120 + hog[0])
        while behave == "wait" == self.behaviour("process", path.stem):
            time.sleep(0.1)
        # The layout of EDF: https://www.edfplus.info/specs/edf.html
        content = path.read_bytes()
        header_bytes, records = int(content[184:192]), int(content[236:244])
        signals = int(content[252:256])
        at = 256 + signals * 216
        samples = [int(content[at + 8 * i : at + 8 * i + 8]) for i in range(signals)]
        values = np.frombuffer(content[header_bytes:], "<i2")
        first = values.reshape(records, sum(samples))[:, : samples[0]].ravel()
        with h5py.File(self.processed_dir / f"{path.stem}.h5", "w") as file:
            file["signal"] = first
            file.attrs["duration_s"] = records * float(content[244:252])
