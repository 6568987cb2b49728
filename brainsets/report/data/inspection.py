"""What one output holds: its fields, its signals, spikes and events over time."""

import base64
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.checking import problems
from brainsets.report.data.checks import hints
from brainsets.report.data.figure import picture
from brainsets.report.data.layouts.hdf5 import items_of, name_of, unit_of
from brainsets.report.data.readers import read_recording
from brainsets.report.data.recording import Recording
from brainsets.report.data.statistics import Scan, scan

__all__ = ["inspect_file"]

_SAMPLES_FOR_RATE = 100_000


def inspect_file(path: Path, *, with_picture: bool) -> dict[str, Any]:
    """Return what a file holds, as JSON can hold it.

    Returns
    -------
    dict
        `layout` (temporaldata, NWB or HDF5; None for a file of another format),
        `fields` (each a dict: path, shape, dtype, unit, rate_hz, start_s, end_s,
        missing, low, high),
        `n_units`, `n_channels`, `n_spikes`, `n_events`, `start_s`, `end_s`, `about`
        (attributes by group), `hints`, `unfit` (what stops a training loop), and
        `picture` (a PNG file in base64, or None).
    """
    if not h5py.is_hdf5(path):
        return {"layout": None, "fields": [], "hints": [], "picture": None}
    # NaN and infinity are expected in data.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with h5py.File(path, "r") as file:
            found = _inspect_hdf5(file, with_picture)
            is_for_training = file.attrs.get("object") == "Data"
    return {**found, "unfit": problems(path) if is_for_training else []}


def _inspect_hdf5(file: h5py.File, with_picture: bool) -> dict[str, Any]:
    recording = read_recording(file)
    datasets = {p: i for p, i in items_of(file) if isinstance(i, h5py.Dataset)}
    scans = _scans(datasets, recording)
    image = _picture(recording, scans) if with_picture else None
    extent = recording.extent
    return {
        "layout": recording.layout,
        "fields": [_field(datasets[p], p, s, recording) for p, s in scans.items()],
        "n_units": recording.n_units,
        "n_channels": recording.n_channels or _channels(recording),
        "n_spikes": sum(len(each.times) for each in recording.spikes),
        "n_events": sum(len(each.starts) for each in recording.events),
        "start_s": extent[0] if extent else None,
        "end_s": extent[1] if extent else None,
        "about": recording.about,
        "hints": hints(recording, scans),
        "picture": base64.b64encode(image).decode() if image else None,
    }


def _picture(recording: Recording, scans: dict[str, Scan]) -> bytes | None:
    try:
        return picture(recording, scans)
    except Exception as error:
        # Numbers that no axis can show. The table of fields is shown all the same.
        recording.problems.append(
            f"no picture can be made of it: {type(error).__name__}: {error}"
        )
        return None


def _scans(datasets: dict[str, h5py.Dataset], recording: Recording) -> dict[str, Scan]:
    """Scan every dataset once; of signals, also their course over time."""
    signals = {signal.path for signal in recording.signals}
    return {
        path: scan(dataset, over_time=path in signals)
        for path, dataset in datasets.items()
    }


def _channels(recording: Recording) -> int | None:
    return max((signal.n_channels for signal in recording.signals), default=None)


def _field(
    dataset: h5py.Dataset, path: str, found: Scan, recording: Recording
) -> dict[str, Any]:
    signal = next((s for s in recording.signals if s.path == path), None)
    extent = signal.extent if signal else None
    unit = signal.unit if signal and signal.unit else unit_of(dataset)
    if not unit and recording.layout == "temporaldata" and _is_time(dataset):
        # The format has all its times in seconds.
        unit = "s"
    return {
        "path": path,
        "shape": list(dataset.shape or ()),
        "dtype": _type(dataset),
        "unit": unit,
        "rate_hz": _finite(_rate(signal)) if signal else None,
        "start_s": extent[0] if extent else None,
        "end_s": extent[1] if extent else None,
        "missing": None if found.missing is None else found.missing / found.count,
        "low": _finite(found.low),
        "high": _finite(found.high),
    }


def _is_time(dataset: h5py.Dataset) -> bool:
    known = dataset.parent.attrs.get("timekeys")
    names = [] if known is None else [name_of(name) for name in known]
    return name_of(dataset.name).split("/")[-1] in names


def _rate(signal: Any) -> float | None:
    """Return the sampling rate in Hz, where samples follow each other regularly."""
    if signal.times is None:
        return signal.rate_hz
    steps = np.diff(signal.times[:_SAMPLES_FOR_RATE])
    if not len(steps):
        return None
    usual = float(np.median(steps))
    if usual > 0 and np.mean(np.abs(steps - usual) < 0.01 * usual) > 0.99:
        return round(1 / usual, 3)
    return None


def _type(dataset: h5py.Dataset) -> str:
    if h5py.check_string_dtype(dataset.dtype):
        return "text"
    return "object" if dataset.dtype.kind == "O" else str(dataset.dtype)


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return value if value is not None and np.isfinite(value) else None
