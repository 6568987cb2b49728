"""What is told of a file's content is what is in it, in each layout."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("h5py", reason="a report needs it: pip install -e '.[report]'")
pytest.importorskip("matplotlib", reason="a report needs it, too")

import h5py
from PIL import Image

from brainsets.report import page
from brainsets.report.data import inspection
from brainsets.report.data import statistics as scans
from brainsets.report.data.inspection import inspect_file

RATE = 250.0


def fields(seen):
    return {field["path"]: field for field in seen["fields"]}


def written(tmp_path, fill, name="a.h5"):
    with h5py.File(tmp_path / name, "w") as file:
        fill(file)
    return inspect_file(tmp_path / name, with_picture=True)


def size(seen):
    with Image.open(io.BytesIO(base64.b64decode(seen["picture"]))) as image:
        return image.size


def recording(**changes):
    """Return a recording of 40 s: EEG, spikes, trials, and parts for training."""
    temporaldata = pytest.importorskip("temporaldata", reason="it writes the files")
    chance = np.random.default_rng(0)
    signal = chance.normal(0, 2e-5, (10_000, 4)).astype("float32")
    parts = {
        "eeg": temporaldata.RegularTimeSeries(signal=signal, sampling_rate=RATE),
        "channels": temporaldata.ArrayDict(
            id=np.array(["Fz", "Cz", "Pz", "Oz"]), unit=np.array(["V"] * 4)
        ),
        "units": temporaldata.ArrayDict(id=np.array(["u0", "u1", "u2"])),
        "spikes": temporaldata.IrregularTimeSeries(
            timestamps=np.sort(chance.uniform(0, 40, 500)),
            unit_index=np.arange(500) % 3,
            domain="auto",
        ),
        "trials": temporaldata.Interval(
            start=np.arange(0.0, 40, 4),
            end=np.arange(4.0, 44, 4),
            label=np.array(["left", "right"] * 5),
        ),
        "domain": temporaldata.Interval(start=np.array([0.0]), end=np.array([40.0])),
        **changes,
    }
    return temporaldata.Data(**parts)


def endless(file):
    """A recording whose times are not numbers."""
    file.attrs["object"] = "Data"
    for path in ("domain", "trials"):
        group = file.create_group(path)
        group.attrs["object"] = "Interval"
        group["start"], group["end"] = [0.0, np.nan], [np.inf, 3.0]
    series = file.create_group("position")
    series.attrs["object"] = "IrregularTimeSeries"
    series["timestamps"], series["x"] = [0.0, np.nan], [1.0, 2.0]


def of_temporaldata(tmp_path, **changes):
    return written(tmp_path, lambda file: recording(**changes).to_hdf5(file))


def test_temporaldata_is_told_with_units_rates_and_counts(tmp_path):
    seen = of_temporaldata(tmp_path)
    assert seen["layout"] == "temporaldata"
    assert (seen["n_channels"], seen["n_units"]) == (4, 3)
    assert (seen["n_spikes"], seen["n_events"]) == (500, 10)
    assert (seen["start_s"], seen["end_s"]) == (0, 40)
    assert seen["hints"] == []
    eeg = fields(seen)["eeg/signal"]
    assert eeg["shape"] == [10_000, 4] and eeg["dtype"] == "float32"
    assert (eeg["unit"], eeg["rate_hz"]) == ("V", RATE)
    assert eeg["end_s"] - eeg["start_s"] == 40
    assert fields(seen)["spikes/timestamps"]["unit"] == "s"
    assert size(seen)[0] == 1060


def test_odd_recordings_are_told_as_odd(tmp_path):
    temporaldata = pytest.importorskip("temporaldata", reason="it writes the files")
    signal = np.random.default_rng(0).normal(0, 1, (10_000, 4))
    signal[:, 1], signal[:, 2], signal[:500, 3] = 3.5, np.nan, np.nan
    times = np.array([-2.0, 1.0, 2.0, 50.0])
    seen = of_temporaldata(
        tmp_path,
        eeg=temporaldata.RegularTimeSeries(signal=signal, sampling_rate=RATE),
        spikes=temporaldata.IrregularTimeSeries(
            timestamps=times, unit_index=np.array([0, 0, 1, 1]), domain="auto"
        ),
        trials=temporaldata.Interval(
            start=np.array([1.0, 9.0]), end=np.array([2.0, 8.0])
        ),
    )
    assert seen["hints"] == [
        "eeg/signal: one value all along in 1 of 4 channels (Cz)",
        "eeg/signal: nothing but missing values in 1 of 4 channels (Pz)",
        "spikes: 2 of 4 spikes lie outside of the recording, which is from 0 to 40 s",
        "spikes: 1 of 3 units are silent",
        "trials: 1 of 2 end before they begin",
    ]
    assert fields(seen)["eeg/signal"]["missing"] == 10_500 / 40_000


def test_nwb_is_told_with_its_own_attributes(tmp_path):
    def fill(file):
        file.attrs["nwb_version"] = "2.4.0"
        units = file.create_group("units")
        units.attrs["neurodata_type"] = "Units"
        units["spike_times"] = [0.5, 1.5, 2.5, 0.7, 9.0]
        units["spike_times_index"] = np.array([3, 3, 5])
        ecog = file.create_group("acquisition/ecog")
        ecog.attrs["neurodata_type"] = "ElectricalSeries"
        ecog["data"] = np.random.default_rng(0).normal(0, 1, (1000, 2))
        ecog["data"].attrs["unit"] = "volts"
        ecog["starting_time"] = 2.0
        ecog["starting_time"].attrs["rate"] = 100.0
        speed = file.create_group("processing/speed")
        speed["data"], speed["timestamps"] = np.arange(50.0), np.arange(50) / 20
        epochs = file.create_group("intervals/epochs")
        epochs["start_time"], epochs["stop_time"] = [0.0, 6.0], [6.0, 12.0]
        file["specifications/core"] = "not data"

    seen = written(tmp_path, fill, "a.nwb")
    assert seen["layout"] == "NWB" and seen["n_units"] == 3
    assert (seen["n_spikes"], seen["n_events"]) == (5, 2)
    assert seen["hints"] == ["units: 1 of 3 units are silent"]
    ecog = fields(seen)["acquisition/ecog/data"]
    assert (ecog["unit"], ecog["rate_hz"]) == ("volts", 100)
    assert (ecog["start_s"], ecog["end_s"]) == (2, 12)
    assert fields(seen)["processing/speed/data"]["rate_hz"] == 20
    assert "specifications/core" not in fields(seen)
    assert size(seen)


def test_plain_hdf5_is_told_by_names_and_attributes(tmp_path):
    def fill(file):
        file["eeg"] = np.random.default_rng(0).normal(0, 1, (640, 2))
        file["eeg"].attrs.update({"sampling_rate": 64, "unit": "uV"})
        file["channels"] = ["Fp1", ""]
        file["spikes"], file["unit_index"] = [1.0, 2.0, 3.0], [7, 9, 7]
        file["events"] = [0.5, 1.5]
        file["image"] = np.zeros((2, 3, 4), "uint8")

    seen = written(tmp_path, fill)
    assert seen["layout"] == "HDF5"
    assert (seen["n_channels"], seen["n_units"], seen["n_spikes"]) == (2, 2, 3)
    eeg = fields(seen)["eeg"]
    assert (eeg["unit"], eeg["rate_hz"], eeg["end_s"]) == ("uV", 64, 10)
    assert fields(seen)["channels"]["missing"] == 0.5
    assert fields(seen)["image"]["shape"] == [2, 3, 4]
    assert size(seen)


@pytest.mark.parametrize(
    "fill",
    [
        lambda file: None,
        lambda file: file.create_dataset("nothing", shape=(0, 3), dtype="f4"),
        lambda file: file.create_dataset("empty", data=h5py.Empty("f")),
        lambda file: file.create_dataset("scalar", data=1.5),
        lambda file: file.create_dataset("pair", data=np.zeros(3, "i4,f8")),
        lambda file: file.create_dataset("x", data=[1 + 2j, 3]),
        # A terabyte that was never written would take hours to read.
        lambda file: file.create_dataset("x", (10**7, 10**5), "i1", chunks=(9, 9)),
        lambda file: file.create_group("a").attrs.update({"object": "Interval"}),
        lambda file: file.attrs.update({"object": "Data", "$x$": "a\nb<"}),
        lambda file: file.create_dataset(
            "eeg", data=np.full((30, 2), np.nan)
        ).attrs.update({"sampling_rate": 10}),
        lambda file: file.create_dataset("eeg", data=[[np.inf], [1]]).attrs.update(
            {"sampling_rate": 10}
        ),
        lambda file: file.create_dataset("spikes", data=[np.nan, np.inf]),
        lambda file: file.create_dataset("eeg", data=[1.0, 2]).attrs.update(
            {"sampling_rate": np.nan}
        ),
        lambda file: file.create_dataset("eeg", data=[1.0, 2]).attrs.update(
            {"sampling_rate": [0.5]}
        ),
        endless,
    ],
)
def test_whatever_is_in_a_file_is_told_without_a_fault(tmp_path, fill):
    import json

    seen = written(tmp_path, fill)
    json.dumps(seen, allow_nan=False)
    # What was not read is not said to be whole.
    assert "x" not in fields(seen) or fields(seen)["x"]["missing"] is None


def test_other_formats_are_told_by_name_and_size_alone(tmp_path):
    (tmp_path / "a.csv").write_text("time\n1\n")
    seen = inspect_file(tmp_path / "a.csv", with_picture=True)
    assert seen["layout"] is None and seen["fields"] == []


ARRAYS = st.tuples(
    st.lists(
        st.lists(
            st.floats(width=32, allow_infinity=False) | st.just(float("nan")),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 200),
    st.booleans(),
)


@given(ARRAYS)
def test_a_scan_in_parts_finds_what_is_in_the_whole(case):
    rows, block_bytes, over_time = case
    values = np.array(rows, "float32")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "_BLOCK_BYTES", block_bytes)
        patch.setattr(scans, "_BINS", 7)
        with h5py.File("scan", "w", driver="core", backing_store=False) as file:
            found = scans.scan(
                file.create_dataset("x", data=values), over_time=over_time
            )
    assert found.count == values.size
    assert found.missing == np.isnan(values).sum()
    known = values[~np.isnan(values)]
    assert found.low == (known.min() if known.size else None)
    assert found.high == (known.max() if known.size else None)
    columns = values.T
    if len(values) > 1:
        finite = [c[~np.isnan(c)] for c in columns]
        flat = [n for n, c in enumerate(finite) if c.size and c.min() == c.max()]
        assert found.flat == flat
        assert found.empty == [n for n, c in enumerate(finite) if not c.size]
    if over_time:
        course = found.course
        bins = np.split(values, range(course.bin_rows, len(values), course.bin_rows))
        assert len(bins) == len(course.lows) == len(course.spread) <= 7
        for part, low, high in zip(bins, course.lows, course.highs):
            np.testing.assert_array_equal(np.fmin.reduce(part), low.astype("float32"))
            np.testing.assert_array_equal(np.fmax.reduce(part), high.astype("float32"))


def test_what_is_not_utf8_is_shown_in_escaped_form(tmp_path):
    """Names of fields, units, labels, channels and attributes, in the picture too."""

    def fill(file):
        odd = b"\xb5V"
        file.attrs["object"] = "Data"
        file.attrs[b"caf\xe9"] = np.bytes_(b"M\xfcller")
        eeg = file.create_group(b"eeg\xfc")
        eeg.attrs.update({"object": "RegularTimeSeries", "sampling_rate": 10.0})
        eeg[b"sign\xe4l"] = np.random.default_rng(0).normal(0, 1, (100, 2))
        channels = file.create_group("channels")
        channels.attrs["object"] = "ArrayDict"
        channels["id"], channels["unit"] = [b"C\xe9", b"\xff"], [odd, odd]
        trials = file.create_group(b"tri\xe4ls")
        trials.attrs["object"] = "Interval"
        trials["start"], trials["end"] = [0.0, 5.0], [5.0, 9.0]
        trials["label"] = [b"gr\xfcn", b"rot"]
        for name in (b"spik\xe9s", b"train_domain"):
            group = file.create_group(name)
            group.attrs["object"] = "IrregularTimeSeries"
            group["timestamps"], group["unit_index"] = [1.0, 2.0], np.array([0, 1])
        one = file.create_group(b"p\xf6s")
        one.attrs.update({"object": "RegularTimeSeries", "sampling_rate": 10.0})
        one["y"] = np.arange(50.0)
        one["y"].attrs["unit"] = odd

    seen = written(tmp_path, fill)
    assert seen["hints"] == [] and size(seen)
    assert any(field["unit"] == "\\xb5V" for field in seen["fields"])


def test_what_is_not_as_its_layout_has_it_is_told_and_spoils_nothing_else(tmp_path):
    def fill(file):
        file.attrs["object"] = "Data"
        for name in ("bad", "good"):
            group = file.create_group(name)
            group.attrs["object"] = "Interval"
            group["start"], group["end"] = [0.0, 2.0], [1.0, 3.0]
        del file["bad/end"]
        file["bad/end"] = [1.0]
        rate = file.create_group("rate")
        rate.attrs.update({"object": "RegularTimeSeries", "sampling_rate": "fast"})
        for name, index in (("texts", [b"a", b"b"]), ("short", [1])):
            spikes = file.create_group(name)
            spikes.attrs["object"] = "IrregularTimeSeries"
            spikes["timestamps"], spikes["unit_index"] = [0.5, 0.7], index
        flat = file.create_group("flat")
        flat.attrs["object"] = "IrregularTimeSeries"
        flat["timestamps"] = [[0.1, 0.2]]

    seen = written(tmp_path, fill)
    assert seen["n_events"] == 2 and seen["end_s"] == 3
    told = {hint.split(":")[0]: hint for hint in seen["hints"]}
    assert {*told} == {"bad", "rate", "texts", "short", "flat"}
    assert "2 of /bad/start and 1 of /bad/end" in told["bad"]
    for hint in told.values():
        assert "is not laid out as temporaldata has it" in hint
    assert {"good/start", "flat/timestamps"} <= {*fields(seen)}


def test_times_of_any_shape_spoil_no_nwb_file(tmp_path):
    def fill(file):
        file.attrs["nwb_version"] = "2.4.0"
        for name, times in (("a", [[0.0], [1.0]]), ("b", [b"x", b"y"])):
            group = file.create_group(f"acquisition/{name}")
            group["data"], group["timestamps"] = [1.0, 2.0], times
        units = file.create_group("units")
        units.attrs["neurodata_type"] = "Units"
        units["spike_times"], units["spike_times_index"] = [0.5, 1.5], [2, 1]
        epochs = file.create_group("intervals/epochs")
        epochs["start_time"], epochs["stop_time"] = [0.0], [6.0]

    seen = written(tmp_path, fill, "a.nwb")
    assert (seen["layout"], seen["n_events"]) == ("NWB", 1)
    assert len(seen["hints"]) == 3, seen["hints"]


def test_infinite_values_are_told_and_masks_are_not_missing(tmp_path):
    def fill(file):
        file["x"] = [1.0, np.inf, -np.inf, np.nan]
        file["mask"] = np.array([True, False])
        file["text"] = [b"a", b""]

    seen = written(tmp_path, fill)
    assert seen["hints"] == ["x: 2 of 4 values are infinite"]
    assert page._missing_share(seen["fields"]) == 0.25
    others = [field for field in seen["fields"] if field["path"] != "x"]
    assert page._missing_share(others) is None


def test_a_picture_that_cannot_be_drawn_leaves_the_fields(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OverflowError("too far out")

    monkeypatch.setattr(inspection, "picture", fail)
    seen = written(tmp_path, lambda file: file.create_dataset("x", data=[1.0, 2.0]))
    assert seen["picture"] is None and len(seen["fields"]) == 1
    assert seen["hints"] == ["no picture can be made of it: OverflowError: too far out"]
