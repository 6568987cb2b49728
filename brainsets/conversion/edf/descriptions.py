"""What a header says of subject, session and device; names of people are not taken."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from brainsets.conversion.edf.header import Header

__all__ = ["device", "session", "subject"]

_PATIENT = re.compile(r"\S+ ([MFX]) (\d\d-[A-Za-z]{3}-\d{4}|X)( |$)")
_RECORDING = re.compile(r"Startdate \S+ \S+ \S+ (\S+)")
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()

_OLDEST_DAYS = 120 * 365.25


def subject(header: Header) -> dict[str, Any]:
    """Return sex and age in days, if the header says them."""
    found = _PATIENT.match(header.patient)
    if not found:
        return {}
    said: dict[str, Any] = {}
    if found[1] in "MF":
        said["sex"] = found[1]
    born = _date(found[2])
    if born is not None and header.start is not None and born <= header.start:
        days = (header.start - born).days
        # A date in place of none, as 30-DEC-1899, is no birthday.
        said.update({"age": float(days)} if days < _OLDEST_DAYS else {})
        said["age_text"] = f"born {born:%Y-%m-%d}, as the header says"
    return said


def session(header: Header) -> dict[str, Any]:
    """Return form and start; archives may have shifted the date."""
    said: dict[str, Any] = {"source_format": header.form}
    if header.start is not None:
        said["recording_date"] = header.start.isoformat()
    return said


def device(header: Header) -> dict[str, Any]:
    """Return the equipment that the header names."""
    found = _RECORDING.match(header.recording)
    if not found or found[1] == "X":
        return {}
    return {"id": found[1].replace("_", " ")}


def _date(text: str) -> datetime | None:
    day, *rest = text.split("-")
    if len(rest) != 2 or rest[0].upper() not in _MONTHS:
        return None
    try:
        return datetime(int(rest[1]), _MONTHS.index(rest[0].upper()) + 1, int(day))
    except ValueError:
        return None
