"""Stored numbers of WFDB signal files, in the formats of the specification.

See https://wfdb.io/spec/signal-files.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brainsets.pipeline import SkipAsset

__all__ = ["FORMATS", "INVALID", "count", "stored"]

# Samples, and the bytes that hold them.
_UNITS = {
    "8": (1, 1),
    "16": (1, 2),
    "24": (1, 3),
    "32": (1, 4),
    "61": (1, 2),
    "80": (1, 1),
    "160": (1, 2),
    "212": (2, 3),
    "310": (3, 4),
    "311": (3, 4),
}
# How many samples are in the bytes of a unit that is cut.
_IN_CUT_UNIT = {
    ("212", 2): 1,
    ("310", 2): 1,
    ("310", 3): 1,
    ("311", 2): 1,
    ("311", 3): 2,
}
# Compressed by FLAC, with so many bits.
_FLAC = {"508": 8, "516": 16, "524": 24}
FORMATS = frozenset({*_UNITS, *_FLAC})
"""Those that can be read."""

INVALID = {
    "16": -(2**15),
    "24": -(2**23),
    "32": -(2**31),
    "61": -(2**15),
    "80": -(2**7),
    "160": -(2**15),
    "212": -(2**11),
    "310": -(2**9),
    "311": -(2**9),
    "508": -(2**7),
    "516": -(2**15),
    "524": -(2**23),
}
"""The number that stands for a sample that is not known."""


def count(path: Path, form: str, offset: int, channels: int) -> int:
    """Return how many samples a file holds, of all its signals together."""
    if form in _FLAC:
        with _flac(path, channels) as file:
            return int(file.frames) * channels
    samples, size = _UNITS[form]
    there = max(0, path.stat().st_size - offset)
    whole, rest = divmod(there, size)
    # A last unit may be cut where its samples end.
    more = _IN_CUT_UNIT.get((form, rest), 0)
    return whole * samples + more


def stored(
    path: Path, form: str, offset: int, first: int, last: int, channels: int
) -> np.ndarray:
    """Return the samples ``first:last`` of a file, all its signals in turn.

    Raises
    ------
    SkipAsset
        The file holds fewer.
    """
    if form in _FLAC:
        return _unpacked(path, form, first, last, channels)
    samples, size = _UNITS[form]
    # Differences mean something from the beginning on.
    begin = 0 if form == "8" else first // samples
    end = -(-last // samples)
    with open(path, "rb") as file:
        file.seek(offset + begin * size)
        content = file.read((end - begin) * size)
    missing = (end - begin) * size - len(content)
    if missing:
        content += bytes(missing)
        if missing >= size or last > count(path, form, offset, channels):
            raise SkipAsset(f"{path.name} is shorter than its header says")
    numbers: np.ndarray = _DECODE[form](np.frombuffer(content, dtype=np.uint8))
    at = first - begin * samples
    found: np.ndarray = numbers[at : at + last - first]
    return found


def _bytes_8(content: np.ndarray) -> np.ndarray:
    return content.view(np.int8).astype(np.int32)


def _bytes_80(content: np.ndarray) -> np.ndarray:
    return content.astype(np.int32) - 128


def _words(kind: str, shift: int = 0) -> Callable[[np.ndarray], np.ndarray]:
    def decode(content: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = content.view(kind).astype(np.int32) - shift
        return numbers

    return decode


def _three(content: np.ndarray) -> np.ndarray:
    padded: np.ndarray = np.zeros((len(content) // 3, 4), dtype=np.uint8)
    padded[:, 1:] = content.reshape(-1, 3)
    numbers: np.ndarray = padded.view("<i4").reshape(-1) >> 8
    return numbers


def _signed(numbers: np.ndarray, bits: int) -> np.ndarray:
    top = 1 << (bits - 1)
    found: np.ndarray = np.where(numbers >= top, numbers - 2 * top, numbers)
    return found


def _bits_212(content: np.ndarray) -> np.ndarray:
    one, two, three = content.reshape(-1, 3).astype(np.int32).T
    pair = np.stack([one | (two & 0x0F) << 8, three | (two & 0xF0) << 4], axis=1)
    return _signed(pair.reshape(-1), 12)


def _bits_310(content: np.ndarray) -> np.ndarray:
    low, high = content.view("<u2").reshape(-1, 2).astype(np.int32).T
    third = (low >> 11 & 0x1F) | (high >> 11 & 0x1F) << 5
    triple = np.stack([low >> 1 & 0x3FF, high >> 1 & 0x3FF, third], axis=1)
    return _signed(triple.reshape(-1), 10)


def _bits_311(content: np.ndarray) -> np.ndarray:
    words: np.ndarray = content.view("<u4").astype(np.int64)
    triple = np.stack([words >> shift & 0x3FF for shift in (0, 10, 20)], axis=1)
    return _signed(triple.reshape(-1), 10).astype(np.int32)


_DECODE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "8": _bytes_8,
    "16": _words("<i2"),
    "24": _three,
    "32": _words("<i4"),
    "61": _words(">i2"),
    "80": _bytes_80,
    "160": _words("<u2", 32768),
    "212": _bits_212,
    "310": _bits_310,
    "311": _bits_311,
}


@contextmanager
def _flac(path: Path, channels: int) -> Iterator[Any]:
    """Open a file; what goes wrong with it while it is open is said as well."""
    try:
        import soundfile
    except ImportError:
        raise SkipAsset(
            f"{path.name} is compressed by FLAC, for which the package soundfile is "
            "needed"
        ) from None
    try:
        with soundfile.SoundFile(path) as file:
            if file.channels == channels:
                yield file
                return
            text = f"it has {file.channels} channels instead of {channels}"
    except soundfile.LibsndfileError as error:
        text = str(error)
    raise SkipAsset(f"{path.name} cannot be read as FLAC: {text}")


def _unpacked(
    path: Path, form: str, first: int, last: int, channels: int
) -> np.ndarray:
    begin, end = first // channels, -(-last // channels)
    with _flac(path, channels) as file:
        file.seek(begin)
        numbers = file.read(end - begin, dtype="int32", always_2d=True)
    if len(numbers) < end - begin:
        raise SkipAsset(f"{path.name} is shorter than its header says")
    found: np.ndarray = numbers.reshape(-1) >> (32 - _FLAC[form])
    return found[first - begin * channels :][: last - first]
