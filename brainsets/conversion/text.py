"""Text as the files can hold it: columns take ASCII alone."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ascii_column", "plain", "to_ascii"]

_SPELLED = {
    "\N{MICRO SIGN}": "u",
    "\N{GREEK SMALL LETTER MU}": "u",
    "\N{OHM SIGN}": "Ohm",
    "\N{GREEK CAPITAL LETTER OMEGA}": "Ohm",
    "\N{DEGREE SIGN}": "deg",
}


def plain(value: Any) -> str:
    """Return text that HDF5 gives as bytes or str, as str; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def to_ascii(text: str) -> str:
    """Return text in ASCII: signs of units spelled, all else as escapes."""
    if text.isascii():
        return text
    for sign, spelled in _SPELLED.items():
        text = text.replace(sign, spelled)
    return text.encode("ascii", "backslashreplace").decode("ascii")


def ascii_column(values: Any) -> tuple[np.ndarray, bool]:
    """Return values as an array of ASCII text, and whether that changed any."""
    found = [plain(value) for value in values]
    spelled = [to_ascii(text).replace("\0", "\\x00") for text in found]
    return np.array(spelled, dtype=np.str_).reshape(len(spelled)), spelled != found
