"""Files of the writer in torch_brain: its Dataset, samplers and batches.

``python -m pytest tests/published/test_training.py`` in an environment with torch,
``torch_brain==0.2.1`` and ``temporaldata==0.1.6``.
"""

from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="batches need torch")
pytest.importorskip("torch_brain", reason="it is what reads the files")
pytest.importorskip("torch_brain.samplers", reason="torch_brain is another one")
pytest.importorskip("temporaldata", reason="the writer needs temporaldata")

import torch
from torch_brain.batching import chain, collate, pad, track_mask
from torch_brain.datasets import (
    Dataset,
    MultiChannelDatasetMixin,
    SpikingDatasetMixin,
)
from torch_brain.samplers import RandomFixedWindowSampler, SequentialFixedWindowSampler

from brainsets.conversion.bids.layout import layout_of
from brainsets.conversion.bids.reading import read_bids
from brainsets.conversion.edf import read_edf
from brainsets.conversion.parts import Rows, Samples, Table
from brainsets.conversion.splits import split
from brainsets.conversion.wfdb import read_wfdb
from brainsets.conversion.writing import write_recording
from brainsets.pipeline import SkipAsset
from tests.helpers.folders import files_below
from tests.helpers.in_memory import recording, signal

RATE = 100.0
WINDOW = 1.0
END = 130.0
# s of samples that are missing.
GAP = (50.0, 61.5)


class Training(SpikingDatasetMixin, MultiChannelDatasetMixin, Dataset):
    """A dataset as people write it, whose windows are of one split."""

    def get_sampling_intervals(self, name):
        found = {}
        for recording_id in self.recording_ids:
            data = self.get_recording(recording_id)
            found[recording_id] = getattr(data, f"{name}_domain")
        return found


def cut(data):
    """Return a window as what a model takes."""
    series, mask = data.lfp, data.lfp.index_mask()
    return {
        "lfp": pad(series.signal.astype(np.float32)),
        "is_value": track_mask(series.signal[:, 0]),
        "lfp_times": pad(data.absolute_start + series.timestamps),
        "is_known": pad(mask),
        "spikes": chain(data.absolute_start + data.spikes.timestamps),
        "units": chain(data.spikes.unit_index),
        "trials": chain(data.absolute_start + data.trials.start),
        "start": data.absolute_start,
        "session": data.session.id,
    }


def signal_at(times):
    """Return what the signal of all recordings is at some times."""
    return np.stack([times, 1000 + times], axis=-1)


SPIKES = np.arange(0.05, END, 0.37)


@pytest.fixture(scope="module", params=["none", "gzip-1"])
def folder(request, tmp_path_factory):
    """A folder with two recordings, of which one has a gap."""
    folder = tmp_path_factory.mktemp("brainset")
    for name, is_gappy in (("whole", False), ("gappy", True)):
        times = np.arange(int(END * RATE)) / RATE
        segments = None
        if is_gappy:
            times = times[(times < GAP[0]) | (times >= GAP[1])]
            segments = [(0, 0.0), (int(GAP[0] * RATE), GAP[1])]
        channels = {"id": np.array(["c1", "c2"])}
        lfp = signal(
            "lfp", signal_at(times), RATE, segments=segments, channels=channels
        )
        units = Rows("units", {"id": np.array(["u1", "u2"])})
        spikes = Samples("spikes", SPIKES, {"unit_index": np.arange(len(SPIKES)) % 2})
        begin = np.arange(0.0, END - 1, 10.0)
        trials = Table("trials", begin, begin + 5, {"kind": np.array(["x"] * 13)})
        domain = (np.zeros(1), np.array([END]))
        made = recording(
            *(lfp, units, spikes, trials),
            id=name,
            session={"id": name},
            subject={"id": f"subject of {name}"},
            domain=domain,
            splits=split("time", domain)[0],
        )
        write_recording(made, folder / f"{name}.h5", compression=request.param)
    return folder


@pytest.mark.parametrize("keep_files_open", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_what_was_written(folder, keep_files_open, workers):
    dataset = Training(folder, transform=cut, keep_files_open=keep_files_open)
    intervals = dataset.get_sampling_intervals("train")
    sampler = RandomFixedWindowSampler(
        sampling_intervals=intervals,
        window_length=WINDOW,
        generator=torch.Generator().manual_seed(0),
    )
    loader = torch.utils.data.DataLoader(
        dataset, sampler=sampler, batch_size=8, collate_fn=collate, num_workers=workers
    )
    windows = n_gaps = 0
    for batch in loader:
        for i, session in enumerate(batch["session"]):
            start = float(batch["start"][i])
            assert 0 <= start and start + WINDOW <= 0.7 * END + 1e-9
            is_value = batch["is_value"][i].numpy().astype(bool)
            times = batch["lfp_times"][i].numpy()[is_value]
            values = batch["lfp"][i].numpy()[is_value]
            known = batch["is_known"][i].numpy()[is_value]
            assert ((times >= start - 1e-9) & (times < start + WINDOW)).all()
            np.testing.assert_allclose(values[known], signal_at(times)[known], 1e-6)
            assert np.isnan(values[~known]).all()
            in_gap = session == "gappy" and GAP[0] - WINDOW < start < GAP[1]
            if not in_gap:
                assert known.sum() == len(known) == WINDOW * RATE
            else:
                inside = (times[known] >= GAP[0]) & (times[known] < GAP[1] - 1e-6)
                assert not inside.any()
                n_gaps += 1
            windows += 1
        assert np.isin(batch["units"].numpy(), [0, 1]).all()
        near = np.abs(batch["spikes"].numpy()[:, None] - SPIKES).min(axis=1)
        assert (near < 1e-9).all()
        assert (batch["trials"].numpy() % 10 < 1e-9).all()
    assert windows == len(sampler) == 2 * 91
    assert n_gaps > 5


def test_windows_in_turn_give_each_spike_once(folder):
    dataset = Dataset(folder, recording_ids=["whole"])
    sampler = SequentialFixedWindowSampler(
        sampling_intervals=dataset.get_sampling_intervals(), window_length=WINDOW
    )
    windows = [dataset[index] for index in sampler]
    spikes = [data.absolute_start + data.spikes.timestamps for data in windows]
    np.testing.assert_allclose(np.concatenate(spikes), SPIKES)
    assert sum(len(data.lfp.signal) for data in windows) == END * RATE


def test_ids_are_those_that_models_embed(folder):
    dataset = Training(folder)
    assert dataset.recording_ids == ["gappy", "whole"]
    assert dataset.get_unit_ids() == ["u1", "u1", "u2", "u2"]
    expected = [f"subject of {n}/{c}" for n in ("gappy", "whole") for c in ("c1", "c2")]
    assert dataset.get_channel_ids() == expected
    rates = dataset.compute_average_firing_rates()
    np.testing.assert_allclose(rates["firing_rate"], len(SPIKES) / END / 2, rtol=0.01)


def test_splits_share_no_window(folder):
    dataset = Training(folder)
    seen = {}
    for name in ("train", "valid", "test"):
        sampler = SequentialFixedWindowSampler(
            sampling_intervals=dataset.get_sampling_intervals(name),
            window_length=WINDOW,
        )
        starts = [index.start for index in sampler if index.recording_id == "gappy"]
        seen[name] = (min(starts), max(starts) + WINDOW)
    assert seen["train"][1] + 1 <= seen["valid"][0]
    assert seen["valid"][1] + 1 <= seen["test"][0]


def found(kind, folder):
    """Yield the recordings of a kind below a folder, each with what reads it."""
    if kind == "bids":
        pytest.importorskip("mne", reason="it reads BrainVision")
        for root in [*(folder / "bids").iterdir(), *(folder / "zoo/bids").iterdir()]:
            paths = [p.relative_to(root).as_posix() for p in files_below(root)]
            for one in layout_of(paths).recordings:
                yield one.stem, partial(read_bids, root, one)
        return
    pytest.importorskip("soundfile", reason="it reads FLAC")
    suffixes, read = (
        ({".edf", ".bdf"}, read_edf) if kind == "edf" else ({".hea"}, read_wfdb)
    )
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and "bids" not in path.parts:
            yield path.name.replace(".", "_"), partial(read, path)


@pytest.mark.parametrize("kind, least", [("edf", 25), ("wfdb", 15), ("bids", 5)])
def test_real_recordings_give_windows_of_all_that_is_in_them(
    shared_data, tmp_path, kind, least
):
    lengths = {}
    for id, read in found(kind, shared_data):
        try:
            made = read(id=id)
        except SkipAsset:
            continue
        made.brainset = {"id": kind}
        made.subject = {"id": "s", **made.subject}
        made.session = {**made.session, "id": id}
        made.splits = split("time", made.domain, gap=0.1)[0]
        write_recording(made, tmp_path / f"{id}.h5")
        lengths[id] = {
            part.name: part.sampling_rate
            for part in made.parts
            if hasattr(part, "sampling_rate")
        }
    assert len(lengths) >= least
    dataset = Dataset(tmp_path)
    for name in ("train", "valid", "test"):
        domains = {
            id: getattr(dataset.get_recording(id), f"{name}_domain") for id in lengths
        }
        intervals = {
            id: domain
            for id, domain in domains.items()
            if len(domain) and (domain.end - domain.start).max() > 0.3
        }
        sampler = RandomFixedWindowSampler(
            sampling_intervals=intervals,
            window_length=0.3,
            generator=torch.Generator().manual_seed(0),
        )
        windows = list(sampler)[:300]
        assert windows
        for index in windows:
            data = dataset[index]
            for part, rate in lengths[index.recording_id].items():
                size = len(getattr(data, part).signal)
                assert abs(size - 0.3 * rate) <= 1, (index.recording_id, part)
