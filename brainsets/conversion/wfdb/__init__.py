"""WFDB records and their annotations as parts of a recording."""

from brainsets.conversion.wfdb.annotations import add_annotations, part_name
from brainsets.conversion.wfdb.looking import look
from brainsets.conversion.wfdb.reading import annotation_rate, files_of, read_wfdb

__all__ = [
    "add_annotations",
    "annotation_rate",
    "files_of",
    "look",
    "part_name",
    "read_wfdb",
]
