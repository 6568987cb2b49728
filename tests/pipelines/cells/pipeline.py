"""A pipeline for tests: hands each row of a pickled manifest on, and writes it down."""

import pickle

from brainsets.pipeline import BrainsetPipeline


class Pipeline(BrainsetPipeline):
    """Writes what its row was, as a pickle."""

    brainset_id = "cells"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pickle.loads((raw_dir / "manifest.pkl").read_bytes())

    def download(self, manifest_item):
        return manifest_item

    def process(self, manifest_item):
        # The row class belongs to this workflow: names and values are what counts.
        content = (manifest_item._fields, tuple(manifest_item), self._asset_id)
        number = len(list(self.raw_dir.glob("*.out")))
        (self.raw_dir / f"{number}.out").touch()
        name = f"{abs(hash(manifest_item.Index))}.pkl"
        (self.processed_dir / name).write_bytes(pickle.dumps(content))
