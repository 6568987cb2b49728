"""What docs/train.md says: its model learns, and its traps are some.

``python -m pytest tests/published/test_training_document.py`` in an environment with
torch, ``torch_brain==0.2.1``, this project and what its example needs.
"""

import re

import pytest

pytest.importorskip("torch", reason="the model of the document needs torch")
pytest.importorskip("torch_brain.samplers", reason="it is what reads the files")
pytest.importorskip("nitime", reason="the example's recordings come with it")

import torch
from torch.utils.data import DataLoader
from torch_brain.datasets import Dataset
from torch_brain.samplers import RandomFixedWindowSampler

from tests.helpers.documents import TEXTS
from tests.helpers.settings import SHIPPED


@pytest.fixture
def prepared(workspace):
    run = workspace.run([{"pipeline": SHIPPED, "environment": "active"}], cores=2)
    assert run.returncode == 0, run.stdout
    return workspace.folder(SHIPPED).root


def test_the_network_is_better_than_the_filter_and_that_than_the_mean(prepared):
    [code] = re.findall(r"```python\n(.*?)```", TEXTS["docs/train.md"], re.S)
    code = re.sub(r'FOLDER = ".*"', f"FOLDER = {str(prepared)!r}", code)
    found = {}
    exec(compile(code, "docs/train.md", "exec"), found)
    mean, linear, network = found["errors"].values()
    assert 5.4 < mean < 6.0
    assert linear < mean - 0.1
    assert network < linear - 0.3


def test_spawned_workers_cannot_be_given_open_files(prepared):
    for is_open in (True, False):
        dataset = Dataset(prepared, keep_files_open=is_open, transform=len_of)
        sampler = RandomFixedWindowSampler(
            sampling_intervals=dataset.get_sampling_intervals(), window_length=1.0
        )
        loader = DataLoader(
            dataset,
            sampler=sampler,
            num_workers=1,
            multiprocessing_context="spawn",
            collate_fn=list,
        )
        if is_open:
            with pytest.raises(TypeError, match="h5py objects cannot be pickled"):
                next(iter(loader))
        else:
            assert next(iter(loader)) == [20_000]


def len_of(data):
    return len(data.stimulus.level_db_spl)


def test_times_of_a_window_begin_at_0(prepared):
    dataset = Dataset(prepared, recording_ids=["receptor_am200hz"])
    intervals = dataset.get_sampling_intervals()
    sampler = RandomFixedWindowSampler(
        sampling_intervals=intervals,
        window_length=0.5,
        generator=torch.Generator().manual_seed(0),
    )
    window = dataset[next(iter(sampler))]
    assert window.absolute_start > 0
    assert 0 <= window.spikes.timestamps[0] and window.spikes.timestamps[-1] < 0.5
