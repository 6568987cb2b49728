"""NWB 2 files as recordings: one reader for all of them, built on HDF5 alone."""

from brainsets.conversion.nwb.kinds import DEFAULT, KINDS
from brainsets.conversion.nwb.looking import look
from brainsets.conversion.nwb.reading import read_nwb
from brainsets.conversion.nwb.source.opening import open_nwb

__all__ = ["DEFAULT", "KINDS", "look", "open_nwb", "read_nwb"]
