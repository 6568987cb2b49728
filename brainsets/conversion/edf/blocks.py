"""Samples of EDF and BDF files: read in blocks, as numbers in their units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        per_record = self.signals[0].samples
        shape = (max(0, j - i), len(self.signals))
        found: np.ndarray = np.empty(shape, dtype=self.dtype)
        with open(self.header.path, "rb", buffering=0) as file:
            for begin, end in self._pieces(i, j):
                record, first = divmod(begin, per_record)
                last = -(-end // per_record)
                stored = self._records(file, record, last)
                for column, signal in enumerate(self.signals):
                    values = self._signal(stored, signal)[first : first + end - begin]
                    scaled = values * signal.gain + signal.zero
                    found[begin - i : end - i, column] = scaled * self.scales[column]
        return found

    def _pieces(self, i: int, j: int) -> Iterator[tuple[int, int]]:
        """Cut a range at records, so that few are in memory at once."""
        per_record = self.signals[0].samples
        step = max(1, _CHUNK_BYTES // self.header.record_bytes) * per_record
        while i < j:
            end = min(j, (i // per_record) * per_record + step)
            yield i, end
            i = end

    def _records(self, file, first: int, last: int) -> np.ndarray:  # type: ignore[no-untyped-def]
        header = self.header
        content = bytearray((last - first) * header.record_bytes)
        view = memoryview(content)
        file.seek(header.bytes + first * header.record_bytes)
        while len(view):
            count = file.readinto(view)
            if not count:
                raise OSError(f"{header.path} has become shorter while it was read.")
            view = view[count:]
        stored: np.ndarray = np.frombuffer(content, dtype=np.uint8)
        return stored.reshape(last - first, header.record_bytes)

    def _signal(self, stored: np.ndarray, signal: SignalHeader) -> np.ndarray:
        """Return the stored numbers of one signal."""
        size = signal.samples * self.header.sample_bytes
        part = stored[:, signal.offset : signal.offset + size]
        numbers: np.ndarray
        if self.header.sample_bytes == 2:
            numbers = np.ascontiguousarray(part).view("<i2").reshape(-1)
            return numbers
        three = np.ascontiguousarray(part).reshape(-1, 3)
        padded: np.ndarray = np.zeros((len(three), 4), dtype=np.uint8)
        padded[:, 1:] = three
        numbers = padded.view("<i4").reshape(-1) >> 8
        return numbers
