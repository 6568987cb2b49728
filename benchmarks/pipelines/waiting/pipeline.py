# /// brainset-pipeline
# python-version = "3.11"
# dependencies = ["pandas==3.1.1", "numpy==2.4.6"]
# ///
"""Assets that wait for an archive, then keep one core busy."""

import time
from argparse import ArgumentParser

import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--assets", type=int, required=True)
parser.add_argument("--wait-s", type=float, required=True, help="in download")
parser.add_argument("--burn-s", type=float, required=True, help="CPU time in process")


class Pipeline(BrainsetPipeline):
    """Writes one small file for each asset."""

    brainset_id = "benchmark_waiting"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        ids = [f"asset_{number:05}" for number in range(args.assets)]
        return pd.DataFrame({"number": range(args.assets)}, index=ids)

    def download(self, manifest_item):
        self.update_status("DOWNLOADING")
        time.sleep(self.args.wait_s)
        return manifest_item.Index

    def process(self, download_output):
        self.update_status("PROCESSING")
        end = time.process_time() + self.args.burn_s
        while time.process_time() < end:
            pass
        (self.processed_dir / f"{download_output}.txt").write_text("done\n")
