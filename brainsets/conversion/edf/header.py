"""What the header of an EDF or BDF file says, and what of it can be believed.

The forms are in https://www.edfplus.info/specs/edf.html, edfplus.html, and
https://www.biosemi.com/faq/file_format.htm.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from brainsets.pipeline import SkipAsset
from brainsets.shared.formats.edf_header import (
    FIXED_BYTES,
    SIGNAL_BYTES,
    field_number,
    fixed_fields,
    is_bdf,
    is_edf,
    signal_fields,
)

__all__ = ["ANNOTATIONS", "Header", "SignalHeader", "read_header"]

_ENDS = ("minimum", "maximum")

ANNOTATIONS = ("EDF Annotations", "BDF Annotations")

_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


@dataclass(frozen=True)
class SignalHeader:
    """What is said of one signal; `offset` is where it begins in a record, in bytes."""

    label: str
    transducer: str
    unit: str
    prefilter: str
    samples: int
    offset: int
    gain: float
    zero: float
    """A stored number n means ``n * gain + zero`` in `unit`."""
    is_scaled: bool
    largest: float
    """The largest absolute value that it can have."""
    doubt: str = ""

    @property
    def is_annotations(self) -> bool:
        """Whether it holds text."""
        return self.label in ANNOTATIONS


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `records` are those that are there and whole."""

    path: Path
    form: str
    sample_bytes: int
    bytes: int
    records: int
    record_bytes: int
    record_s: float
    signals: list[SignalHeader]
    patient: str
    recording: str
    start: datetime | None
    notes: list[str] = field(default_factory=list)

    @property
    def is_discontinuous(self) -> bool:
        """Whether time may pass between records."""
        return self.form.endswith("+D")


def read_header(path: Path) -> Header:
    """Read a header, and find how many data records follow it.

    Whole records of a file that was cut are taken; what is odd is in ``notes``.

    Raises
    ------
    SkipAsset
        It is no such file, or its header is damaged.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        beginning = file.read(FIXED_BYTES)
        if not size:
            raise SkipAsset("the file is empty")
        if len(beginning) < FIXED_BYTES or not (is_bdf(beginning) or is_edf(beginning)):
            raise SkipAsset(
                f"it is no EDF or BDF file: it begins with {beginning[:8]!r}, and has "
                f"{size} bytes"
            )
        fixed = fixed_fields(beginning)
        count = _whole(fixed["number of signals"], "number of signals")
        if count < 1:
            raise SkipAsset(f"its header says that it has {count} signals")
        length = FIXED_BYTES + count * SIGNAL_BYTES
        # Nobody knows how many a damaged header says.
        rest = file.read(length - FIXED_BYTES) if length <= size else b""
    if len(rest) < length - FIXED_BYTES:
        raise SkipAsset(
            f"its header is cut: {count} signals need {length} bytes, and the file has "
            f"{size}"
        )
    kind, width = ("BDF", 3) if is_bdf(beginning) else ("EDF", 2)
    signals = _signals(signal_fields(rest, count), width)
    record_bytes = sum(signal.samples for signal in signals) * width
    notes: list[str] = []
    said = fixed["length of the header"]
    if said != str(length):
        notes.append(f"the header says that it has {said!r} bytes; it has {length}")
    name = "number of data records"
    promised = _whole(fixed[name], name)
    name = "duration of a data record"
    plus = fixed["reserved"][:5].upper()
    return Header(
        path=Path(path),
        # Some BDF files say that they are EDF+.
        form=kind + plus[3:] if plus in ("EDF+C", "EDF+D", "BDF+C", "BDF+D") else kind,
        sample_bytes=width,
        bytes=length,
        records=_records(promised, size - length, record_bytes, notes),
        record_bytes=record_bytes,
        record_s=_number(fixed[name], name),
        signals=signals,
        patient=fixed["patient"],
        recording=fixed["recording"],
        start=_start(fixed["recording"], fixed["date"], fixed["time"]),
        notes=notes,
    )


def _signals(fields: dict[str, list[str]], width: int) -> list[SignalHeader]:
    found = []
    offset = 0
    for number, texts in enumerate(zip(*fields.values()), start=1):
        one = dict(zip(fields, texts))
        what = f"samples of signal {number} ({one['label']!r}) in a record"
        samples = _whole(one["number of samples"], f"number of {what}")
        if samples < 0:
            raise SkipAsset(f"its header says that there are {samples} {what}")
        gain, zero, largest, is_scaled, doubt = _scale(one)
        found.append(
            SignalHeader(
                one["label"],
                one["transducer"],
                one["unit"],
                one["filters"],
                samples,
                offset,
                gain,
                zero,
                is_scaled,
                largest,
                doubt,
            )
        )
        offset += samples * width
    return found


def _scale(one: dict[str, str]) -> tuple[float, float, float, bool, str]:
    ends = [f"{kind} {end}" for kind in ("physical", "digital") for end in _ENDS]
    values = [field_number(one[name]) for name in ends]
    low, high, digital_low, digital_high = values
    doubt = ""
    if not all(map(math.isfinite, values)):
        odd = next(n for n, v in zip(ends, values) if not math.isfinite(v))
        doubt = f"the header says {one[odd]!r} for its {odd}"
    elif digital_low == digital_high:
        doubt = "the header gives the same digital minimum and maximum"
    elif low == high:
        doubt = "the header gives the same physical minimum and maximum"
    if doubt:
        return 1.0, 0.0, math.inf, False, f"doubt: {doubt}; values as they are stored"
    gain = (high - low) / (digital_high - digital_low)
    return gain, low - digital_low * gain, max(abs(low), abs(high)), True, ""


def _records(promised: int, size: int, record_bytes: int, notes: list[str]) -> int:
    """Return how many whole records there are to take."""
    there = max(0, size) // record_bytes if record_bytes else 0
    rest = max(0, size) - there * record_bytes
    if promised < 0:
        notes.append(
            f"the header says {promised} data records, as of a recording that was not "
            f"closed; the {there} that are there are taken"
        )
        promised = there
    elif promised > there:
        notes.append(
            f"truncated: the header promises {promised} data records; the {there} "
            "that are whole are taken"
        )
    elif promised < there or rest:
        extra = size - promised * record_bytes
        notes.append(
            f"{extra} bytes follow the {promised} data records of the header, and are "
            "left out"
        )
        rest = 0
    if rest:
        notes.append(f"the last {rest} bytes are no whole data record and are left out")
    return min(promised, there)


def _start(recording: str, date: str, time: str) -> datetime | None:
    """Return when the header says that it starts; None if it does not."""
    clock = re.fullmatch(r"(\d\d)[.:](\d\d)[.:](\d\d)", time)
    long = re.match(r"Startdate (\d\d)-([A-Za-z]{3})-(\d{4})\b", recording)
    short = re.fullmatch(r"(\d\d)[./-](\d\d)[./-](\d\d)", date)
    if clock is None:
        return None
    if long and long[2].upper() in _MONTHS:
        day, month, year = int(long[1]), _MONTHS.index(long[2].upper()) + 1, long[3]
    elif short:
        day, month = int(short[1]), int(short[2])
        year = f"{'19' if int(short[3]) >= 85 else '20'}{short[3]}"
    else:
        return None
    try:
        hour, minute, second = (int(part) for part in clock.groups())
        return datetime(int(year), month, day, hour, minute, second)
    except ValueError:
        return None


def _number(text: str, what: str) -> float:
    number = field_number(text)
    if not math.isfinite(number):
        raise SkipAsset(f"its header is damaged: it says {text!r} where the {what} is")
    return number


def _whole(text: str, what: str) -> int:
    number = _number(text, what)
    if number != int(number):
        raise SkipAsset(f"its header is damaged: the {what} is {number:g}")
    return int(number)
