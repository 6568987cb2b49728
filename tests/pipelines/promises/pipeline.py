"""A pipeline for tests: keeps every promise but those that --break names."""

import random
from argparse import ArgumentParser
from pathlib import Path

import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--break", dest="broken", action="append", default=[])
parser.add_argument("--redownload", action="store_true")

RAW_BYTES = 4000


class Pipeline(BrainsetPipeline):
    """Copies 4,000 bytes of a raw file into an HDF5 file."""

    brainset_id = "promises"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        if "listing" in args.broken:
            raise ConnectionError("the archive does not answer")
        # Must survive: only what download fetches can be fetched again.
        (raw_dir / "list.txt").write_text("of the archive")
        ids = ["é 1/a", "é 1/a" if "table" in args.broken else "b"]
        token = random.random() if "rows" in args.broken else 1.5
        return pd.DataFrame({"token": [token, token]}, index=ids)

    def download(self, manifest_item):
        print("words of download")
        if "download" in self.args.broken:
            raise OSError("the archive has no such recording")
        if "processed_dir" in self.args.broken:
            (self.processed_dir / "notes.txt").write_text("too early")
        path = self.raw_dir / "recordings" / f"{manifest_item.Index.encode().hex()}.raw"
        path.parent.mkdir(exist_ok=True)
        again = self.args.redownload and "redownload" not in self.args.broken
        if again or not path.exists():
            path.write_bytes(bytes(range(250)) * (RAW_BYTES // 250))
        return path

    def process(self, path):
        print("words of process")
        broken = self.args.broken
        if "process" in broken:
            raise ValueError("electrode 7 is missing")
        if "beside" in broken:
            Path(f"{path.stem}.txt").write_text("beside the pipeline")
        if "code" in broken:
            Path("found.py").write_text(f"SAMPLES = {path.stat().st_size}\n")
        if "outputs" in broken:
            (self.processed_dir / "a.h5").write_text("not HDF5")
            return
        # Imported where it is needed: a step should not cost a second.
        import h5py
        import numpy as np

        samples = np.frombuffer(path.read_bytes(), np.uint8).astype(float)
        if "content" in broken:
            samples[7] = random.random()
        folder = self.processed_dir
        if "around" in broken:
            published = self.raw_dir.parents[1] / "processed" / self.brainset_id
            (published / "c.txt").write_text("without the workflow")
        with h5py.File(folder / "a.h5", "w", track_order=True) as file:
            file.attrs["origin"] = "made for tests"
            # The bytes of the file differ each time, what it holds does not.
            group = file.create_group("eeg", track_order=True)
            group.create_dataset("signal", data=samples, track_times=True)
            group.create_dataset("channels", data=["Fp1", "Fp2"])
        if "chunk" in broken:
            with h5py.File(folder / "b.h5", "w") as file:
                made = file.create_dataset(
                    "x", data=samples, chunks=(500,), fletcher32=True
                )
                offset = made.id.get_chunk_info(0).byte_offset
            with open(folder / "b.h5", "r+b") as file:
                file.seek(offset)
                file.write(b"damaged!")
