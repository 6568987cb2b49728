"""Which signals a WFDB record has, and which parts of its time hold them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from brainsets.conversion.wfdb.header import (
    GAP,
    RecordHeader,
    SignalLine,
    read_header,
)
from brainsets.conversion.wfdb.signals import Frames
from brainsets.pipeline import SkipAsset

__all__ = ["Channel", "Piece", "channels_of", "pieces_of"]


@dataclass(frozen=True)
class Channel:
    """A signal of a record, or of its segments: its label, and how it is there."""

    label: str
    line: SignalLine


@dataclass(frozen=True)
class Piece:
    """A segment: its first frame in the record, and its signals by channel."""

    first: int
    frames: Frames
    numbers: Mapping[int, int]

    @property
    def count(self) -> int:
        return self.frames.count

    @property
    def comments(self) -> list[str]:
        return self.frames.header.comments


def channels_of(header: RecordHeader) -> list[Channel]:
    """Return the channels of a record, from its own header or those of its segments."""
    lines = list(header.signals)
    for name, length in header.segments:
        if name != GAP:
            segment = read_header(header.path.parent / f"{name}.hea")
            lines = segment.signals
            if length == 0:
                lines = _of_layout(header, lines)
            break
    labels = [line.label or line.file for line in lines]
    return [Channel(name, line) for name, line in zip(labels, lines)]


def _of_layout(header: RecordHeader, lines: list[SignalLine]) -> list[SignalLine]:
    """Return the signals of a layout, as the first segment that has them says."""
    found: dict[str, SignalLine] = {}
    for name, length in header.segments:
        if name != GAP and length:
            path = header.path.parent / f"{name}.hea"
            if os.path.isfile(path):
                for line in read_header(path).signals:
                    found.setdefault(line.label, line)
    return [found.get(line.label, line) for line in lines]


def pieces_of(header: RecordHeader) -> tuple[list[Channel], list[Piece]]:
    """Return the channels of a record, and its segments in time.

    Raises
    ------
    SkipAsset
        Segments are missing, or are not what the record says.
    """
    _check_segments(header)
    channels = channels_of(header)
    if not header.segments:
        frames = Frames(header)
        there = [n for n, line in enumerate(header.signals) if line.file != GAP]
        return channels, [Piece(0, frames, {n: n for n in there})]
    places: dict[str, int] = {}
    for number, channel in enumerate(channels):
        places.setdefault(channel.label, number)
    has_layout = header.segments[0][1] == 0
    found = []
    first = 0
    for name, length in header.segments:
        if name != GAP and length:
            segment = read_header(header.path.parent / f"{name}.hea")
            if segment.segments:
                raise SkipAsset(f"its segment {name} has segments itself")
            numbers = _matched(segment, channels, places if has_layout else None)
            piece = Piece(first, Frames(segment), numbers)
            if segment.rate != header.rate or piece.count != length:
                raise SkipAsset(
                    f"its segment {name} has {piece.count} frames at {segment.rate:g} "
                    f"Hz, and not {length} at {header.rate:g} Hz"
                )
            found.append(piece)
        first += length
    return channels, found


def _check_segments(header: RecordHeader) -> None:
    missing = [
        name
        for name, _ in header.segments
        if name != GAP and not os.path.isfile(header.path.parent / f"{name}.hea")
    ]
    if missing:
        raise SkipAsset(
            f"{len(missing)} of its {len(header.segments)} segments are missing, the "
            f"first is {missing[0]}"
        )


def _matched(
    segment: RecordHeader, channels: list[Channel], places: Mapping[str, int] | None
) -> dict[int, int]:
    """Return which channels of the record are which signals of a segment."""
    if places is None:
        if len(segment.signals) != len(channels):
            raise SkipAsset(
                f"{segment.path.name} has {len(segment.signals)} signals, and not the "
                f"{len(channels)} of the first segment"
            )
        numbers = {n: n for n in range(len(channels))}
    else:
        unknown = [s.label for s in segment.signals if s.label not in places]
        if unknown:
            raise SkipAsset(
                f"{segment.path.name} has the signal {unknown[0]!r}, which the layout "
                "of its record lacks"
            )
        numbers = {places[s.label]: n for n, s in enumerate(segment.signals)}
    for channel, number in numbers.items():
        ours, line = channels[channel].line, segment.signals[number]
        if (ours.samples, ours.unit) != (line.samples, line.unit):
            raise SkipAsset(
                f"{segment.path.name} has the signal {line.label!r} in another unit or "
                "at another rate than other segments"
            )
    return {c: n for c, n in numbers.items() if segment.signals[n].file != GAP}
