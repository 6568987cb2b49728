"""What a file of a recording holds, whatever its layout: signals, spikes and events."""

from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

__all__ = ["Events", "Recording", "Signal", "Spikes"]


@dataclass
class Signal:
    """Samples of one or several channels, in an open file.

    Parameters
    ----------
    path : str
        Where the values are in the file.
    values : h5py.Dataset, shape (n_samples,) or (n_samples, n_channels)
        The samples.
    rate_hz : float or None
        Sampling rate; None if the samples have times of their own.
    times : h5py.Dataset or None, shape (n_samples,)
        The time of each sample in seconds, where they are not regular.
    start_s : float
        Time of the first sample, in seconds.
    unit : str
        Unit of the values; empty if the file does not say.
    channels : list of str
        Names of the channels; may be empty.
    """

    path: str
    values: h5py.Dataset
    rate_hz: float | None = None
    times: h5py.Dataset | None = None
    start_s: float = 0.0
    unit: str = ""
    channels: list[str] = field(default_factory=list)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.values.shape[1] if self.values.ndim > 1 else 1

    @property
    def extent(self) -> tuple[float, float] | None:
        """Times of begin and end in seconds; None if there are no samples."""
        n_samples = len(self.values)
        if not n_samples:
            return None
        if self.times is not None:
            edges = float(self.times[0]), float(self.times[-1])
        elif self.rate_hz:
            edges = self.start_s, self.start_s + n_samples / self.rate_hz
        else:
            return None
        return edges if np.isfinite(edges).all() else None

    def excerpt(self, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return times (s), shape (n,), and values (n, n_channels) of a part."""
        if self.times is not None:
            first, last = self.times[:].searchsorted([start_s, end_s])
            times = self.times[first:last]
        else:
            n_samples, rate_hz = len(self.values), self.rate_hz or 1.0
            edges = (np.array([start_s, end_s]) - self.start_s) * rate_hz
            first, last = np.clip(np.ceil(edges), 0, n_samples).astype(int)
            times = self.start_s + np.arange(first, last) / rate_hz
        values = np.asarray(self.values[first:last], dtype=float)
        return times, values.reshape(len(values), self.n_channels)


@dataclass
class Spikes:
    """Spike times of all units.

    `times` are in seconds, shape (n_spikes,); `unit_index` says whose each is.
    """

    path: str
    times: np.ndarray
    unit_index: np.ndarray
    n_units: int


@dataclass
class Events:
    """Intervals, or moments where `ends` is None, in seconds; `labels` may be empty."""

    path: str
    starts: np.ndarray
    ends: np.ndarray | None = None
    labels: list[str] = field(default_factory=list)


@dataclass
class Recording:
    """All that a file holds; `splits` are the parts for training and testing.

    `problems` has a sentence for each thing that is not as its layout has it.
    """

    layout: str
    domain: tuple[float, float] | None = None
    signals: list[Signal] = field(default_factory=list)
    spikes: list[Spikes] = field(default_factory=list)
    events: list[Events] = field(default_factory=list)
    splits: list[Events] = field(default_factory=list)
    n_units: int | None = None
    n_channels: int | None = None
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def extent(self) -> tuple[float, float] | None:
        """Begin and end in seconds: as the file says, or of all that it holds."""
        if self.domain:
            return self.domain
        edges = [signal.extent for signal in self.signals]
        for spikes in self.spikes:
            edges.append(_edges(spikes.times, spikes.times))
        for events in self.events:
            ends = events.starts if events.ends is None else events.ends
            edges.append(_edges(events.starts, ends))
        known = [edge for edge in edges if edge]
        if not known:
            return None
        return min(a for a, _ in known), max(b for _, b in known)


def _edges(starts: np.ndarray, ends: np.ndarray) -> tuple[float, float] | None:
    starts, ends = starts[np.isfinite(starts)], ends[np.isfinite(ends)]
    if not len(starts) or not len(ends):
        return None
    return float(starts.min()), float(ends.max())
