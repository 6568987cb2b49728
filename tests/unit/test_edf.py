"""The header of an EDF file says more than the libraries that read it."""

import numpy as np
import pytest
from edf import FIELDS, Edf, read_edf, write_edf

from brainsets.archives.edf import read_units


def fixed(signals):
    header = b"0".ljust(236) + b"1".ljust(8) + b"1".ljust(8)
    return header + f"{signals:<4}".encode()


@pytest.mark.parametrize(
    "units",
    [["uV"], ["uV", "mV", "", "uV RMSx"], [f"{n} V" for n in range(65)]],
)
def test_units_are_those_of_the_header_in_its_order(tmp_path, units):
    # Other fields are full, so that a unit is found at its place alone.
    full = {field: "x" * width for field, width in FIELDS.items()}
    signals = [{**full, "unit": unit, "samples": "1"} for unit in units]
    content = np.zeros((1, len(units)), dtype="<i2")
    path = tmp_path / "é" / "a.edf"
    write_edf(path, Edf(fixed(len(units)), signals, content), 1, 1, [])
    assert read_units(path) == units


@pytest.mark.parametrize("name", ["eegmmidb/S001/S001R03", "eegmat/Subject00_2"])
def test_units_of_a_real_recording_are_those_that_it_has(shared_data, name):
    path = shared_data / "physionet" / f"{name}.edf"
    units = [signal["unit"] for signal in read_edf(path).signals]
    assert "uV" in units
    assert read_units(path) == units
