"""Annotations of EDF+ and BDF+: time-stamped lists of text in a signal of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from brainsets.conversion.edf.header import Header, SignalHeader
from brainsets.conversion.parts import Samples
from brainsets.conversion.text import ascii_column

__all__ = ["Annotations", "read_annotations"]


@dataclass
class Annotations:
    """What the annotation signals of a file hold.

    `record_times` has the time of each data record in s, nan where none is given;
    times are from the start that the header says.
    """

    record_times: np.ndarray
    onsets: list[float] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def samples(
        self, name: str, domain: tuple[np.ndarray, np.ndarray] | None
    ) -> Samples:
        """Return them in the order of their times."""
        onsets = np.array(self.onsets, dtype=np.float64)
        order = np.argsort(onsets, kind="stable")
        texts, _ = ascii_column(self.texts)
        columns = {
            "duration": np.array(self.durations, dtype=np.float64)[order],
            "description": texts[order],
        }
        return Samples(name, onsets[order], columns, {}, domain)


def read_annotations(header: Header) -> Annotations:
    """Read all annotation signals; the first one says when each record begins."""
    signals = [signal for signal in header.signals if signal.is_annotations]
    found = Annotations(np.full(header.records, np.nan))
    if not signals:
        return found
    broken = empty = 0
    with open(header.path, "rb", buffering=0) as file:
        for record in range(header.records):
            for signal in signals:
                content = _content(file, header, record, signal)
                lists, odd = _lists(content)
                broken += odd
                for number, (onset, duration, texts) in enumerate(lists):
                    is_clock = signal is signals[0] and number == 0 and not texts[0]
                    if is_clock:
                        found.record_times[record] = onset
                        texts = texts[1:]
                    for text in texts:
                        if not text:
                            empty += 1
                            continue
                        found.onsets.append(onset)
                        found.durations.append(duration)
                        found.texts.append(text)
    if broken:
        found.notes.append(f"{broken} annotations could not be read and are left out")
    if empty:
        found.notes.append(f"{empty} annotations without text are left out")
    return found


def _content(file, header: Header, record: int, signal: SignalHeader) -> bytes:  # type: ignore[no-untyped-def]
    file.seek(header.bytes + record * header.record_bytes + signal.offset)
    size = signal.samples * header.sample_bytes
    content = b""
    while len(content) < size:
        more = file.read(size - len(content))
        if not more:
            raise OSError(f"{header.path} has become shorter while it was read.")
        content += more
    return content


def _lists(content: bytes) -> tuple[list[tuple[float, float, list[str]]], int]:
    """Return the lists of a record, and how many could not be read."""
    found = []
    broken = 0
    for one in _pieces(content):
        times, *texts = one.split(b"\x14")
        onset, _, duration = times.partition(b"\x15")
        begin, length = _seconds(onset), _seconds(duration) if duration else math.nan
        # Each text ends with its sign, so that one follows which is empty.
        if not texts or not math.isfinite(begin) or (duration and math.isnan(length)):
            broken += 1
            continue
        found.append((begin, length, [_decoded(text) for text in texts[:-1]] or [""]))
    return found, broken


def _pieces(content: bytes) -> Iterator[bytes]:
    for piece in content.split(b"\0"):
        if piece:
            yield piece


def _seconds(text: bytes) -> float:
    try:
        return float(text.decode("ascii").replace(",", "."))
    except ValueError:
        return math.nan


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()
