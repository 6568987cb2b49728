"""EDF, EDF+, BDF and BDF+ as parts of a recording."""

from brainsets.conversion.edf.looking import look
from brainsets.conversion.edf.reading import read_edf

__all__ = ["look", "read_edf"]
