"""NWB files made by pynwb, with any mixture of containers."""

from datetime import datetime, timedelta, timezone
from uuid import uuid4

import numpy as np
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import CompassDirection, Position
from pynwb.ecephys import LFP, ElectricalSeries, EventDetection, SpikeEventSeries
from pynwb.epoch import TimeIntervals
from pynwb.file import Subject
from pynwb.icephys import CurrentClampSeries, CurrentClampStimulusSeries
from pynwb.image import ImageSeries
from pynwb.misc import AnnotationSeries, DecompositionSeries, IntervalSeries
from pynwb.ophys import (
    Fluorescence,
    ImageSegmentation,
    OpticalChannel,
    RoiResponseSeries,
)

__all__ = ["MAKERS", "new_file", "write"]

UNITS = ["volts", "mV", "\N{MICRO SIGN}V", "a.u.", "cm", "unknown", "radians"]
DTYPES = ["int8", "uint16", "int16", "int32", "float32", "float64"]
ODD_NAMES = "split keys timestamps class a-b _x 1st \N{MICRO SIGN}".split()


def new_file(draw):
    """Return a file with nothing in it, and some way to say whose it is."""
    zone = draw.one_of(timezone.utc, timezone(timedelta(hours=-7)))
    file = NWBFile("d", str(uuid4()), datetime(2020, 5, 17, 10, tzinfo=zone))
    age = draw.one_of(None, "P90D", "P1Y2M", "12 mo", "P90D/P120D")
    if draw.one_of(True, False):
        file.subject = Subject(subject_id=draw.one_of("a", "A", "\xe9"), age=age)
    return file


def series(file, draw, name):
    n = draw.number(0, 40)
    shape = (n, *draw.one_of((), (1,), (3,), (2, 2)))
    data = draw.values(shape, draw.one_of(*DTYPES))
    scale = {"conversion": draw.one_of(1.0, 1e-6, 0.195)}
    scale["offset"] = draw.one_of(0.0, 2.5)
    unit = draw.one_of(*UNITS)
    found = TimeSeries(name, data=data, unit=unit, **scale, **draw.timing(n))
    draw.one_of(file.add_acquisition, file.add_stimulus)(found)


def flags(file, draw, name):
    n = draw.number(1, 40)
    data = draw.rng.random(n) < 0.5
    file.add_acquisition(TimeSeries(name, data=data, unit="n/a", **draw.timing(n)))


def electrodes(file):
    """Return the rows of the electrodes, which are made once."""
    if file.electrodes is None:
        device = file.create_device("probe")
        group = file.create_electrode_group("g", "d", "CA1", device)
        for i in range(4):
            file.add_electrode(location=f"\N{MICRO SIGN}{i}", group=group, id=10 + i)
    return file.electrodes


def voltages(file, draw, name):
    electrodes(file)
    n, channels = draw.number(1, 40), draw.number(1, 4)
    rows = draw.rng.permutation(4)[:channels].tolist()
    factors = draw.one_of(None, draw.rng.uniform(0.5, 2, channels))
    found = ElectricalSeries(
        name,
        draw.values((n, channels), draw.one_of("int16", "float32", "int32")),
        file.create_electrode_table_region(rows, "r"),
        conversion=draw.one_of(1.0, 1.95e-7),
        channel_conversion=factors,
        **draw.timing(n),
    )
    if draw.one_of(True, False):
        file.add_acquisition(found)
    else:
        module(file).add(LFP(electrical_series=found, name=f"LFP {name}"))


def module(file):
    if "m" not in file.processing:
        file.create_processing_module("m", "d")
    return file.processing["m"]


def waveforms(file, draw, name):
    electrodes(file)
    region = file.create_electrode_table_region([0, 1], "r")
    data = draw.values((5, 2, 8), "float32")
    found = SpikeEventSeries(name, data, np.arange(5.0), region)
    file.add_acquisition(found)


def position(file, draw, name):
    n = draw.number(1, 40)
    data = draw.values((n, 2), "float64")
    holder = draw.one_of(Position, CompassDirection)(name=f"P {name}")
    own = draw.one_of("SpatialSeries", name)
    holder.create_spatial_series(own, data, reference_frame="r", **draw.timing(n))
    module(file).add(holder)


def images(file, draw, name):
    about = {"name": name, "unit": "n/a", "timestamps": np.arange(3.0)}
    if draw.one_of(True, False):
        found = ImageSeries(external_file=["a.avi"], format="external", **about)
    else:
        found = ImageSeries(data=draw.values((3, 4, 4), "uint16"), **about)
    file.add_acquisition(found)


def annotations(file, draw, name):
    n = draw.number(0, 5)
    texts = [draw.one_of("go", "caf\xe9", "\N{MICRO SIGN}V", "") for _ in range(n)]
    times = np.sort(draw.rng.uniform(0, 100, n))
    file.add_acquisition(AnnotationSeries(name, data=texts, timestamps=times))


def marks(file, draw, name):
    n = 2 * draw.number(1, 20)
    data = np.tile(np.array([1, -1], dtype=np.int8), n // 2)
    times = np.arange(n) * 0.5
    file.add_acquisition(IntervalSeries(name, data=data, timestamps=times))


def sweeps(file, draw, name):
    device = file.create_device(f"amp {name}")
    electrode = file.create_icephys_electrode(
        name=f"e {name}", description="d", device=device
    )
    more = {"electrode": electrode, "gain": 1.0, "rate": 20_000.0}
    current, voltage = draw.values(9, "float64"), draw.values(9, "int16")
    response = CurrentClampSeries(f"{name} r", voltage, **more)
    stimulus = CurrentClampStimulusSeries(f"{name} s", current, **more)
    file.add_acquisition(response)
    about = {"electrode": electrode, "response": response}
    if draw.one_of(True, False):
        file.add_stimulus(stimulus)
        about["stimulus"] = stimulus
    file.add_intracellular_recording(**about)


def cells(file, draw, name):
    device = file.create_device(f"scope {name}")
    channel = OpticalChannel(name="c", description="d", emission_lambda=500.0)
    plane = file.create_imaging_plane(
        name=f"plane {name}",
        optical_channel=channel,
        description="d",
        device=device,
        excitation_lambda=600.0,
        indicator="GFP",
        location="V1",
    )
    segmentation = ImageSegmentation(name=f"seg {name}")
    module(file).add(segmentation)
    table = segmentation.create_plane_segmentation("d", plane, "PlaneSegmentation")
    for _ in range(3):
        table.add_roi(image_mask=np.ones((4, 4)))
    n = draw.number(1, 40)
    found = RoiResponseSeries(
        name=draw.one_of("RoiResponseSeries", name),
        data=draw.values((n, 3), "float32"),
        rois=table.create_roi_table_region("r", region=[2, 0, 1]),
        unit="lumens",
        **draw.timing(n),
    )
    module(file).add(Fluorescence(roi_response_series=found, name=f"F {name}"))


def spectra(file, draw, name):
    found = DecompositionSeries(
        name, draw.values((20, 3, 2), "float64"), "power", rate=draw.one_of(10.0, 400.0)
    )
    limits = {"band_limits": (1.0, 2.0), "band_mean": 1.5, "band_stdev": 0.5}
    for band in ("alpha", "beta"):
        found.add_band(band_name=band, **limits)
    module(file).add(found)


def detections(file, draw, name):
    electrodes(file)
    region = file.create_electrode_table_region([0], "r")
    source = ElectricalSeries(f"{name} v", np.zeros((50, 1)), region, rate=10.0)
    file.add_acquisition(source)
    found = EventDetection(
        name=name,
        detection_method="d",
        source_electricalseries=source,
        source_idx=[1, 5, 9],
        times=[0.1, 0.5, 0.9],
    )
    module(file).add(found)


def units(file, draw, name):
    if file.units is not None:
        return
    has_intervals, has_electrodes = draw.one_of(True, False), draw.one_of(True, False)
    if has_electrodes:
        electrodes(file)
    odd = draw.one_of(*ODD_NAMES)
    file.add_unit_column("quality", "d")
    file.add_unit_column(odd, "d")
    for row in range(draw.number(1, 4)):
        times = np.sort(draw.rng.uniform(0, 50, draw.number(0, 30)))
        if draw.one_of(True, False, False):
            times = times[::-1]
        values = {"quality": draw.one_of("good", "\N{MICRO SIGN}ua"), odd: row * 1.5}
        if has_intervals:
            values["obs_intervals"] = [[0.0, 20.0], [30.0, 50.0]]
        if has_electrodes:
            values["electrodes"] = list(range(draw.number(1, 3)))
            values["waveform_mean"] = np.zeros((8, 2))
        file.add_unit(spike_times=times, id=100 + row, **values)


def trials(file, draw, name):
    kind = draw.one_of("plain", "nan", "some nan", "nested", "unsorted", "ends before")
    n = draw.number(1, 12)
    starts = draw.one_of(0.0, 4e6) + np.arange(n) * 2.0
    stops = starts + 1.5
    if kind == "nan":
        stops[:] = np.nan
    elif kind == "some nan":
        stops[0] = np.nan
    elif kind == "nested":
        stops[0] += 100
    elif kind == "unsorted":
        starts, stops = starts[::-1], stops[::-1]
    elif kind == "ends before":
        stops[-1] = starts[-1] - 1
    table = file.create_time_intervals(name, "d") if file.trials is not None else None
    if table is None:
        table = file.trials = TimeIntervals(name="trials", description="d")
    table.add_column("cue_time", "d")
    odd = draw.one_of(*ODD_NAMES)
    table.add_column(odd, "d")
    table.add_column("flag", "d")
    table.add_column("words", "d", index=True)
    table.add_column("numbers", "d", index=True)
    is_relative = draw.one_of(True, False)
    for start, stop in zip(starts, stops):
        table.add_row(
            start_time=start,
            stop_time=stop,
            cue_time=0.5 if is_relative else start + 0.5,
            flag=bool(draw.rng.random() < 0.5),
            words=["a", "b"][: draw.number(1, 2)],
            numbers=draw.rng.random(draw.number(1, 3)).tolist(),
            **{odd: f"x{start}"},
        )


def invalid(file, draw, name):
    if file.invalid_times is None:
        file.add_invalid_time_interval(start_time=1.0, stop_time=draw.one_of(2.0, 3e7))


def scratch(file, draw, name):
    file.add_scratch(draw.values(3, "float64"), name=name, description="d")


MAKERS = (
    series,
    series,
    flags,
    voltages,
    waveforms,
    position,
    images,
    annotations,
    marks,
    sweeps,
    cells,
    spectra,
    detections,
    units,
    trials,
    invalid,
    scratch,
)


def write(file, path):
    """Write a file that has been made."""
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
