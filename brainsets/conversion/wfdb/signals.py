"""Signals of one WFDB record without segments, frame by frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from brainsets.conversion.wfdb.formats import FORMATS, INVALID, count, stored
from brainsets.conversion.wfdb.header import GAP, RecordHeader, SignalLine
from brainsets.pipeline import SkipAsset

__all__ = ["Frames"]

_BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True)
class _File:
    """A signal file: which signals it holds, in their order."""

    path: Path
    form: str
    offset: int
    numbers: tuple[int, ...]
    samples: tuple[int, ...]

    @property
    def is_flac(self) -> bool:
        return self.form.startswith("5")

    def frames(self) -> int:
        total = sum(self.samples)
        return count(self.path, self.form, self.offset, len(self.numbers)) // total


class Frames:
    """The frames of a record: the samples that its signals have at a time.

    Raises
    ------
    SkipAsset
        A signal file is missing, is too short, or has a format that nobody knows.
    """

    def __init__(self, header: RecordHeader) -> None:
        self.header = header
        self._files: dict[int, _File] = {}
        self._summed: dict[Path, np.ndarray] = {}
        for name in dict.fromkeys(signal.file for signal in header.signals):
            if name == GAP:
                continue
            file = self._file(name)
            self._files.update(dict.fromkeys(file.numbers, file))

    def _file(self, name: str) -> _File:
        lines = [(n, s) for n, s in enumerate(self.header.signals) if s.file == name]
        forms = {signal.form for _, signal in lines}
        path = self.header.path.parent / name
        if len(forms) > 1 or not forms <= FORMATS:
            raise SkipAsset(
                f"{name} is in the format {' and '.join(sorted(forms))}, which cannot "
                "be read"
            )
        if not os.path.isfile(path):
            raise SkipAsset(f"its signal file {name} is missing")
        samples = tuple(signal.samples for _, signal in lines)
        offset = lines[0][1].offset
        file = _File(path, forms.pop(), offset, tuple(n for n, _ in lines), samples)
        if file.is_flac and len({*samples}) > 1:
            raise SkipAsset(f"{name} holds signals of several rates in one FLAC stream")
        return file

    @cached_property
    def count(self) -> int:
        """How many frames there are.

        Raises
        ------
        SkipAsset
            The files hold fewer than the header says.
        """
        said = self.header.frames
        if said is None:
            return min(self._lengths, default=0)
        if self._lengths and min(self._lengths) < said:
            raise SkipAsset(
                f"its signal files hold {min(self._lengths)} frames; its header says "
                f"{said}"
            )
        return said

    @property
    def left_out(self) -> int:
        """How many frames follow in its files that the header does not count."""
        return max(0, max(self._lengths, default=0) - self.count)

    @cached_property
    def _lengths(self) -> list[int]:
        return [file.frames() for file in {*self._files.values()}]

    def values(self, numbers: list[int], first: int, last: int) -> list[np.ndarray]:
        """Return the samples of signals in the frames ``first:last``, as they mean.

        What is marked as invalid, or lies beyond a skewed signal's end, is nan.
        """
        found: dict[int, np.ndarray] = {}
        for file in {self._files[n] for n in numbers}:
            wanted = [n for n in numbers if self._files[n] == file]
            for skew in {self.header.signals[n].skew for n in wanted}:
                same = [n for n in wanted if self.header.signals[n].skew == skew]
                found.update(self._of_file(file, same, first + skew, last + skew))
        return [found[n] for n in numbers]

    def other_sums(self) -> dict[int, tuple[int, int]]:
        """Return signals whose samples have another sum than the header says.

        Returns
        -------
        dict
            By the signal's number: the sum, modulo 2**16, and what the header says.
        """
        sums = dict.fromkeys(self._files, 0)
        for file in {*self._files.values()}:
            step = max(1, _BLOCK_SAMPLES // sum(file.samples))
            for first in range(0, self.count, step):
                last = min(self.count, first + step)
                found = self._stored(file, list(file.numbers), first, last)
                for number, raw in found.items():
                    sums[number] += int(raw.sum(dtype=np.int64))
        lines = self.header.signals
        return {
            number: (total % 2**16, said % 2**16)
            for number, total in sums.items()
            if (said := lines[number].checksum) is not None and (total - said) % 2**16
        }

    def _of_file(
        self, file: _File, numbers: list[int], first: int, last: int
    ) -> dict[int, np.ndarray]:
        # A skewed signal ends earlier than others.
        begin, end = min(first, self.count), min(last, self.count)
        found = {}
        for number, raw in self._stored(file, numbers, begin, end).items():
            line = self.header.signals[number]
            values = np.full((last - first) * line.samples, np.nan)
            values[: len(raw)] = _scaled(raw, line)
            found[number] = values
        return found

    def _stored(
        self, file: _File, numbers: list[int], first: int, last: int
    ) -> dict[int, np.ndarray]:
        """Return the stored numbers of signals of one file."""
        total, channels = sum(file.samples), len(file.numbers)
        i, j = first * total, last * total
        if file.form == "8":
            content = self._sums(file)[i:j]
        else:
            content = stored(file.path, file.form, file.offset, i, j, channels)
        places = [file.numbers.index(number) for number in numbers]
        if file.is_flac:
            # Each signal is a channel, whose samples follow each other.
            by_channel = content.reshape(-1, channels)
            return {n: by_channel[:, at] for n, at in zip(numbers, places)}
        by_frame = content.reshape(-1, total)
        begins = np.cumsum([0, *file.samples])
        return {
            n: by_frame[:, begins[at] : begins[at + 1]].reshape(-1)
            for n, at in zip(numbers, places)
        }

    def _sums(self, file: _File) -> np.ndarray:
        """Return all numbers of a file that holds differences."""
        if file.path in self._summed:
            return self._summed[file.path]
        total = sum(file.samples)
        size = self.count * total
        steps = stored(file.path, "8", file.offset, 0, size, len(file.numbers))
        by_frame = steps.reshape(-1, total)
        numbers: np.ndarray = np.empty(by_frame.shape, dtype=np.int32)
        begin = 0
        for number, samples in zip(file.numbers, file.samples):
            part: np.ndarray = by_frame[:, begin : begin + samples].reshape(-1)
            # The header says what the first difference is from.
            sums = self.header.signals[number].first + np.cumsum(part)
            numbers[:, begin : begin + samples] = sums.reshape(-1, samples)
            begin += samples
        # Each block of it needs all that is before.
        self._summed[file.path] = numbers.reshape(-1)
        return self._summed[file.path]


def _scaled(raw: np.ndarray, line: SignalLine) -> np.ndarray:
    values: np.ndarray = (raw.astype(np.float64) - line.baseline) / line.gain
    if line.form in INVALID:
        values[raw == INVALID[line.form]] = np.nan
    return values
