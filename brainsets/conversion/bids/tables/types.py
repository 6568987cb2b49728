"""Types and units of channels as BIDS writes them."""

from __future__ import annotations

from brainsets.conversion.biosignals.units import si_unit

__all__ = ["signal_type", "unit_of"]

_TYPES = {
    **{name: name.lower() for name in "EEG EOG ECG EMG MISC REF RESP TEMP GSR".split()},
    **dict.fromkeys("VEOG HEOG".split(), "eog"),
    "EKG": "ecg",
    **dict.fromkeys("SEEG ECOG DBS IEEG".split(), "ieeg"),
    **dict.fromkeys("TRIG STIM".split(), "stim"),
    **dict.fromkeys("MEGMAG MAG".split(), "meg_mag"),
    **dict.fromkeys("MEGGRAD MEGGRADAXIAL MEGGRADPLANAR GRAD".split(), "meg_grad"),
    **dict.fromkeys("MEGREFMAG MEGREFGRADAXIAL MEGREFGRADPLANAR".split(), "meg_ref"),
    "MEGOTHER": "meg_other",
    "HLU": "head_position",
    "FITERR": "head_position_error",
    "AUDIO": "sound",
    "PD": "photodiode",
    "EYEGAZE": "eyegaze",
    "PUPIL": "pupil",
    "PPG": "ppg",
    "SYSCLOCK": "clock",
    "ADC": "adc",
    "DAC": "dac",
    "OTHER": "misc",
    **{name: name.lower() for name in "ACCEL GYRO MAGN POS VEL ORNT ANGACCEL".split()},
}
_MORE_UNITS = {
    **{
        f"{sign}T{per}": (f"T{per}", scale)
        for sign, scale in {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9}.items()
        for per in ("", "/m")
    },
    "fT/cm": ("T/m", 1e-13),
    "pT/cm": ("T/m", 1e-10),
    "T/cm": ("T/m", 1e2),
    **dict.fromkeys(("oC", "\N{DEGREE SIGN}C", "degC", "C", "Celsius"), ("degC", 1.0)),
    **dict.fromkeys(("microV", "microvolts", "microvolt"), ("V", 1e-6)),
    "rad": ("rad", 1.0),
    "N": ("N", 1.0),
}
_NONE = {"", "n/a", "none", "unknown", "au", "a.u."}


def signal_type(text: str) -> str | None:
    """Return what kind of signal a type of BIDS is; None if it is none of BIDS."""
    return _TYPES.get(text.strip().upper())


def unit_of(text: str) -> tuple[str, float] | None:
    """Return the SI unit that a text means, and its factor; None if it says none."""
    text = text.strip()
    if text.lower() in _NONE:
        return None
    return _MORE_UNITS.get(text) or si_unit(text)
