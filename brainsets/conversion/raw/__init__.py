"""Files of continuous signals of many formats, read in one way."""

from brainsets.conversion.raw.files import Annotation, RawChannel, RawFile
from brainsets.conversion.raw.opening import open_raw

__all__ = ["Annotation", "RawChannel", "RawFile", "open_raw"]
