"""NWB files read by others: by pynwb, and by HDF5 where that refuses them."""

import contextlib
import warnings

import h5py
import numpy as np
import pynwb
from pynwb import NWBHDF5IO

from tests.helpers.workspace import SHARED_DATA

FILES = sorted(
    [*SHARED_DATA.glob("nwb*/**/*.nwb"), *SHARED_DATA.glob("zoo/nwb/**/*.nwb")]
)
COLUMNS = {
    "DurationVectorData",
    "DynamicTableRegion",
    "ElementIdentifiers",
    "EnumData",
    "TimeSeriesReferenceVectorData",
    "TimestampVectorData",
    "VectorData",
    "VectorIndex",
}
# What one of each is in SI units.
UNITS = {
    "volts": ("V", 1.0),
    "volt": ("V", 1.0),
    "Volts": ("V", 1.0),
    "V": ("V", 1.0),
    "mV": ("V", 1e-3),
    "uV": ("V", 1e-6),
    "\N{MICRO SIGN}V": ("V", 1e-6),
    "microvolts": ("V", 1e-6),
    "amperes": ("A", 1.0),
    "A": ("A", 1.0),
    "pA": ("A", 1e-12),
    "meters": ("m", 1.0),
    "m": ("m", 1.0),
    "cm": ("m", 0.01),
    "seconds": ("s", 1.0),
    "second": ("s", 1.0),
    "s": ("s", 1.0),
    "radian": ("rad", 1.0),
    "radians": ("rad", 1.0),
    "Watt": ("W", 1.0),
    "watts": ("W", 1.0),
}


def typed_paths(file):
    """Return the paths of all objects with a type, once each, without columns."""
    found = {"/": file.attrs["neurodata_type"]}

    def visit(name, item):
        kind = item.attrs.get("neurodata_type")
        if kind is not None and not name.startswith("specifications"):
            if kind not in COLUMNS or name.count("/") == 1 and "scratch" in name:
                found[f"/{name}"] = kind

    file.visititems(visit)
    return found


class ByPynwb:
    """The objects of a file as pynwb has them, by path."""

    def __init__(self, io, nwbfile):
        self.objects = {}
        for container in nwbfile.objects.values():
            with contextlib.suppress(Exception):
                builder = io.manager.get_builder(container)
                path = builder.path.removeprefix("root")
                self.objects[path or "/"] = container

    def series(self, path):
        """Return values in the series' unit, and times; None for what it has not."""
        found = self.objects.get(path)
        if not isinstance(found, pynwb.TimeSeries):
            return None
        data = np.asarray(found.data[:])
        if data.dtype.kind in "iuf":
            data = data.astype(np.float64) * found.conversion
            factors = getattr(found, "channel_conversion", None)
            if factors is not None:
                data = data * np.asarray(factors[:])
            data = data + (found.offset or 0.0)
        times = np.asarray(found.get_timestamps()[:], dtype=np.float64)
        return data, times, found.unit


class ByHdf5:
    """The objects of a file as HDF5 has them."""

    def __init__(self, file):
        self.file = file

    def series(self, path):
        group = self.file[path]
        if "data" not in group:
            return None
        stored = group["data"]
        data = stored[()]
        if data.dtype.kind in "iuf":
            data = data.astype(np.float64) * stored.attrs.get("conversion", 1.0)
            if "channel_conversion" in group:
                data = data * group["channel_conversion"][()]
            data = data + stored.attrs.get("offset", 0.0)
        elif data.dtype.kind == "O":
            data = np.array([text.decode() for text in data])
        if "timestamps" in group:
            times = group["timestamps"][()].astype(np.float64).reshape(-1)
        else:
            start = group["starting_time"]
            times = start[()] + np.arange(len(data)) / start.attrs["rate"]
        return data, times, stored.attrs.get("unit", "")


@contextlib.contextmanager
def readers(path):
    """Give the independent readers of a file: HDF5, and pynwb if it takes the file."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(h5py.File(path, "r"))
        found = [ByHdf5(file)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                io = stack.enter_context(
                    NWBHDF5IO(path, "r", load_namespaces=has_specifications(file))
                )
                found.append(ByPynwb(io, io.read()))
        except Exception:  # whatever it is that it refuses
            pass
        yield found


def has_specifications(file):
    return ".specloc" in file.attrs
