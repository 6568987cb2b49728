"""Values are what NWB says: data * conversion * channel_conversion + offset, in SI."""

import itertools

import h5py
import numpy as np
import pytest

from brainsets.conversion.nwb import values as nwb_values
from brainsets.conversion.nwb.values import values_of

UNITS = {"volts": ("V", 1.0), "mV": ("V", 1e-3), "\N{MICRO SIGN}V": ("V", 1e-6)}
UNITS |= {"cm": ("m", 1e-2), "a.u.": ("a.u.", 1.0), "": ("", 1.0)}
TYPES = ["i1", "u2", "i2", "i4", "u8", "f4", "f8"]


def extremes(dtype):
    """Return the values of a type that are the hardest to keep."""
    if np.dtype(dtype).kind == "f":
        return np.array([[0, 1], [-1.5, 1e6], [np.nan, 1e-20]], dtype)
    info = np.iinfo(dtype)
    return np.array([[0, 1], [info.min, info.max], [17, 100]], dtype)


@pytest.fixture
def series(tmp_path):
    """Return a function that makes a series, as NWB stores it."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        count = itertools.count()

        def made(data, unit="volts", channels=None, **said):
            group = file.create_group(f"s{next(count)}")
            group["data"] = data
            group["data"].attrs.update(unit=unit, **said)
            if channels is not None:
                group["channel_conversion"] = channels
            return group

        yield made


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("offset", [None, 0.0, 2.5])
def test_values_are_scaled_as_the_file_says(series, dtype, offset):
    data = extremes(dtype)
    said = {} if offset is None else {"offset": offset}
    for conversion, channels, unit in itertools.product(
        [1.0, 1.95e-7], [None, [0.5, 3.0]], UNITS
    ):
        group = series(data, unit, channels, conversion=conversion, **said)
        values = values_of(group["data"], group)
        symbol, scale = UNITS[unit]
        expected = data.astype(np.float64) * conversion
        expected = expected * np.array(channels or 1.0) + (offset or 0.0)
        found = values.read(0, 3)
        assert values.unit == symbol and found.dtype == values.dtype
        exact = 1e-15 if found.dtype == np.float64 else 1e-7
        np.testing.assert_allclose(found, expected * scale, rtol=4 * exact)
        np.testing.assert_array_equal(values.read(1, 2), found[1:2])
    # float32 only where it holds what is stored.
    is_small = np.dtype(dtype).itemsize <= (4 if dtype[0] == "f" else 2)
    assert values.dtype == (np.float32 if is_small else np.float64)


def test_what_was_read_is_given_back_to_the_system_and_read_again(series, monkeypatch):
    monkeypatch.setattr(nwb_values, "_KEPT_BYTES", 16)
    data = np.arange(1000, dtype=np.int16).reshape(-1, 2)
    group = series(data, conversion=0.5)
    group.file.flush()
    values = values_of(group["data"], group)
    found = np.concatenate([values.read(i, i + 50) for i in range(0, 500, 50)])
    np.testing.assert_array_equal(found, data * 0.5)
    np.testing.assert_array_equal(values.read(0, 500), data * 0.5)
