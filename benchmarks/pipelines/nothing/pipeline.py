# /// brainset-pipeline
# python-version = "3.11"
# dependencies = ["pandas==3.1.1", "numpy==2.4.6"]
# ///
"""Assets that do nothing: what is left is the cost of running them."""

from argparse import ArgumentParser

import pandas as pd

from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--assets", type=int, required=True)


class Pipeline(BrainsetPipeline):
    """Writes no file."""

    brainset_id = "benchmark_nothing"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        ids = [f"asset_{number:05}" for number in range(args.assets)]
        return pd.DataFrame({"number": range(args.assets)}, index=ids)

    def download(self, manifest_item):
        return manifest_item.Index

    def process(self, download_output):
        pass
