"""Signals on disk: written block by block, whatever their size.

The layout is that of temporaldata's ``RegularTimeSeries.to_hdf5``, which wants all in
memory. Where a signal has gaps, its array goes on through them, filled as
``RegularTimeSeries.from_gappy_timeseries`` fills them (nan in floats), and its domain
has an interval for each part without a gap. What is filled takes no room on disk.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import h5py
import numpy as np
from temporaldata import Interval

from brainsets.conversion.parts import Signal

__all__ = ["BLOCK_BYTES", "COMPRESSION", "FILTERS", "write_signal"]

BLOCK_BYTES = 4 << 20
"""Of values that are read and written at once."""

FILTERS = {
    "none": {},
    "lzf": {"compression": "lzf", "shuffle": True},
    "gzip-1": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "gzip-4": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
}
"""Ways to compress signals, as arguments of ``h5py.Group.create_dataset``."""

COMPRESSION = "none"
"""The one that is used unless another is asked for: in floats, the others spare little
room, and a window takes several times as long to read (benchmarks/README.md)."""

# Of one chunk: a window of a second is to need few, and a long series not too many.
_CHUNK_BYTES = 1 << 18
# Of what was written, so much may be in memory before it is sent to the disk.
_KEPT_BYTES = 128 << 20
# Pieces of the source are read whole up to this size.
_MAX_BLOCK_BYTES = 32 << 20
# What temporaldata puts into gaps, by kind of type.
_FILL = {"f": math.nan, "i": -1, "u": 0, "b": False}


@dataclass(frozen=True)
class _Piece:
    """Samples ``first:first + size`` of a signal, and where they are in its array."""

    first: int
    size: int
    place: int

    @property
    def end(self) -> int:
        return self.place + self.size


class _Writer:
    """Writes blocks, and has the system keep none of them in memory.

    Otherwise it would take memory for all of a large file, which costs more than to
    write it, and counts as the job's where memory is limited. What is one block on disk
    is written past the HDF5 library, which does one thing at a time: a block would have
    to wait for the next one to be read.
    """

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self._unsent = 0
        self._offset = _place_on_disk(dataset)

    def write(self, place: int, values: np.ndarray) -> None:
        """Write values from a place of the first axis on."""
        if self._offset is None:
            self._dataset[place : place + len(values)] = values
        elif values.size:
            descriptor = self._dataset.file.id.get_vfd_handle()
            left = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
            offset = self._offset + place * (values.nbytes // len(values))
            while left:
                count = os.pwrite(descriptor, left, offset)
                left, offset = left[count:], offset + count
        self._unsent += values.nbytes
        if self._unsent > _KEPT_BYTES and hasattr(os, "posix_fadvise"):
            self._unsent = 0
            descriptor = self._dataset.file.id.get_vfd_handle()
            os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _place_on_disk(dataset: h5py.Dataset) -> int | None:
    """Return where in its file a dataset is, None if it is not as in memory there."""
    file = dataset.file
    is_plain = file.driver == "sec2" and not file.userblock_size
    is_plain = is_plain and dataset.chunks is None and dataset.dtype.itemsize <= 8
    if not is_plain or not hasattr(os, "pwrite"):
        return None
    offset: int | None = dataset.id.get_offset()
    return offset


def write_signal(
    group: h5py.Group,
    signal: Signal,
    *,
    block_bytes: int = BLOCK_BYTES,
    compression: str = COMPRESSION,
) -> None:
    """Write a signal as a RegularTimeSeries, with its values as ``signal``.

    Parameters
    ----------
    group : h5py.Group
        An empty group.
    signal : Signal
        What is read and written; two blocks of it are in memory.
    block_bytes : int
        Size of a block; at least one sample of all channels, and one piece of the
        source where that has no more than 32 MB.
    compression : str
        One of `FILTERS`.

    Raises
    ------
    ValueError
        The signal contradicts itself, `read` returned something else than asked for, or
        its type cannot be stored.
    """
    what = f"signal {signal.name!r}"
    if compression not in FILTERS:
        known = ", ".join(FILTERS)
        raise ValueError(f"There is no compression {compression!r}: choose of {known}.")
    _check(signal, what)
    pieces = _pieces(signal, what)
    size = pieces[-1].end if pieces else 0
    dtype = np.dtype(signal.dtype)
    row_bytes = max(1, dtype.itemsize * math.prod(signal.shape[1:]))
    chunk_rows = max(1, _CHUNK_BYTES // row_bytes)
    options: dict[str, object] = dict(FILTERS[compression])
    # Smaller ones are read at once anyhow; a chunk of nothing is not allowed.
    has_chunks = size > chunk_rows and math.prod(signal.shape) > 0
    if has_chunks and (options or len(pieces) > 1):
        options["chunks"] = (chunk_rows, *signal.shape[1:])
    else:
        # Its place in the file is known, and nothing is written there beforehand.
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        options = {} if len(pieces) > 1 else {"dcpl": plan}
    if len(pieces) > 1:
        options["fillvalue"] = _FILL[dtype.kind]
    dataset = group.create_dataset(
        "signal", shape=(size, *signal.shape[1:]), dtype=dtype, **options
    )
    step = max(1, block_bytes // row_bytes)
    if signal.chunk * row_bytes <= _MAX_BLOCK_BYTES:
        step = max(1, step // signal.chunk) * signal.chunk
    writer = _Writer(dataset)
    # A block is written while the next one is read and scaled.
    with ThreadPoolExecutor(max_workers=1) as thread:
        written: Future[None] | None = None
        for i, j, place in _blocks(pieces, step):
            values = _read(signal, i, j, what)
            if written is not None:
                written.result()
            written = thread.submit(writer.write, place, values)
        if written is not None:
            written.result()
    rate, start = float(signal.sampling_rate), float(signal.start)
    # As temporaldata computes them, to the last bit.
    starts = np.array([start + piece.place / rate for piece in pieces] or [start])
    ends = np.array([start + piece.end / rate for piece in pieces] or [start])
    is_gap = np.array([a.end < b.place for a, b in zip(pieces, pieces[1:])], dtype=bool)
    # Segments that touch are one.
    starts, ends = starts[np.append(True, is_gap)], ends[np.append(is_gap, True)]
    Interval(starts, ends).to_hdf5(group.create_group("domain"))
    group.attrs["object"] = "RegularTimeSeries"
    group.attrs["sampling_rate"] = rate


def _check(signal: Signal, what: str) -> None:
    if not signal.shape:
        raise ValueError(f"The {what} has no axis of time.")
    rate = signal.sampling_rate
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"The {what} has a sampling rate of {rate} Hz.")
    if not math.isfinite(signal.start):
        raise ValueError(f"The {what} starts at {signal.start} s.")
    if np.dtype(signal.dtype).kind not in _FILL:
        raise ValueError(
            f"The {what} is of type {signal.dtype}: a signal has numbers, which are "
            "not complex, or truth values."
        )
    for name, values in (signal.channels or {}).items():
        if len(signal.shape) < 2 or len(values) != signal.shape[1]:
            raise ValueError(
                f"The {what} has the shape {signal.shape}, but its channels have "
                f"{len(values)} values of {name!r}."
            )


def _pieces(signal: Signal, what: str) -> list[_Piece]:
    """Return the parts without gaps, each at the sample of the grid nearest to it."""
    total = signal.shape[0]
    if not total:
        return []
    segments = list(signal.segments or [(0, signal.start)])
    firsts = [int(first) for first, _ in segments]
    sizes = [end - first for first, end in zip(firsts, [*firsts[1:], total])]
    if firsts[0] != 0 or min(sizes) < 1:
        raise ValueError(
            f"The {what} has {total} samples, which its segments do not divide: they "
            f"begin at the samples {firsts[:5]}."
        )
    found: list[_Piece] = []
    for (_, time), first, size in zip(segments, firsts, sizes):
        place = round((time - signal.start) * signal.sampling_rate) if found else 0
        if found and place < found[-1].end:
            raise ValueError(
                f"The {what} has a segment that begins at {time} s, before the one "
                "before it ends: a signal has one value at a time."
            )
        found.append(_Piece(first, size, place))
    return found


def _blocks(pieces: list[_Piece], step: int) -> Iterator[tuple[int, int, int]]:
    """Yield samples ``i, j`` and their place; blocks end where the source's do."""
    for piece in pieces:
        i, last = piece.first, piece.first + piece.size
        while i < last:
            j = min(last, (i // step + 1) * step)
            yield i, j, piece.place + i - piece.first
            i = j


def _read(signal: Signal, i: int, j: int, what: str) -> np.ndarray:
    values: np.ndarray = np.asarray(signal.read(i, j))
    if values.shape != (j - i, *signal.shape[1:]) or values.dtype != signal.dtype:
        raise ValueError(
            f"The samples {i}:{j} of the {what} were read as {values.dtype} of shape "
            f"{values.shape} instead of {np.dtype(signal.dtype)} of shape "
            f"{(j - i, *signal.shape[1:])}."
        )
    return values
