"""Whether a recording agrees with what others read in the same NWB file."""

import contextlib

import h5py
import numpy as np

from brainsets.conversion.inventory import REASONS
from brainsets.conversion.parts import Rows, Samples, Signal, Table
from tests.helpers.nwb_files import UNITS, readers, typed_paths

PICTURES = ("ImageSeries", "TwoPhoton", "OnePhoton", "Image", "Optical")
OF_THE_FILE = {"session", "subject", "device"}


def check_agreement(path, recording):
    """Assert that each object is told of once, and truly; return how many agree."""
    parts = {part.name: part for part in recording.parts}
    assert len(parts) == len(recording.parts)
    items = {item.path: item for item in recording.inventory.items}
    assert len(items) == len(recording.inventory.items)
    with readers(path) as others:
        file = others[0].file
        typed = typed_paths(file)
        assert typed.keys() <= items.keys()
        for more in items.keys() - typed.keys():
            assert items[more].reason, more
        for item in items.values():
            if item.taken_as:
                check_taken(item, parts, others)
            else:
                check_left_out(item, file)
    check_domain(recording)
    return len(others)


def check_taken(item, parts, others):
    assert not item.reason
    if item.taken_as in OF_THE_FILE:
        return
    part = parts[item.taken_as]
    file = others[0].file
    group = file[item.path]
    if "colnames" in group.attrs or isinstance(part, (Table, Rows)):
        check_table(part, group, parts, item)
    elif "data" in group and ("timestamps" in group or "starting_time" in group):
        for other in others:
            # In place of a unit that contradicts the type, pynwb has the type's own.
            has_doubt = "doubt: its unit" in item.note and other is not others[0]
            found = other.series(item.path)
            # A type that it does not know, pynwb has as no series.
            if found is not None or other is others[0]:
                check_series(part, found, has_doubt)
    else:
        times = group["timestamps"] if "timestamps" in group else group["times"]
        same(part.timestamps, np.sort(times[()], kind="stable"))


def check_series(part, found, has_doubt):
    assert found is not None
    values, times, unit = found
    if isinstance(part, Signal):
        symbol, scale = UNITS.get(unit, (None, 1.0))
        assert symbol in (None, part.unit) or has_doubt
        read = part.read(0, part.shape[0])
        if part.channels is not None and values.ndim == 1:
            values = values[:, None]
        assert read.dtype == part.dtype and read.shape == part.shape == values.shape
        close(read, values * scale if values.dtype.kind != "b" else values)
        part.read(part.shape[0], part.shape[0])
        ideal = np.empty(len(times))
        for first, start in part.segments or [(0, part.start)]:
            ideal[first:] = start + np.arange(len(times) - first) / part.sampling_rate
        assert np.abs(ideal - times).max() * part.sampling_rate <= 0.5 + 1e-6
        return
    assert isinstance(part, Samples)
    keep = np.flatnonzero(np.isfinite(times))
    keep = keep[np.argsort(times[keep], kind="stable")]
    same(part.timestamps, times[keep])
    [column] = [c for c in ("signal", "text") if c in part.columns] or [None]
    if column == "signal":
        scale = UNITS.get(unit, (None, 1.0))[1] if values.dtype.kind != "b" else 1
        close(part.columns[column], values[keep] * scale)
    elif column == "text":
        texts = [str(value) for value in values[keep]]
        spelled = part.columns[column].tolist()
        assert len(spelled) == len(texts)
        for ours, text in zip(spelled, texts):
            assert ours == text or (not text.isascii() and ours.isascii())


def check_table(part, group, parts, item):
    size = len(group["id"]) if "id" in group else None
    if isinstance(part, Rows):
        order = np.arange(size)
    else:
        name = "start_time" if "start_time" in group else "timestamp"
        starts = group[name][()].astype(np.float64)
        order = np.flatnonzero(np.isfinite(starts))
        order = order[np.argsort(starts[order], kind="stable")]
        times = part.start if isinstance(part, Table) else part.timestamps
        same(times, starts[order])
        if isinstance(part, Table):
            same(part.end, group["stop_time"][()].astype(np.float64)[order])
    told = item.note
    for name in group:
        if name in ("id", "start_time", "stop_time", "timestamp", "reference_images"):
            continue
        stored = group[name]
        if not isinstance(stored, h5py.Dataset) or name.endswith("_index"):
            continue
        column = next((c for c in (name, f"{name}_") if c in part.columns), None)
        if column is None:
            is_units = name in ("spike_times", "obs_intervals")
            named = f"{name} is named " in told or f"{name} is left out" in told
            per_spike = f"{name} has a value for each spike" in told
            references = f"{name}_timeseries" in part.columns
            assert is_units or named or per_spike or references, (item, name)
            continue
        if f"{name}_index" not in group and stored.dtype.kind in "biuf":
            same(part.columns[column], stored[()][order])
        elif f"{name}_index" not in group and h5py.check_string_dtype(stored.dtype):
            texts = [text.decode() for text in stored[()][order]]
            if all(map(str.isascii, texts)):
                assert part.columns[column].tolist() == texts
    if group.attrs["neurodata_type"] == "Units":
        check_spikes(group, parts, size)


def check_spikes(group, parts, size):
    if "spike_times" not in group or not len(group["spike_times"]):
        return
    [spikes] = [p for p in parts.values() if "spikes" in p.name]
    edges = [0, *group["spike_times_index"][()].tolist()]
    assert (np.diff(spikes.timestamps) >= 0).all()
    for row in range(size):
        own = group["spike_times"][edges[row] : edges[row + 1]]
        own = np.sort(own[np.isfinite(own)])
        same(spikes.timestamps[spikes.columns["unit_index"] == row], own)


def check_left_out(item, file):
    """Assert that the reason is true."""
    assert item.reason in REASONS
    link = file.get(item.path, getlink=True) if item.path != "/" else None
    if isinstance(link, h5py.ExternalLink):
        assert item.reason == "external"
        return
    if isinstance(link, h5py.SoftLink):
        assert item.reason == "broken" and file.get(item.path) is None
        return
    stored = file[item.path]
    data = stored if isinstance(stored, h5py.Dataset) else stored.get("data")
    if item.reason == "placeholder":
        check_placeholder(stored, data)
    elif item.reason == "container":
        assert any(holds_typed(item) for item in inside(stored))
    elif item.reason == "description":
        assert data is None
        assert not any(getattr(item, "shape", ()) for item in inside(stored))
    elif item.reason == "pictures":
        assert item.type.startswith(PICTURES) or item.type.endswith("Image")
    elif item.reason == "external":
        assert "external_file" in stored or data is None or data.is_virtual
    elif item.reason == "not asked for":
        assert item.path.startswith("/acquisition/")
        assert item.type == "ElectricalSeries" and item.note.startswith("raw: ")
    elif item.reason == "unknown type":
        assert "colnames" not in stored.attrs and not (
            isinstance(stored, h5py.Group) and "timestamps" in stored
        )
    elif item.reason == "broken":
        check_broken(item, stored, data)
    elif item.reason == "no times":
        check_no_times(stored)
    elif item.reason == "waveforms":
        assert item.type in ("SpikeEventSeries", "ClusterWaveforms")
    else:
        raise AssertionError(f"no check of {item}")


def check_placeholder(stored, data):
    if "colnames" in stored.attrs:
        assert not len(stored["id"])
    elif data is not None:
        has_times = data.size and np.isfinite(stored["timestamps"][()]).any()
        assert not has_times
    elif isinstance(stored, h5py.Group):
        assert not any(getattr(v, "size", 0) and v.ndim for v in inside(stored))


def check_broken(item, stored, data):
    links = [stored.get(key, getlink=True) for key in stored] if data is None else []
    if any(
        isinstance(link, h5py.SoftLink) and link.path == "/nowhere" for link in links
    ):
        return
    if data is None and "spike_times" not in stored:
        assert isinstance(stored.get("data", getlink=True), h5py.SoftLink)
        return
    if "spike_times" in stored:
        ends = stored["spike_times_index"][()].astype(np.int64)
        assert (np.diff(ends) < 0).any() or ends.max() > len(stored["spike_times"])
        return
    has_conversion = bool(np.isfinite(data.attrs["conversion"]))
    on_time = "electrodes" in stored and len(stored["electrodes"]) != data.shape[1]
    times = stored.get("timestamps")
    has_times = times is None or times.shape in ((len(data),), (len(data), 1))
    assert not has_conversion or on_time or not has_times, item


def check_no_times(stored):
    if "timestamps" in stored:
        assert stored["timestamps"].attrs["unit"] != "seconds"
        return
    if "starting_time" in stored:
        start = stored["starting_time"]
        rate = start.attrs.get("rate", 0)
        assert not np.isfinite(start[()]) or not np.isfinite(rate) or rate <= 0


def holds_typed(item):
    if item.attrs.get("neurodata_type"):
        return True
    return any(holds_typed(inner) for inner in inside(item))


def inside(item):
    """Return what is in a group, but for links that lead nowhere."""
    if not isinstance(item, h5py.Group):
        return []
    found = []
    for key in item:
        with contextlib.suppress(KeyError, OSError):
            found.append(item[key])
    return found


def check_domain(recording):
    starts, ends = recording.domain
    assert len(starts) and (starts < ends).all() and (ends[:-1] < starts[1:]).all()


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def close(found, expected):
    tiny = 1e-6 if found.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, expected, rtol=tiny, atol=0, equal_nan=True)
