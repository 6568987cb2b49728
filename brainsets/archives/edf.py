"""Checks of EDF, EDF+ and BDF files that libraries do not make.

The form of the header is in https://www.edfplus.info/specs/edf.html.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from brainsets.errors import RecordingError

__all__ = ["check_edf", "read_units"]

_FIXED_BYTES = 256
# Of each signal, in this order: what the header says of it, and in how many bytes.
_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical minimum": 8,
    "physical maximum": 8,
    "digital minimum": 8,
    "digital maximum": 8,
    "filters": 80,
    "number of samples": 8,
    "reserved": 32,
}
_SIGNAL_BYTES = sum(_FIELDS.values())
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


def _read_fields(file: BinaryIO, path: Path) -> tuple[bytes, dict[str, list[str]]]:
    """Return the fixed part of a header, and what it says of each signal."""
    fixed = file.read(_FIXED_BYTES)
    _refuse_others(fixed, path)
    signals = _whole(fixed[252:256], path, "number of signals")
    length = _FIXED_BYTES + max(0, signals) * _SIGNAL_BYTES
    content = file.read(length - _FIXED_BYTES)
    if signals < 1 or len(content) < length - _FIXED_BYTES:
        raise RecordingError(
            f"{path}: the header promises {signals} signals, and has {_SIGNAL_BYTES} "
            f"bytes for each after its first {_FIXED_BYTES}, but there are "
            f"{_FIXED_BYTES + len(content)} bytes in the file."
        )
    fields, at = {}, 0
    for name, width in _FIELDS.items():
        ends = range(at + width, at + width * signals + 1, width)
        fields[name] = [_text(content[end - width : end]) for end in ends]
        at = ends[-1]
    return fixed, fields


def _read_header(file: BinaryIO, path: Path) -> _Header:
    fixed, fields = _read_fields(file, path)
    signals = len(fields["label"])
    length = _whole(fixed[184:192], path, "length of the header")
    if length != _FIXED_BYTES + signals * _SIGNAL_BYTES:
        raise RecordingError(
            f"{path}: the header promises {length} bytes for itself; with its "
            f"{signals} signals it has {_FIXED_BYTES + signals * _SIGNAL_BYTES}."
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
    duration_s = _number(fixed[244:252], path, "duration of a data record")
    only_notes = all(label.endswith("Annotations") for label in fields["label"])
    if duration_s < 0 or (duration_s == 0 and not only_notes):
        raise RecordingError(
            f"{path}: the header promises data records of {duration_s:g} s, so nobody "
            "knows the rate of its signals."
        )
    return _Header(
        size=os.fstat(file.fileno()).st_size,
        length=length,
        reserved=_text(fixed[192:236]),
        records=_whole(fixed[236:244], path, "number of data records"),
        record_bytes=sum(samples) * (3 if _is_bdf(path) else 2),
        fields=fields,
    )


def _is_bdf(path: Path) -> bool:
    return path.suffix.lower() == ".bdf"


def _refuse_others(fixed: bytes, path: Path) -> None:
    is_bdf = _is_bdf(path)
    form = "BDF" if is_bdf else "EDF"
    beginning = fixed[:8]
    if is_bdf:
        fits = beginning == b"\xffBIOSEMI"
    else:
        fits = beginning.strip(b" \0") == b"0"
    if fits and len(fixed) == _FIXED_BYTES:
        return
    if not fixed:
        there = "the file is empty"
    elif fits:
        there = f"the whole file has {len(fixed)} bytes"
    elif beginning == b"\xffBIOSEMI":
        there = "it is a BDF file, with 24 bits for each sample"
    elif beginning.strip(b" \0") == b"0":
        there = "it is an EDF file, with 16 bits for each sample"
    elif not fixed.strip(b"\0"):
        there = "it begins with zero bytes alone"
    else:
        start = fixed.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        others = (o for known, o in _OTHERS.items() if start.startswith(known.lower()))
        there = f"it is {next(others, f'something else, beginning with {beginning!r}')}"
    raise RecordingError(
        f"{path}: {form} files begin with a header of {_FIXED_BYTES} bytes or more, "
        f"but {there}."
    )


def _text(content: bytes) -> str:
    # Not all that write it keep to ASCII, as the form wants.
    return content.decode("latin-1").strip(" \0")


def _named(fields: dict[str, list[str]], number: int) -> str:
    return f"signal {number + 1} ({fields['label'][number]!r})"


def _number(field: bytes | str, path: Path, what: str) -> float:
    text = field if isinstance(field, str) else _text(field)
    try:
        # Some machines write numbers as their country does.
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not (text.isascii() and "_" not in text and math.isfinite(number)):
        raise RecordingError(
            f"{path}: the header says {text!r} where the {what} should be; is this a "
            "whole EDF or BDF file?"
        )
    return number


def _whole(field: bytes | str, path: Path, what: str) -> int:
    number = _number(field, path, what)
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
