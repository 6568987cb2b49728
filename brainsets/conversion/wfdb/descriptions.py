"""What the comments of a record say of its subject and session."""

from __future__ import annotations

import re
from typing import Any

from brainsets.conversion.wfdb.header import RecordHeader

__all__ = ["session", "subject"]

_AGE = re.compile(r"<?\bage\b>?\s*:\s*([<>]?=?\s*\d+(?:\.\d+)?\b\+?)", re.IGNORECASE)
_SEX = re.compile(r"<?\b(?:sex|gender)\b>?\s*:\s*(male|female|m|f)\b", re.IGNORECASE)
# As in "69 M 1085 1629 x1".
_BOTH = re.compile(r"(\d{1,3}) ([MF])\b")
_YEAR_DAYS = 365.25
_OLDEST_YEARS = 120


def subject(header: RecordHeader) -> dict[str, Any]:
    """Return age in days and sex, where the comments say them."""
    said: dict[str, Any] = {}
    for comment in header.comments:
        both = _BOTH.match(comment)
        age, sex = _AGE.search(comment), _SEX.search(comment)
        years = age[1] if age else both[1] if both else None
        letter = sex[1] if sex else both[2] if both else None
        if years is not None and "age_text" not in said:
            said["age_text"] = f"{years} years"
            is_exact = years.replace(".", "", 1).isdecimal()
            # Ages above 89 are hidden, as 89+ or as 300.
            if is_exact and float(years) < _OLDEST_YEARS:
                said["age"] = float(years) * _YEAR_DAYS
        if letter is not None:
            said.setdefault("sex", letter[0].upper())
    return said


def session(header: RecordHeader) -> dict[str, Any]:
    """Return format, start and comments; archives may have shifted the date."""
    said: dict[str, Any] = {"source_format": "WFDB"}
    if header.start is not None:
        said["recording_date"] = header.start.isoformat()
    comments = [comment for comment in header.comments if comment]
    if comments:
        said["comments"] = "; ".join(comments)
    return said
