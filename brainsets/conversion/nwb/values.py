"""Values in SI units: what is stored, times its conversion, plus its offset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.nwb.source.objects import attribute, child
from brainsets.conversion.text import to_ascii
from brainsets.errors import RecordingError

__all__ = ["Values", "values_of"]

_PREFIXES = {
    "": 1.0,
    "k": 1e3,
    "kilo": 1e3,
    "c": 1e-2,
    "centi": 1e-2,
    "m": 1e-3,
    "milli": 1e-3,
    "u": 1e-6,
    "micro": 1e-6,
    "n": 1e-9,
    "nano": 1e-9,
    "p": 1e-12,
    "pico": 1e-12,
}
# A unit's symbol, and how it is spelled; prefixes are those in common use.
_SPELLINGS = {
    "V": ("volt volts", "V", "m u n k"),
    "A": ("ampere amperes amp amps", "A", "m u n p"),
    "m": ("meter meters metre metres", "m", "c m u"),
    "s": ("second seconds sec", "s", "m u"),
    "W": ("watt watts", "W", "m u"),
    "rad": ("radian radians", "rad", ""),
    "Hz": ("hertz", "Hz", "k"),
}
_LONG = {
    "k": "kilo",
    "c": "centi",
    "m": "milli",
    "u": "micro",
    "n": "nano",
    "p": "pico",
}


def _units() -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for symbol, (words, short, prefixes) in _SPELLINGS.items():
        for prefix in ("", *prefixes.split()):
            scale = (symbol, _PREFIXES[prefix])
            found[prefix + short] = scale
            for word in words.split():
                found[_LONG.get(prefix, "") + word] = scale
    return found


_UNITS = _units()
# Of a file that is read in blocks, so much may stay in memory.
_KEPT_BYTES = 128 << 20
# What NWB prescribes.
_OF_TYPE = {
    "ElectricalSeries": "V",
    "CurrentClampSeries": "V",
    "IZeroClampSeries": "V",
    "VoltageClampStimulusSeries": "V",
    "VoltageClampSeries": "A",
    "CurrentClampStimulusSeries": "A",
    "OptogeneticSeries": "W",
}


@dataclass(frozen=True)
class Values:
    """The values of a series as numbers in one unit.

    Parameters
    ----------
    dataset : h5py.Dataset
        Whose values they are; the first axis is time.
    factor : float or array
        What they are multiplied with: one number, or one for each channel.
    offset : float
        What is then added.
    unit : str
        An SI unit where the source's is one with a known prefix; else the source's.
    dtype : numpy.dtype
        What `read` returns: float32 for what float32 holds exactly (floats and whole
        numbers of up to 16 bits), else float64; truth values stay what they are.
    doubt : str
        What speaks against the values; empty if nothing does.
    """

    dataset: h5py.Dataset
    factor: Any
    offset: float
    unit: str
    dtype: np.dtype
    doubt: str

    def read(self, i: int, j: int) -> np.ndarray:
        """Return the values ``i:j`` of the first axis.

        Raises
        ------
        RecordingError
            They cannot be read.
        """
        try:
            stored: np.ndarray = self.dataset[i:j]
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            text = str(error).strip()
            raise RecordingError(
                f"{self.dataset.name} cannot be read at {i} to {j}: {text}"
            ) from error
        _forget(self.dataset, i, j)
        if self.dtype == np.bool_:
            return stored
        found: np.ndarray
        if np.ndim(self.factor) == 0 and self.factor == 1 and self.offset == 0:
            found = stored.astype(self.dtype, copy=False)
        elif self.offset == 0:
            # In one pass, without an array of float64 between.
            found = np.empty(stored.shape, self.dtype)
            double = np.float64
            np.multiply(stored, self.factor, found, dtype=double, casting="same_kind")
        else:
            scaled = stored * self.factor + self.offset
            found = scaled.astype(self.dtype, copy=False)
        return found


def _forget(dataset: h5py.Dataset, i: int, j: int) -> None:
    """Have the system keep no more than some of what was read of a file in memory.

    It is read once; to find memory for all of a large file takes longer than to read
    it. Nothing is done before `_KEPT_BYTES` were read, nor for files of a server.
    """
    row_bytes = max(1, dataset.nbytes // max(1, dataset.shape[0]))
    is_much = i * row_bytes // _KEPT_BYTES != j * row_bytes // _KEPT_BYTES
    if is_much and hasattr(os, "posix_fadvise") and dataset.file.driver == "sec2":
        descriptor = dataset.file.id.get_vfd_handle()
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def values_of(data: h5py.Dataset, group: h5py.Group | None = None) -> Values:
    """Return the values of a dataset of numbers or truth values.

    Parameters
    ----------
    data : h5py.Dataset
        Has its unit, conversion and offset as attributes.
    group : h5py.Group, optional
        The series, which may have a conversion for each channel.

    Raises
    ------
    ValueError
        What is said of the values contradicts them.
    """
    said = str(attribute(data, "unit", "") or "").strip()
    conversion = _number(data, "conversion", 1.0)
    offset = _number(data, "offset", 0.0)
    unit, scale = _unit(said)
    factor: Any = np.float64(conversion * scale)
    channels = _channel_conversion(group, data) if group is not None else None
    if channels is not None:
        factor = channels * factor
    kind, size = data.dtype.kind, data.dtype.itemsize
    plain_bool = kind == "b" and conversion == 1 and offset == 0
    small = (kind in "iu" and size <= 2) or (kind == "f" and size <= 4) or kind == "b"
    dtype = np.bool_ if plain_bool else np.float32 if small else np.float64
    return Values(
        data,
        factor,
        float(offset * scale),
        unit,
        np.dtype(dtype),
        _doubt(data, said, (unit, scale), conversion, channels is not None),
    )


def _number(data: h5py.Dataset, name: str, otherwise: float) -> float:
    value = attribute(data, name, otherwise)
    if not isinstance(value, (int, float)) or not np.isfinite(value):
        raise ValueError(f"its {name} is {value!r}, which is no number")
    return float(value)


def _channel_conversion(group: h5py.Group, data: h5py.Dataset) -> np.ndarray | None:
    dataset = child(group, "channel_conversion")
    if dataset is None:
        return None
    factors = np.asarray(dataset[()], dtype=np.float64).reshape(-1)
    channels = data.shape[1] if data.ndim > 1 else 1
    if len(factors) != channels:
        raise ValueError(
            f"it has {channels} channels and a conversion for {len(factors)}"
        )
    shape = () if data.ndim == 1 else (-1, *(1,) * (data.ndim - 2))
    found: np.ndarray = factors.reshape(shape)
    return found


def _unit(said: str) -> tuple[str, float]:
    """Return the SI unit for a text, and its factor; another text as it is, and 1."""
    text = to_ascii(said)
    if text in _UNITS:
        return _UNITS[text]
    # Of short ones, a capital letter may be another prefix: MV is no mV.
    is_plain = len(text) > 3 or text in ("v", "mv", "uv")
    known = text.lower() if len(text) > 3 else text.replace("v", "V")
    return _UNITS[known] if is_plain and known in _UNITS else (text, 1.0)


def _doubt(
    data: h5py.Dataset,
    said: str,
    unit: tuple[str, float],
    conversion: float,
    has_channels: bool,
) -> str:
    symbol, scale = unit
    own = _OF_TYPE.get(str(attribute(data.parent, "neurodata_type", "")))
    if own and symbol != own:
        return f"doubt: its unit is {said or 'not said'}, where NWB has {own}"
    is_whole = data.dtype.kind in "iu"
    if is_whole and symbol == "V" and conversion == 1 and not has_channels:
        return (
            f"doubt: whole numbers in {said} with a conversion of 1, by which 17 in "
            f"the file is 17 {said}"
        )
    if scale != 1 and abs(conversion / scale - 1) < 0.01:
        return f"doubt: the unit ({said}) and the conversion both say the prefix"
    return ""
