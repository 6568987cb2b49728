"""A WFDB record as a recording: its segments in time, its signals by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from brainsets.conversion.wfdb.segments import Channel, Piece, pieces_of
from brainsets.pipeline import SkipAsset

__all__ = ["annotation_rate", "files_of", "read_wfdb"]

_LONGEST_S = 366 * 86_400.0


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
    channels, pieces = pieces_of(header)
    pieces = [piece for piece in pieces if piece.numbers and piece.count]
    if not pieces:
        raise SkipAsset("it holds no samples: no signals, or none of any length")
    frames = max(piece.first + piece.count for piece in pieces)
    if frames > _LONGEST_S * header.rate:
        days = frames / header.rate / 86_400
        raise SkipAsset(f"its header says that it lasts {days:.0f} days")
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
    comments = [*header.comments, *(c for p in pieces for c in p.comments)]
    said = replace(header, comments=[*dict.fromkeys(comments)])
    return Recording(
        id,
        {},
        subject(said),
        session(said),
        {},
        [reader.signal(group, rates[group.numbers[0]]) for group in groups],
        union(starts, ends),
        _inventory(header, channels, units, groups, pieces),
    )


def _kinds(channels: list[Channel]) -> tuple[list[str], list[tuple[str, float]]]:
    units = [si_unit(channel.line.unit) for channel in channels]
    labels = [channel.label for channel in channels]
    types = channel_types(labels, [unit for unit, _ in units], leads=True)
    return types, units


class _Reader:
    def __init__(
        self,
        header: RecordHeader,
        channels: list[Channel],
        pieces: list[Piece],
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

    def _read(self, piece: Piece, group: Group, i: int, j: int) -> np.ndarray:
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
    has_range = abs(line.baseline) < 2**22 and 1e-25 < abs(line.gain) < 1e25
    return has_range and line.form not in ("24", "32", "524", "8")


def _inventory(
    header: RecordHeader,
    channels: list[Channel],
    units: list[tuple[str, float]],
    groups: list[Group],
    pieces: list[Piece],
) -> Inventory:
    inventory = Inventory()
    gaps = sum(name == GAP for name, _ in header.segments)
    notes = [f"{len(header.segments)} segments, {gaps} of them gaps"]
    if not header.segments:
        left = max(piece.frames.left_out for piece in pieces)
        text = f"{left} frames follow those that the header counts, and are left out"
        notes = [text] if left else []
    inventory.take(
        header.path.name,
        "WFDB header",
        taken_as="session",
        note="; ".join(notes),
    )
    ids = unique_ids([channel.label for channel in channels])
    taken = {number: group for group in groups for number in group.numbers}
    doubts = _other_sums(pieces)
    for number, channel in enumerate(channels):
        line = channel.line
        count = sum(p.count for p in pieces if number in p.numbers) * line.samples
        facts: dict[str, Any] = {"shape": (count,), "dtype": f"format {line.form}"}
        if number in taken:
            group = taken[number]
            notes = _notes(channel, ids[number], group, *units[number])
            inventory.take(
                ids[number],
                "WFDB signal",
                taken_as=group.name,
                note="; ".join(notes + doubts.get(number, [])),
                **facts,
            )
        else:
            inventory.leave(ids[number], "WFDB signal", "placeholder", **facts)
    return inventory


def _other_sums(pieces: list[Piece]) -> dict[int, list[str]]:
    """Return doubts about channels whose samples are not those of their checksums."""
    found: dict[int, list[str]] = {}
    for piece in pieces:
        sums = piece.frames.other_sums()
        for channel, number in piece.numbers.items():
            if number in sums:
                there, said = sums[number]
                name = piece.frames.header.path.name
                text = f"{there} in {name}, which says {said}"
                found.setdefault(channel, []).append(text)
    first = "doubt: the checksum of its samples is "
    return {
        channel: [first + text + f", and differs in {len(more)} more" * bool(more)]
        for channel, (text, *more) in found.items()
    }


def _notes(
    channel: Channel, id: str, group: Group, unit: str, scale: float
) -> list[str]:
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
    return notes
