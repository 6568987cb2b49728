"""The benchmarks of writing measure what they say; memory stays under its ceiling."""

import re

import h5py
import numpy as np
import pytest

from benchmarks import compression, large_nwb
from brainsets.conversion.signals import FILTERS
from brainsets.errors import RecordingError
from tests.helpers.edf import read_edf
from tests.helpers.workspace import SHARED_DATA


def test_a_large_file_is_converted_in_little_memory(tmp_path):
    source = tmp_path / "large.nwb"
    # 600 MB when converted.
    large_nwb.make(source, 300_000_000, is_sparse=True)
    found = large_nwb.measured("convert", source, tmp_path / "out")
    assert 50 < found["peak_mb"] < 250
    assert found["wall_s"] > 0 and found["cpu_s"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["large.nwb"]


def test_what_is_converted_is_what_was_made(tmp_path):
    source, target = tmp_path / "large.nwb", tmp_path / "out"
    large_nwb.make(source, 20_000_000)
    large_nwb.converted(source, target)
    with h5py.File(source) as made, h5py.File(target) as file:
        volts = made[large_nwb.DATA][:] * 0.195e-6
        np.testing.assert_array_equal(
            file["electrical_series/signal"][:], volts.astype(np.float32)
        )
        assert file["electrical_series"].attrs["sampling_rate"] == 30_000
        assert len(file["channels/id"]) == 128
    large_nwb.copied(source, target)
    with h5py.File(source) as made, h5py.File(target) as file:
        np.testing.assert_array_equal(file["data"][:], made[large_nwb.DATA][:])


def test_a_pair_is_measured_and_its_files_are_removed(tmp_path, capsys):
    options = ["--gb", "0.01", "--pairs", "1", "--work", str(tmp_path)]
    assert large_nwb.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "copy",
        "convert",
        "speed of conversion",
    ]
    assert list(tmp_path.iterdir()) == []
    assert large_nwb.main([*options, "--sparse"]) == 0
    assert re.match(r"convert: .* peak \d+ MB\n$", capsys.readouterr().out)


def test_a_failure_is_told(tmp_path):
    source = tmp_path / "large.nwb"
    source.write_bytes(b"no NWB")
    with pytest.raises(RecordingError, match=r"To convert large.nwb ended with 1\."):
        large_nwb.measured("convert", source, tmp_path / "out")


def test_noise_of_16_bits_compresses_and_what_is_random_does_not():
    noise, rate = compression.broadband()
    random = np.random.default_rng(0).normal(size=noise.shape)
    sizes = {
        name: [
            compression.measured(values, rate, name)[0]
            for values in (noise[:60_000], random[:60_000])
        ]
        for name in FILTERS
    }
    assert sizes["none"] == [1.0, 1.0]
    assert sizes["gzip-4"][0] < sizes["gzip-1"][0] < sizes["lzf"][0] < 0.9
    assert all(size > 0.8 for _, size in sizes.values())


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no real recordings")
def test_edf_is_read_in_volts():
    path = SHARED_DATA / "physionet/eegmat/Subject00_1.edf"
    ((_, values, rate),) = compression.of_edf(path)
    edf = read_edf(path)
    assert rate == 500
    first = edf.signals[0]
    low, high, least, most = (
        float(first[key])
        for key in ("physical_min", "physical_max", "digital_min", "digital_max")
    )
    counts = edf.content[0, : int(first["samples"])]
    expected = (counts - least) * (high - low) / (most - least) + low
    np.testing.assert_allclose(values[: len(counts), 0], 1e-6 * expected, rtol=1e-6)


def test_the_table_has_a_row_for_each_way(capsys):
    assert compression.main(["--size", "1000000"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].count("|") == rows[2].count("|") == 6
    assert [re.findall("`(.*?)`", row)[-1] for row in rows[2:]] == list(FILTERS)
