"""Recordings as a reader gives them, and as temporaldata itself would write them."""

import h5py
import numpy as np
from temporaldata import (
    ArrayDict,
    Data,
    Interval,
    IrregularTimeSeries,
    RegularTimeSeries,
)

from brainsets.conversion.inventory import Inventory
from brainsets.conversion.parts import Recording, Rows, Samples, Signal, Table

DOMAIN = (np.array([0.0]), np.array([100.0]))


def signal(name, values, sampling_rate=100.0, start=0.0, **more):
    """Return a signal of values that are in memory."""
    return Signal(
        name,
        values.shape,
        values.dtype,
        lambda i, j: values[i:j],
        sampling_rate,
        start,
        **more,
    )


def recording(*parts, **changes):
    """Return a recording of some parts; all else can be changed."""
    inventory = Inventory()
    inventory.take("/a", "TimeSeries", taken_as="a", shape=(3, 4), dtype="int16")
    inventory.leave("/b", "ImageSeries", "pictures")
    given = {
        "id": "r1",
        "brainset": {"id": "some_brainset"},
        "subject": {"id": "s1", "age": 12.5},
        "session": {"id": "r1"},
        "device": {},
        "domain": DOMAIN,
        "inventory": inventory,
    }
    return Recording(parts=parts, **{**given, **changes})


def as_data(made):
    """Return a recording as temporaldata has it in memory; text has to be ASCII."""
    domain = Interval(*made.domain)
    content = dict(made.attributes)
    for name in ("brainset", "subject", "session", "device"):
        if getattr(made, name):
            content[name] = Data(**getattr(made, name))
    with_channels = [p for p in made.parts if getattr(p, "channels", None)]
    for part in made.parts:
        content[part.name] = _object(part, domain)
    for part in with_channels:
        name = f"{part.name}_channels" if len(with_channels) > 1 else "channels"
        columns = dict(part.channels)
        if part.unit:
            columns.setdefault("unit", np.full(part.shape[1], part.unit))
        content[name] = ArrayDict(**columns)
    for name, bounds in made.splits.items():
        content[f"{name}_domain"] = Interval(*bounds)
    items = made.inventory.items
    names = ("path", "type", "shape", "dtype", "taken_as", "reason", "note")
    columns = {name: [getattr(item, name) for item in items] for name in names}
    columns["shape"] = [" x ".join(map(str, sizes)) for sizes in columns["shape"]]
    content["inventory"] = ArrayDict(
        **{name: np.array(column, dtype=str) for name, column in columns.items()}
    )
    return Data(**content, domain=domain)


def _object(part, domain):
    if isinstance(part, Samples):
        own = Interval(*part.domain) if part.domain else domain
        return IrregularTimeSeries(part.timestamps, domain=own, **part.columns)
    if isinstance(part, Table):
        times = list(part.times)
        return Interval(part.start, part.end, timekeys=times, **part.columns)
    if isinstance(part, Rows):
        return ArrayDict(**part.columns)
    values = part.read(0, part.shape[0])
    if not part.segments or len(part.segments) == 1:
        return RegularTimeSeries(
            signal=values, sampling_rate=part.sampling_rate, domain_start=part.start
        )
    times = np.empty(len(values))
    ends = [*(first for first, _ in part.segments[1:]), len(values)]
    for (first, time), end in zip(part.segments, ends):
        times[first:end] = time + np.arange(end - first) / part.sampling_rate
    return RegularTimeSeries.from_gappy_timeseries(
        times, part.sampling_rate, rtol=0.5, signal=values
    )


def contents(group):
    """Return all that is in a file: values, types and attributes by path."""
    found = {"/": dict(group.attrs)}

    def add(name, node):
        for key, value in node.attrs.items():
            found[f"{name}@{key}"] = value
        is_group = isinstance(node, h5py.Group)
        found[name] = None if is_group else (node.dtype, node.shape, node[()])

    group.visititems(add)
    return found


def assert_same_contents(one, other, *, but_for=()):
    """Compare two files, without attributes of some names."""
    left, right = (
        {k: v for k, v in contents(f).items() if k.rpartition("@")[2] not in but_for}
        for f in (one, other)
    )
    assert left.keys() == right.keys()
    for path, value in left.items():
        np.testing.assert_equal(value, right[path], err_msg=path)
        assert type(value) is type(right[path]), path
