"""Samples of EDF and BDF files: read in blocks, as numbers in their units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from brainsets.conversion.edf.header import Header, SignalHeader

__all__ = ["Blocks"]

_CHUNK_BYTES = 8 << 20
# Of a signal's largest value, so that float32 holds all others.
_LEAST, _LARGEST = 1e-30, 1e38


@dataclass(frozen=True)
class Blocks:
    """Signals of a file that have equally many samples in each data record.

    Parameters
    ----------
    header : Header
        Of the file.
    signals : sequence of SignalHeader
        Which of its signals.
    scales : sequence of float
        For each, the factor from the unit in the file to the one that is wanted.
    """

    header: Header
    signals: tuple[SignalHeader, ...]
    scales: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and signals."""
        return self.header.records * self.signals[0].samples, len(self.signals)

    @property
    def dtype(self) -> np.dtype:
        """float32 where that tells all stored numbers apart, else float64."""
        fits = all(
            signal.largest < 2**22 * abs(signal.gain)
            and _LEAST < signal.largest * scale < _LARGEST
            if signal.is_scaled
            else True
            for signal, scale in zip(self.signals, self.scales)
        )
        is_small = self.header.sample_bytes == 2
        return np.dtype(np.float32 if fits and is_small else np.float64)

    def read(self, i: int, j: int) -> np.ndarray:
        """Return the samples ``i:j`` of all signals, in their units.

        Raises
        ------
        OSError
            The file is not there any more, or has become shorter.
        """
        shape = (max(0, j - i), len(self.signals))
        found: np.ndarray = np.empty(shape, dtype=self.dtype)
        with open(self.header.path, "rb", buffering=0) as file:
            for begin, end in self._pieces(i, j):
                columns = self._stored(file, begin, end)
                for column, (signal, values) in enumerate(zip(self.signals, columns)):
                    scaled = values * signal.gain + signal.zero
                    found[begin - i : end - i, column] = scaled * self.scales[column]
        return found

    @property
    def _has_large_records(self) -> bool:
        return self.header.record_bytes > _CHUNK_BYTES

    def _pieces(self, i: int, j: int) -> Iterator[tuple[int, int]]:
        """Cut a range, so that little is in memory at once: at records, or in one."""
        header, per_record = self.header, self.signals[0].samples
        row_bytes = len(self.signals) * header.sample_bytes
        step = max(1, _CHUNK_BYTES // row_bytes)
        records = max(1, _CHUNK_BYTES // header.record_bytes)
        while i < j:
            end = (i // per_record + records) * per_record
            end = min(j, end, i + step) if self._has_large_records else min(j, end)
            yield i, end
            i = end

    def _stored(self, file: BinaryIO, begin: int, end: int) -> Iterator[np.ndarray]:
        """Give the stored numbers of each signal."""
        record, first = divmod(begin, self.signals[0].samples)
        if not self._has_large_records:
            last = -(-end // self.signals[0].samples)
            stored = self._records(file, record, last)
            for signal in self.signals:
                yield self._signal(stored, signal)[first : first + end - begin]
            return
        header = self.header
        width = header.sample_bytes
        for signal in self.signals:
            place = record * header.record_bytes + signal.offset + first * width
            content = self._bytes(file, header.bytes + place, (end - begin) * width)
            yield self._numbers(content)

    def _records(self, file: BinaryIO, first: int, last: int) -> np.ndarray:
        size = self.header.record_bytes
        place = self.header.bytes + first * size
        return self._bytes(file, place, (last - first) * size).reshape(-1, size)

    def _bytes(self, file: BinaryIO, place: int, count: int) -> np.ndarray:
        content = bytearray(count)
        view = memoryview(content)
        file.seek(place)
        while len(view):
            read = file.readinto(view)  # type: ignore[attr-defined]
            if not read:
                raise OSError(
                    f"{self.header.path} has become shorter while it was read."
                )
            view = view[read:]
        found: np.ndarray = np.frombuffer(content, dtype=np.uint8)
        return found

    def _signal(self, stored: np.ndarray, signal: SignalHeader) -> np.ndarray:
        """Return the stored numbers of one signal."""
        size = signal.samples * self.header.sample_bytes
        return self._numbers(stored[:, signal.offset : signal.offset + size])

    def _numbers(self, part: np.ndarray) -> np.ndarray:
        numbers: np.ndarray
        if self.header.sample_bytes == 2:
            numbers = np.ascontiguousarray(part).view("<i2").reshape(-1)
            return numbers
        three = np.ascontiguousarray(part).reshape(-1, 3)
        padded: np.ndarray = np.zeros((len(three), 4), dtype=np.uint8)
        padded[:, 1:] = three
        numbers = padded.view("<i4").reshape(-1) >> 8
        return numbers
