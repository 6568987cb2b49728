"""Headers of WFDB records; their form is https://wfdb.io/spec/header-files.html."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from brainsets.pipeline import SkipAsset

__all__ = ["GAP", "RecordHeader", "SignalLine", "decoded", "read_header"]

GAP = "~"
"""Stands for a segment, or a signal, that is not there."""

_DEFAULT_HZ = 250.0
_SLOWEST_HZ, _FASTEST_HZ = 1e-6, 1e7
_DEFAULT_GAIN = 200.0
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_GAIN = re.compile(r"([^(/]+)(?:\((-?\d+)\))?(?:/(\S*))?")


@dataclass(frozen=True)
class SignalLine:
    """One signal: a stored number n means ``(n - baseline) / gain`` in `unit`.

    `samples` are those of one frame, `skew` is in frames, `offset` in bytes.
    """

    file: str
    form: str
    samples: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    first: int
    checksum: int | None
    label: str
    is_calibrated: bool


@dataclass(frozen=True)
class RecordHeader:
    """One record, of signals, or of `segments`: names and lengths in frames.

    `frames` is None where it is not said; `rate` is in frames a second.
    """

    path: Path
    rate: float
    frames: int | None
    signals: list[SignalLine]
    segments: list[tuple[str, int]]
    start: datetime | None
    comments: list[str] = field(default_factory=list)


def decoded(content: bytes) -> str:
    """Return text in UTF-8, or else in Latin-1."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_header(path: Path) -> RecordHeader:
    """Read a header.

    Raises
    ------
    SkipAsset
        It is not there, is no header, or was cut.
    """
    path = Path(path)
    # Headers name others, in whatever way.
    content = path.read_bytes() if os.path.isfile(path) else b""
    text = decoded(content).removeprefix("\ufeff")
    comments, lines = [], []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comments.append(line.strip().lstrip("#").strip())
        elif line.strip():
            lines.append(line.strip())
    if not lines:
        raise SkipAsset(f"{path.name} is not there, or says nothing")
    try:
        return _parsed(path, lines, comments)
    except (IndexError, ValueError, AttributeError) as error:
        why = str(error)
    raise SkipAsset(f"{path.name} is no header of WFDB, or is damaged ({why})")


def _parsed(path: Path, lines: list[str], comments: list[str]) -> RecordHeader:
    words = lines[0].split()
    name, _, count = words[0].partition("/")
    if not name:
        raise ValueError("it has no name")
    signals = int(words[1])
    rate = float(words[2].split("/")[0]) if len(words) > 2 else _DEFAULT_HZ
    if not _SLOWEST_HZ <= rate <= _FASTEST_HZ:
        raise ValueError(f"its rate is {words[2]}")
    frames = int(words[3]) if len(words) > 3 else 0
    following = lines[1:]
    needed = int(count) if count else signals
    if len(following) < needed or signals < 0 or frames < 0:
        raise ValueError(f"it names {needed} lines and has {len(following)}")
    segments = []
    if count:
        for line in following[:needed]:
            segment, length = line.split()[:2]
            segments.append((segment, int(length)))
        if any(length < 0 for _, length in segments):
            raise ValueError("a segment has a negative length")
    parsed = [] if count else [_signal(line) for line in following[:needed]]
    start = _start(words[4:])
    # A length of 0 is one that is not known.
    return RecordHeader(path, rate, frames or None, parsed, segments, start, comments)


def _signal(line: str) -> SignalLine:
    words = line.split(None, 8)
    form = _FORMAT.fullmatch(words[1])
    if form is None:
        raise ValueError(f"{words[1]!r} is no format")
    numbers = [int(word) for word in words[3:8]]
    zero = numbers[1] if len(numbers) > 1 else 0
    gain, baseline, unit = 0.0, zero, "mV"
    if len(words) > 2:
        said = _GAIN.fullmatch(words[2])
        if said is None:
            raise ValueError(f"{words[2]!r} is no gain")
        gain = float(said[1])
        baseline = int(said[2]) if said[2] else zero
        unit = said[3] or unit
    is_calibrated = math.isfinite(gain) and gain != 0
    samples = int(form[2] or 1)
    if samples < 1:
        raise ValueError("a signal has no samples in a frame")
    return SignalLine(
        words[0],
        form[1],
        samples,
        int(form[3] or 0),
        int(form[4] or 0),
        gain if is_calibrated else _DEFAULT_GAIN,
        baseline,
        unit,
        numbers[2] if len(numbers) > 2 else zero,
        numbers[3] if len(numbers) > 3 else None,
        words[8].strip() if len(words) > 8 else "",
        is_calibrated,
    )


def _start(words: list[str]) -> datetime | None:
    """Return when it begins, if both the time and the date are given."""
    if len(words) < 2:
        return None
    clock = re.fullmatch(r"(?:(\d+):)?(?:(\d+):)?(\d+)(?:\.\d+)?", words[0])
    date = re.fullmatch(r"(\d+)/(\d+)/(\d{4})", words[1])
    if clock is None or date is None:
        return None
    *larger, second = [int(part) for part in clock.groups() if part is not None]
    hour, minute = [0, 0, *larger][-2:]
    try:
        return datetime(int(date[3]), int(date[2]), int(date[1]), hour, minute, second)
    except ValueError:
        return None
