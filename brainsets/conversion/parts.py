"""What a recording is made of, between the reader of a format and the writer.

All times are in s from the recording's own reference time. Columns are arrays whose
first axis counts rows: numbers, booleans or text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brainsets.conversion.inventory import Inventory

__all__ = ["Columns", "Part", "Recording", "Rows", "Samples", "Signal", "Table"]

Columns = dict[str, np.ndarray]


@dataclass
class Signal:
    """A series with a fixed sampling rate, read in blocks.

    Parameters
    ----------
    name : str
        Its name in the file.
    shape : tuple of int
        Samples first, then channels or whatever else one sample holds.
    dtype : numpy.dtype
        Type of what `read` returns.
    read : callable
        ``read(i, j)`` returns the samples ``i:j``, in `unit`, as an array of shape
        ``(j - i, *shape[1:])``.
    sampling_rate : float
        Hz.
    start : float
        Time of the first sample, in s.
    unit : str
        Unit of the values: an SI unit, or what the source says.
    channels : dict of arrays, optional
        A row for each channel; ``id`` is text.
    segments : sequence of (int, float), optional
        Where the series has gaps: first sample and its time, for each continuous part,
        the first one included.
    attributes : mapping
        More that is known of it: numbers and text.
    chunk : int
        How many samples the source has in one piece, as compressed files have: what
        is asked of `read` at once begins and ends with such pieces where it can.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[int, int], np.ndarray]
    sampling_rate: float
    start: float
    unit: str = ""
    channels: Columns | None = None
    segments: Sequence[tuple[int, float]] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    chunk: int = 1


@dataclass
class Samples:
    """A series with a time for each sample: `timestamps`, in s, sorted.

    `domain` has the starts and ends, in s, of the time in which it was observed, if
    that is known; otherwise it is that of the recording.
    """

    name: str
    timestamps: np.ndarray
    columns: Columns
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: tuple[np.ndarray, np.ndarray] | None = None


@dataclass
class Table:
    """A table of intervals: `start` and `end` in s, and other columns.

    `times` names those of `columns` that are times of the same clock; `attributes` are
    numbers and text that are known of it.
    """

    name: str
    start: np.ndarray
    end: np.ndarray
    columns: Columns
    times: Sequence[str] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Rows:
    """A table without times: units, channels, regions of interest."""

    name: str
    columns: Columns


Part = Signal | Samples | Table | Rows


@dataclass
class Recording:
    """All that goes into one file.

    Parameters
    ----------
    id : str
        The recording's id, unique in its brainset.
    brainset, subject, session, device : mapping
        What the descriptions of these names hold; only what is known.
    parts : sequence of Part
        With names that differ.
    domain : tuple of two arrays
        Starts and ends, in s, of the time that was recorded.
    inventory : Inventory
        What became of each object of the source.
    splits : mapping
        ``train``, ``valid`` and ``test``: starts and ends of each.
    attributes : mapping
        More about the whole: numbers and text.
    """

    id: str
    brainset: Mapping[str, Any]
    subject: Mapping[str, Any]
    session: Mapping[str, Any]
    device: Mapping[str, Any]
    parts: Sequence[Part]
    domain: tuple[np.ndarray, np.ndarray]
    inventory: Inventory
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def signals(self) -> list[Signal]:
        """Its parts with a fixed sampling rate."""
        return [part for part in self.parts if isinstance(part, Signal)]

    def of_channels(self, column: str) -> list[Any]:
        """Return a column of the channels of all its signals, one after another."""
        tables = [signal.channels or {} for signal in self.signals]
        return [value for table in tables for value in table[column].tolist()]
