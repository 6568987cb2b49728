"""A pipeline for tests: does what its rows ask for and notes down what it was asked.

Rows come from ``rows.json`` in the raw folder. What runs is noted in ``events.txt``
there. Column ``behave`` says how a step ends; ``seconds`` how long process takes.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--redownload", action="store_true")
parser.add_argument("--reprocess", action="store_true")
parser.add_argument("--gain", type=float, default=1.0)

SAMPLES = 20_000


def note(raw_dir, text):
    with open(raw_dir / "events.txt", "a", encoding="utf-8") as file:
        file.write(text + "\n")


class Pipeline(BrainsetPipeline):
    """Writes one file of 20,000 samples per row."""

    brainset_id = "recorder"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        import pandas as pd

        note(raw_dir, "manifest")
        rows = json.loads((raw_dir / "rows.json").read_text(encoding="utf-8"))
        frame = pd.DataFrame(rows, columns=["id", "behave", "seconds", "value"])
        return frame.set_index("id")

    def download(self, manifest_item):
        self.update_status("DOWNLOADING")
        name = manifest_item.Index.encode().hex()[:80]
        note(self.raw_dir, f"download {manifest_item.Index!r}")
        answers = (self.raw_dir / "the archive answers").exists()
        if manifest_item.behave == "no answer" and not answers:
            raise ConnectionError("the archive does not answer")
        path = self.raw_dir / f"{name}.raw"
        if path.exists() and not self.args.redownload:
            return self.output(manifest_item, path)
        with open(path, "wb") as file:
            for part in range(10):
                file.write(bytes([part]) * (SAMPLES // 10))
                file.flush()
                if manifest_item.behave == "slow download":
                    time.sleep(0.2)
        return self.output(manifest_item, path)

    def output(self, manifest_item, path):
        if manifest_item.behave == "unpicklable":
            return manifest_item, path, lambda: None
        return manifest_item, path, None

    def process(self, download_output):
        row, path, _ = download_output
        note(self.raw_dir, f"process {row.Index!r}")
        self.update_status("PROCESSING")
        if row.behave == "text":
            (self.processed_dir / f"{row.Index}.txt").write_text(str(row.value))
            return
        # Imported where they are needed: a step should not cost a second.
        import h5py
        import numpy as np

        raw = path.read_bytes()
        if len(raw) != SAMPLES:
            raise ValueError(f"raw file holds {len(raw)} bytes instead of {SAMPLES}")
        name = row.Index.encode().hex()[:80] + ".h5"
        with h5py.File(self.processed_dir / name, "w") as file:
            samples = np.frombuffer(raw, np.uint8) * float(row.value)
            file.attrs["id"] = row.Index
            data = file.create_dataset("samples", (SAMPLES,), float)
            for part in range(10):
                each = slice(part * SAMPLES // 10, (part + 1) * SAMPLES // 10)
                data[each] = samples[each] * self.args.gain
                time.sleep(row.seconds / 10)
            self.misbehave(row.behave)

    def misbehave(self, behave):
        if behave == "raise":
            raise ValueError("electrode 7 is missing")
        if behave == "os._exit":
            os._exit(0)
        if behave == "sys.exit":
            raise SystemExit("this recording cannot be used")
        if behave == "segfault":
            ctypes.string_at(0)
        if behave == "chatter":
            ctypes.CDLL(None).puts(b"words of a C library")
            ctypes.CDLL(None).fflush(None)
            subprocess.run(["sh", "-c", "echo words of a sub-process; echo e >&2"])
            print("words of Python")
            print("complaint of Python", file=sys.stderr)
            raise RuntimeError("chatter ends badly")
        while behave == "wait while told" and (self.raw_dir / "wait").exists():
            time.sleep(0.05)
        if behave in ("sleep", "wait to be killed"):
            time.sleep(600)
