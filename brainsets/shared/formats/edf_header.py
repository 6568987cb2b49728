"""The header of an EDF, EDF+ or BDF file, cut into its fields.

Their form is in https://www.edfplus.info/specs/edf.html, and for BDF in
https://www.biosemi.com/faq/file_format.htm. What they say is up to the caller.
"""

import math

__all__ = [
    "FIXED_BYTES",
    "SIGNAL_BYTES",
    "field_number",
    "field_text",
    "fixed_fields",
    "is_bdf",
    "is_edf",
    "signal_fields",
]

# Both in order, with their lengths in bytes.
_FIXED = {
    "version": 8,
    "patient": 80,
    "recording": 80,
    "date": 8,
    "time": 8,
    "length of the header": 8,
    "reserved": 44,
    "number of data records": 8,
    "duration of a data record": 8,
    "number of signals": 4,
}
_OF_SIGNALS = {
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

FIXED_BYTES = sum(_FIXED.values())
"""How long the part is that all headers have."""

SIGNAL_BYTES = sum(_OF_SIGNALS.values())
"""How much follows for each signal."""


def is_edf(beginning: bytes) -> bool:
    """Whether a file that begins so is in EDF or EDF+, with 16 bits for a sample."""
    return beginning[:8].strip(b" \0") == b"0"


def is_bdf(beginning: bytes) -> bool:
    """Whether a file that begins so is in BDF or BDF+, with 24 bits for a sample."""
    return beginning[:8] == b"\xffBIOSEMI"


def fixed_fields(content: bytes) -> dict[str, str]:
    """Return the fields of the first `FIXED_BYTES` by their names."""
    found, at = {}, 0
    for name, width in _FIXED.items():
        found[name] = field_text(content[at : at + width])
        at += width
    return found


def signal_fields(content: bytes, signals: int) -> dict[str, list[str]]:
    """Return what follows by the names of the fields, a text for each signal."""
    found, at = {}, 0
    for name, width in _OF_SIGNALS.items():
        ends = range(at + width, at + width * signals + 1, width)
        found[name] = [field_text(content[end - width : end]) for end in ends]
        at += width * signals
    return found


def field_text(content: bytes) -> str:
    """Return the text of a field; not all that write it keep to ASCII."""
    return content.decode("latin-1").strip(" \0")


def field_number(text: str) -> float:
    """Return the number that a field says, nan if it says none."""
    try:
        # Some machines write numbers as their country does.
        number = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return number if text.isascii() and "_" not in text else math.nan
