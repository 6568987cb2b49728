"""Recordings that can be trained on, and brainsets of them as runs leave them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from brainsets.conversion.parts import Rows, Samples, Table
from brainsets.conversion.splits import split
from brainsets.conversion.writing import write_recording
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.asset_names import asset_names
from tests.helpers import manifests
from tests.helpers.in_memory import recording, signal

__all__ = ["END", "RATE", "SPIKES", "publish", "write"]

RATE = 100.0
END = 130.0
SPIKES = np.sort(np.random.default_rng(1).uniform(0, END, 4000))


def write(path, id, gap=None):
    """Write a recording of a signal whose values are its times, spikes and trials."""
    times = np.arange(int(END * RATE)) / RATE
    segments = None
    if gap:
        times = times[(times < gap[0]) | (times >= gap[1])]
        segments = [(0, 0.0), (int(gap[0] * RATE), gap[1])]
    channels = {"id": np.array(["c1"])}
    lfp = signal("lfp", times[:, None], RATE, segments=segments, channels=channels)
    units = Rows("units", {"id": np.array(["u1", "u2"])})
    spikes = Samples("spikes", SPIKES, {"unit_index": np.arange(len(SPIKES)) % 2})
    begin = np.arange(0.0, END - 1, 10.0)
    trials = Table("trials", begin, begin + 5, {"kind": np.array(["x"] * 13)})
    domain = (np.zeros(1), np.array([END]))
    made = recording(
        *(lfp, units, spikes, trials),
        id=id,
        session={"id": id},
        subject={"id": f"subject of {id}"},
        domain=domain,
        splits=split("time", domain)[0],
    )
    write_recording(made, path)


def publish(root, brainset, files):
    """Put files where a run does, with what it says of them."""
    folder = BrainsetFolder(root / brainset)
    folder.status.mkdir(parents=True)
    frame = pd.DataFrame(index=pd.Index(list(files), dtype=object))
    manifests.write(folder.workflow, frame)
    for asset, name in asset_names(list(files)).items():
        path = folder.root / files[asset]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".h5":
            write(path, Path(files[asset]).stem)
        else:
            path.write_text("other")
        output = {"path": files[asset], "bytes": path.stat().st_size, "sha256": "0"}
        record = {"asset": asset, "step": "process", "outputs": [output]}
        folder.sentinel(name, "DONE").write_text(json.dumps(record))
    return folder
