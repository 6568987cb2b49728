"""A WFDB record as a recording: its segments in time, its signals by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from brainsets.conversion.biosignals.channels import channel_types, unique_ids
from brainsets.conversion.biosignals.doubts import doubt_of
from brainsets.conversion.biosignals.groups import Group, grouped
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.domains import union
from brainsets.conversion.inventory import Inventory
from brainsets.conversion.parts import Recording, Signal
from brainsets.conversion.text import ascii_column
from brainsets.conversion.wfdb.descriptions import session, subject
from brainsets.conversion.wfdb.header import (
    GAP,
    RecordHeader,
    SignalLine,
    read_header,
)
from brainsets.conversion.wfdb.signals import Frames
from brainsets.pipeline import SkipAsset

__all__ = ["Channel", "annotation_rate", "channels_of", "files_of", "read_wfdb"]


@dataclass(frozen=True)
class Channel:
    """A signal of a record, or of its segments: its label, and how it is there."""

    label: str
    line: SignalLine


@dataclass(frozen=True)
class _Piece:
    """A segment: its first frame in the record, and its signals by channel."""

    first: int
    frames: Frames
    numbers: Mapping[int, int]

    @property
    def count(self) -> int:
        return self.frames.count


def files_of(path: Path) -> list[str]:
    """Return the names of the files that a header names: signals, or segments' headers.

    Raises
    ------
    SkipAsset
        It is no header.
    """
    header = read_header(path)
    names = [name for name, _ in header.segments if name != GAP]
    names = [f"{name}.hea" for name in names] + [s.file for s in header.signals]
    for name in names:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name:
            raise SkipAsset(f"{path.name} names {name!r}, which is not beside it")
    return [name for name in dict.fromkeys(names) if name not in (GAP, "-")]


def annotation_rate(path: Path) -> float:
    """Return the resolution of a record's annotations, where they do not say one."""
    return read_header(path).rate


def read_wfdb(
    path: Path, *, id: str, rename: Mapping[str, str] | None = None
) -> Recording:
    """Return what a record holds, as the parts of a recording.

    Each signal keeps its own rate; those of one type, unit and rate are the channels of
    one `Signal`. Where segments are missing, or hold none of its channels, it has a
    gap; a channel that a segment lacks is nan there. Times are from its first frame.
    Samples are read when they are written.

    Parameters
    ----------
    path : Path
        The header, ``.hea``; files that it names are beside it.
    id : str
        The recording's id.
    rename : mapping, optional
        From names of parts to their new names.

    Raises
    ------
    SkipAsset
        A file is missing, damaged or of an unknown format, or there are no samples.
    SettingsError
        A name cannot be changed.
    """
    header = read_header(Path(path))
    files_of(header.path)
    channels, pieces = _pieces(header)
    pieces = [piece for piece in pieces if piece.numbers and piece.count]
    if not pieces:
        raise SkipAsset("it holds no samples: no signals, or none of any length")
    types, units = _kinds(channels)
    rates = [channel.line.samples * header.rate for channel in channels]
    groups, _ = grouped(
        types,
        [unit for unit, _ in units],
        rates,
        numbers=sorted({n for piece in pieces for n in piece.numbers}),
        rename=rename or {},
        where=f"the recording {id!r}",
    )
    reader = _Reader(header, channels, pieces, [scale for _, scale in units])
    starts = np.array([piece.first for piece in pieces]) / header.rate
    ends = np.array([piece.first + piece.count for piece in pieces]) / header.rate
    return Recording(
        id,
        {},
        subject(header),
        session(header),
        {},
        [reader.signal(group, rates[group.numbers[0]]) for group in groups],
        union(starts, ends),
        _inventory(header, channels, units, groups, pieces),
    )


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
            if path.is_file():
                for line in read_header(path).signals:
                    found.setdefault(line.label, line)
    return [found.get(line.label, line) for line in lines]


def _kinds(channels: list[Channel]) -> tuple[list[str], list[tuple[str, float]]]:
    units = [si_unit(channel.line.unit) for channel in channels]
    labels = [channel.label for channel in channels]
    types = channel_types(labels, [unit for unit, _ in units], leads=True)
    return types, units


def _pieces(header: RecordHeader) -> tuple[list[Channel], list[_Piece]]:
    _check_segments(header)
    channels = channels_of(header)
    if not header.segments:
        frames = Frames(header)
        return channels, [_Piece(0, frames, {n: n for n in range(len(channels))})]
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
            piece = _Piece(first, Frames(segment), numbers)
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
        if name != GAP and not (header.path.parent / f"{name}.hea").is_file()
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


class _Reader:
    def __init__(
        self,
        header: RecordHeader,
        channels: list[Channel],
        pieces: list[_Piece],
        scales: list[float],
    ) -> None:
        self.header = header
        self.channels = channels
        self.pieces = pieces
        self.scales = scales

    def signal(self, group: Group, rate: float) -> Signal:
        """Return the signal of a group of channels."""
        pieces = [p for p in self.pieces if {*group.numbers} & p.numbers.keys()]
        samples = self.channels[group.numbers[0]].line.samples
        firsts = np.cumsum([0] + [piece.count * samples for piece in pieces])
        segments: list[tuple[int, float]] = []
        follows = -1
        for piece, first in zip(pieces, firsts.tolist()):
            if piece.first != follows:
                segments.append((first, piece.first / self.header.rate))
            follows = piece.first + piece.count
        lines = [self.channels[number].line for number in group.numbers]
        dtype = np.dtype(np.float32 if all(map(_is_small, lines)) else np.float64)

        def read(i: int, j: int) -> np.ndarray:
            found: np.ndarray = np.full((j - i, len(group.numbers)), np.nan, dtype)
            for piece, first in zip(pieces, firsts.tolist()):
                begin, end = max(i, first), min(j, first + piece.count * samples)
                if begin < end:
                    part = self._read(piece, group, begin - first, end - first)
                    found[begin - i : end - i] = part
            return found

        labels = [self.channels[number].label for number in group.numbers]
        ids = unique_ids([channel.label for channel in self.channels])
        columns: dict[str, Any] = {
            "id": [ids[number] for number in group.numbers],
            "label": labels,
            "type": [group.type] * len(labels),
            "unit": [group.unit] * len(labels),
            "source_unit": [line.unit for line in lines],
        }
        channels = {name: ascii_column(texts)[0] for name, texts in columns.items()}
        channels["source_index"] = np.array(group.numbers, dtype=np.int64)
        return Signal(
            group.name,
            (int(firsts[-1]), len(labels)),
            dtype,
            read,
            rate,
            segments[0][1],
            unit=str(ascii_column([group.unit])[0][0]),
            channels=channels,
            segments=segments if len(segments) > 1 else None,
        )

    def _read(self, piece: _Piece, group: Group, i: int, j: int) -> np.ndarray:
        """Return the samples ``i:j`` of a piece, nan for channels that it lacks."""
        samples = self.channels[group.numbers[0]].line.samples
        first, last = i // samples, -(-j // samples)
        there = [number for number in group.numbers if number in piece.numbers]
        values = piece.frames.values([piece.numbers[n] for n in there], first, last)
        found: np.ndarray = np.full((j - i, len(group.numbers)), np.nan)
        at = i - first * samples
        for number, one in zip(there, values):
            column = group.numbers.index(number)
            found[:, column] = one[at : at + j - i] * self.scales[number]
        return found


def _is_small(line: SignalLine) -> bool:
    """Whether float32 tells all of its numbers apart."""
    return line.form not in ("24", "32", "524", "8") and abs(line.baseline) < 2**22


def _inventory(
    header: RecordHeader,
    channels: list[Channel],
    units: list[tuple[str, float]],
    groups: list[Group],
    pieces: list[_Piece],
) -> Inventory:
    inventory = Inventory()
    gaps = sum(name == GAP for name, _ in header.segments)
    note = f"{len(header.segments)} segments, {gaps} of them gaps"
    inventory.take(
        header.path.name,
        "WFDB header",
        taken_as="session",
        note=note if header.segments else "",
    )
    ids = unique_ids([channel.label for channel in channels])
    taken = {number: group for group in groups for number in group.numbers}
    for number, channel in enumerate(channels):
        line = channel.line
        count = sum(p.count for p in pieces if number in p.numbers) * line.samples
        facts: dict[str, Any] = {"shape": (count,), "dtype": f"format {line.form}"}
        if number in taken:
            group = taken[number]
            inventory.take(
                ids[number],
                "WFDB signal",
                taken_as=group.name,
                note=_note(channel, ids[number], group, *units[number]),
                **facts,
            )
        else:
            inventory.leave(ids[number], "WFDB signal", "placeholder", **facts)
    return inventory


def _note(channel: Channel, id: str, group: Group, unit: str, scale: float) -> str:
    line = channel.line
    notes = []
    if id != channel.label:
        notes.append(f"another signal has the label {channel.label!r} too")
    if not line.is_calibrated:
        notes.append("doubt: its gain is not known; 200 in a mV, as is usual, is taken")
    doubt = doubt_of(group.type, unit, line.unit, float("nan"))
    notes += [doubt] if doubt else []
    if line.skew:
        notes.append(f"stored {line.skew} frames late, and moved back by that")
    return "; ".join(notes)
