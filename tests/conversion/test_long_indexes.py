"""A look at a file does not read the index of each chunk it has."""

import io

import pytest

pytest.importorskip("h5py", reason="NWB files are HDF5")

import h5py
import numpy as np

from brainsets.conversion.nwb import look, open_nwb


class Counted(io.BytesIO):
    """A file that knows how much was read of it."""

    count = 0

    def readinto(self, buffer):
        found = super().readinto(buffer)
        self.count += found
        return found


def file_with(chunks, **options):
    content = Counted()
    with h5py.File(content, "w") as file:
        file.attrs.update(nwb_version="2.7.0", neurodata_type="NWBFile")
        file.attrs["namespace"] = "core"
        series = file.create_group("acquisition/raw")
        series.attrs.update(neurodata_type="ElectricalSeries", namespace="core")
        values = np.arange(100_000, dtype="i2")
        data = series.create_dataset("data", data=values, chunks=chunks, **options)
        data.attrs["unit"] = "volts"
        series["starting_time"] = 0.0
        series["starting_time"].attrs.update(rate=30_000.0, unit="seconds")
    content.count = 0
    return content


@pytest.mark.parametrize(
    ("chunks", "options", "stored"),
    [
        (None, {}, 200_000),
        ((1000,), {}, 200_000),
        ((2,), {}, 200_000),
        ((2,), {"compression": "gzip"}, None),
    ],
)
def test_size_in_the_file_is_told_where_it_costs_little(chunks, options, stored):
    content = file_with(chunks, **options)
    with open_nwb(content) as file:
        [entry] = [row for row in look(file) if row["path"] == "/acquisition/raw"]
    assert entry["bytes"] == 200_000
    assert entry["stored"] == stored
    assert content.count < 50_000
