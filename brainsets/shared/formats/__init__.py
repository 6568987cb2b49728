"""File formats that more than one part of the package reads."""
