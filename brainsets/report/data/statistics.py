"""Read a dataset once, in parts: what is missing, its range, its course over time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import h5py
import numpy as np

__all__ = ["Course", "Scan", "scan"]

# So much of a dataset is in memory at once, in bytes as it is stored.
_BLOCK_BYTES = 16 * 2**20
# As many as there are pixels for it in a picture.
_BINS = 400
_MAX_COLUMNS = 4096
# A dataset that is larger, and takes less than a hundredth on the disk, was hardly
# written to. It is not read: a dataset of some TB that nobody filled would take days.
_MAX_UNWRITTEN_BYTES = 4 * 2**30


@dataclass
class Course:
    """How the values of a dataset go over time, in bins of `bin_rows` samples.

    `spread`, `lows` and `highs`, each of shape (n_bins, n_columns), are the standard
    deviation and range in each bin, in the unit of the values.
    """

    bin_rows: int
    spread: np.ndarray
    lows: np.ndarray
    highs: np.ndarray


@dataclass
class Scan:
    """What one pass over a dataset has found.

    `missing` counts NaN or empty texts among `count` values, None if nobody looked,
    and `infinite` those without end;
    `low` and `high` are the range of the others; `flat` are the columns (channels) in
    which nothing changes, `empty` those in which all is missing.
    """

    count: int
    is_numeric: bool = False
    missing: int | None = None
    infinite: int = 0
    low: float | None = None
    high: float | None = None
    flat: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    course: Course | None = None


def scan(dataset: h5py.Dataset, *, over_time: bool = False) -> Scan:
    """Read all of a dataset in parts of bounded size.

    Parameters
    ----------
    dataset : h5py.Dataset
        Any; of kinds other than numbers and text only the size is told, and of those
        that are huge and hardly hold anything.
    over_time : bool
        Whether its first axis is time, and the course over it is wanted.
    """
    if dataset.shape is None:
        return Scan(0)
    found = Scan(int(math.prod(dataset.shape)))
    if not found.count or _is_hollow(dataset):
        return found
    kind = dataset.dtype.kind
    if kind in "SU" or h5py.check_string_dtype(dataset.dtype):
        found.missing = sum(_empty_texts(part) for part in _blocks(dataset, 1))
    elif kind in "iufb":
        found.is_numeric = True
        _scan_numbers(dataset, found, over_time and dataset.ndim <= 2)
    return found


def _is_hollow(dataset: h5py.Dataset) -> bool:
    size = dataset.size * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    return size > max(_MAX_UNWRITTEN_BYTES, 100 * stored)


def _blocks(dataset: h5py.Dataset, multiple: int) -> Iterator[np.ndarray]:
    """Yield parts of a dataset, each of a multiple of so many rows."""
    if not dataset.shape:
        yield np.asarray(dataset[()]).reshape(1)
        return
    row_bytes = max(1, dataset.dtype.itemsize * math.prod(dataset.shape[1:]))
    rows = max(1, _BLOCK_BYTES // row_bytes // multiple) * multiple
    for start in range(0, len(dataset), rows):
        yield np.asarray(dataset[start : start + rows])


def _empty_texts(part: np.ndarray) -> int:
    return sum(not value for value in part.ravel().tolist())


def _scan_numbers(dataset: h5py.Dataset, found: Scan, over_time: bool) -> None:
    rows = len(dataset) if dataset.shape else 1
    columns = math.prod(dataset.shape[1:]) if dataset.shape else 1
    over_time = over_time and columns <= _MAX_COLUMNS
    bin_rows = max(1, math.ceil(rows / _BINS)) if over_time else 1
    spread, lows, highs = [], [], []
    missing = 0
    for part in _blocks(dataset, bin_rows):
        values = part.reshape(len(part), -1)
        if values.dtype.kind == "f":
            missing += int(np.isnan(values).sum())
            found.infinite += int(np.isinf(values).sum())
        else:
            values = values.astype(float)
        step = bin_rows if over_time else len(values)
        for start in range(0, len(values), step):
            chunk = values[start : start + step]
            lows.append(_lowest(chunk))
            highs.append(-_lowest(-chunk))
            if over_time:
                spread.append(_spread(chunk))
    found.missing = missing
    low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
    if np.isfinite(low).any():
        found.low = float(np.nanmin(low))
        found.high = float(np.nanmax(high))
    if rows > 1 and columns <= _MAX_COLUMNS:
        found.flat = np.flatnonzero(low == high).tolist()
        found.empty = np.flatnonzero(np.isnan(low)).tolist()
    if over_time:
        found.course = Course(
            bin_rows, np.array(spread), np.array(lows), np.array(highs)
        )


def _lowest(values: np.ndarray) -> np.ndarray:
    """Return the smallest value of each column; NaN where a column has no other."""
    return np.fmin.reduce(values, axis=0).astype(float)


def _spread(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    kept = np.where(known, values, 0).astype(float)
    middle = kept.sum(axis=0) / count
    squares = np.where(known, (kept - middle) ** 2, 0).sum(axis=0)
    return np.where(known.any(axis=0), np.sqrt(squares / count), np.nan)
