"""Checks of EDF, EDF+ and BDF files that libraries do not make.

The form of the header is in https://www.edfplus.info/specs/edf.html.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from brainsets.errors import RecordingError
from brainsets.shared.formats.edf_header import (
    FIXED_BYTES,
    SIGNAL_BYTES,
    field_number,
    fixed_fields,
    is_bdf,
    is_edf,
    signal_fields,
)

__all__ = ["check_edf", "read_units"]

# First bytes of files of other formats.
_OTHERS = {
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a ZIP archive",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a pointer of Git LFS, to be fetched first",
    b"/annex/objects": "a pointer of git-annex, to be fetched first",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<": "a web page or XML",
    b"{": "JSON",
}


def check_edf(path: Path, *, gaps: bool = False) -> None:
    """Raise unless a file is as its header says: of this form, whole, without gaps.

    Readers take what is there of a file that was cut, fail with an error that speaks of
    something else, or read over gaps as if there were none. This looks at the header
    and the length alone, so it costs next to nothing; the samples may still be wrong.
    A name that ends with ``.bdf`` is for a BDF file, any other for EDF or EDF+.

    Parameters
    ----------
    path : Path
        The file.
    gaps : bool, optional
        Allow EDF+D and BDF+D, where time may pass between data records; for pipelines
        that read the time of each.

    Raises
    ------
    RecordingError
        One sentence that says what the header promises, and what is there.
    """
    path = Path(path)
    with open(path, "rb") as file:
        header = _read_header(file, path)
    if header.records < 1:
        why = "; the recording was interrupted" if header.records == -1 else ""
        raise RecordingError(
            f"{path}: the header promises {header.records} data records, and "
            f"{header.size - header.length} bytes follow, at {header.record_bytes} for "
            f"each{why}."
        )
    expected = header.length + header.records * header.record_bytes
    if header.size != expected:
        few = header.size < expected
        raise RecordingError(
            f"{path}: the header promises {expected} bytes, {header.records} data "
            f"records of {header.record_bytes} bytes after {header.length} of its own, "
            f"but there are {header.size}, {abs(expected - header.size)} "
            f"too {'few' if few else 'many'}"
            f"{_converted(path, header.size, expected)}; fetch the file again."
        )
    if header.is_discontinuous and not gaps:
        raise RecordingError(
            f"{path}: the header says {header.reserved[:5]}, a recording with gaps "
            "between its data records, which would be read as if there were none."
        )


def read_units(path: Path) -> list[str]:
    """Return the physical unit of each signal in the header, in the file's order.

    Where the unit is none that it knows, mne takes it for volts without a word.

    Raises
    ------
    RecordingError
        It has no such header.
    """
    with open(path, "rb") as file:
        return _read_fields(file, Path(path))[1]["unit"]


@dataclass(frozen=True)
class _Header:
    size: int
    """Bytes of the whole file."""
    length: int
    """Bytes of the header."""
    reserved: str
    records: int
    record_bytes: int
    fields: dict[str, list[str]]
    """What it says of each signal."""

    @property
    def is_discontinuous(self) -> bool:
        return self.reserved[:5].upper() in ("EDF+D", "BDF+D")


def _read_fields(
    file: BinaryIO, path: Path
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the fixed part of a header, and what it says of each signal."""
    beginning = file.read(FIXED_BYTES)
    _refuse_others(beginning, path)
    fixed = fixed_fields(beginning)
    signals = _whole(fixed["number of signals"], path, "number of signals")
    length = FIXED_BYTES + max(0, signals) * SIGNAL_BYTES
    size = os.fstat(file.fileno()).st_size
    # Nobody knows how many a damaged header says.
    content = file.read(min(length, size) - FIXED_BYTES)
    if signals < 1 or len(content) < length - FIXED_BYTES:
        raise RecordingError(
            f"{path}: the header promises {signals} signals, and has {SIGNAL_BYTES} "
            f"bytes for each after its first {FIXED_BYTES}, but there are "
            f"{FIXED_BYTES + len(content)} bytes in the file."
        )
    return fixed, signal_fields(content, signals)


def _read_header(file: BinaryIO, path: Path) -> _Header:
    fixed, fields = _read_fields(file, path)
    signals = len(fields["label"])
    length = _whole(fixed["length of the header"], path, "length of the header")
    if length != FIXED_BYTES + signals * SIGNAL_BYTES:
        raise RecordingError(
            f"{path}: the header promises {length} bytes for itself; with its "
            f"{signals} signals it has {FIXED_BYTES + signals * SIGNAL_BYTES}."
        )
    for name in ("physical minimum", "physical maximum"):
        for number, text in enumerate(fields[name]):
            _number(text, path, f"{name} of {_named(fields, number)}")
    for name in ("digital minimum", "digital maximum"):
        for number, text in enumerate(fields[name]):
            _whole(text, path, f"{name} of {_named(fields, number)}")
    samples = [
        _whole(text, path, f"number of samples of {_named(fields, number)}")
        for number, text in enumerate(fields["number of samples"])
    ]
    if min(samples) < 1:
        worst = samples.index(min(samples))
        raise RecordingError(
            f"{path}: the header promises {samples[worst]} samples in each data record "
            f"of {_named(fields, worst)}; a signal has at least one."
        )
    name = "duration of a data record"
    duration_s = _number(fixed[name], path, name)
    only_notes = all(label.endswith("Annotations") for label in fields["label"])
    if duration_s < 0 or (duration_s == 0 and not only_notes):
        raise RecordingError(
            f"{path}: the header promises data records of {duration_s:g} s, so nobody "
            "knows the rate of its signals."
        )
    name = "number of data records"
    return _Header(
        size=os.fstat(file.fileno()).st_size,
        length=length,
        reserved=fixed["reserved"],
        records=_whole(fixed[name], path, name),
        record_bytes=sum(samples) * (3 if _is_bdf(path) else 2),
        fields=fields,
    )


def _is_bdf(path: Path) -> bool:
    return path.suffix.lower() == ".bdf"


def _refuse_others(fixed: bytes, path: Path) -> None:
    form = "BDF" if _is_bdf(path) else "EDF"
    fits = is_bdf(fixed) if _is_bdf(path) else is_edf(fixed)
    if fits and len(fixed) == FIXED_BYTES:
        return
    if not fixed:
        there = "the file is empty"
    elif fits:
        there = f"the whole file has {len(fixed)} bytes"
    elif is_bdf(fixed):
        there = "it is a BDF file, with 24 bits for each sample"
    elif is_edf(fixed):
        there = "it is an EDF file, with 16 bits for each sample"
    elif not fixed.strip(b"\0"):
        there = "it begins with zero bytes alone"
    else:
        start = fixed.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        others = (o for known, o in _OTHERS.items() if start.startswith(known.lower()))
        there = f"it is {next(others, f'something else, beginning with {fixed[:8]!r}')}"
    raise RecordingError(
        f"{path}: {form} files begin with a header of {FIXED_BYTES} bytes or more, "
        f"but {there}."
    )


def _named(fields: dict[str, list[str]], number: int) -> str:
    return f"signal {number + 1} ({fields['label'][number]!r})"


def _number(text: str, path: Path, what: str) -> float:
    number = field_number(text)
    if not math.isfinite(number):
        raise RecordingError(
            f"{path}: the header says {text!r} where the {what} should be; is this a "
            "whole EDF or BDF file?"
        )
    return number


def _whole(text: str, path: Path, what: str) -> int:
    number = _number(text, path, what)
    if number != int(number):
        raise RecordingError(
            f"{path}: the header says {number:g} where the {what}, a whole number, "
            "should be."
        )
    return int(number)


def _converted(path: Path, size: int, expected: int) -> str:
    """Return what else there is to say of a file of another length."""
    ends = pairs = 0
    last = b""
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            ends += chunk.count(b"\n")
            pairs += (last + chunk).count(b"\r\n")
            last = chunk[-1:]
    # Of the pairs of two bytes, one in 65536 is this one: few are missing.
    are_few = 0 < expected - size < max(10, size / 10_000)
    if ends and (ends == pairs == size - expected or (not pairs and are_few)):
        return ", as if line ends had been converted, in a transfer as text"
    return ""
