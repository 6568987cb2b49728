"""Units as such files write them, in SI units where the text leaves no doubt."""

from __future__ import annotations

__all__ = ["si_unit"]

_MICRO = ("u", "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}", "\xc2\xb5", "micro")
_PREFIXES = {"n": 1e-9, "m": 1e-3, "": 1.0} | dict.fromkeys(_MICRO, 1e-6)
_SI = {
    **{f"{p}V": ("V", scale) for p, scale in _PREFIXES.items()},
    **{f"{p}A": ("A", scale) for p, scale in _PREFIXES.items() if p},
    # No other unit is meant by a small v.
    **{f"{p}v": ("V", scale) for p, scale in _PREFIXES.items()},
    **{f"{p}volt{s}": ("V", v) for p, v in _PREFIXES.items() for s in ("", "s")},
    "Volt": ("V", 1.0),
    "volt": ("V", 1.0),
    "Volts": ("V", 1.0),
    "millivolts": ("V", 1e-3),
    "millivolt": ("V", 1e-3),
    "Ohm": ("Ohm", 1.0),
    "ohm": ("Ohm", 1.0),
    "kOhm": ("Ohm", 1e3),
    "MOhm": ("Ohm", 1e6),
    "Hz": ("Hz", 1.0),
    "kHz": ("Hz", 1e3),
    "ms": ("s", 1e-3),
    "s": ("s", 1.0),
    "sec": ("s", 1.0),
}


def si_unit(text: str) -> tuple[str, float]:
    """Return the SI unit that a text means, and what to multiply by to get there.

    Any other text is its own unit, with a factor of 1: mmHg, degC, bpm, %, and ``MV``,
    which may be meant for millivolts.
    """
    text = text.strip()
    return _SI.get(text, (text, 1.0))
