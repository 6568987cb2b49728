"""What a file says of its subject, session and devices; what is missing is missing."""

from __future__ import annotations

import re
from typing import Any

import h5py

from brainsets.conversion.nwb.source.objects import child, fields
from brainsets.conversion.text import plain

__all__ = ["age_in_days", "read_device", "read_session", "read_subject"]

_DAYS = {"Y": 365.25, "M": 30.4375, "W": 7.0, "D": 1.0}
_HOURS = {"H": 1 / 24, "M": 1 / 1440, "S": 1 / 86400}
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_AGE = re.compile(
    "P"
    + "".join(f"(?:{_NUMBER}{unit})?" for unit in _DAYS)
    + "(?:T"
    + "".join(f"(?:{_NUMBER}{unit})?" for unit in _HOURS)
    + ")?"
)
_OF_SESSION = (
    "data_collection experiment_description experimenter identifier institution "
    "keywords lab notes pharmacology protocol related_publications session_description "
    "session_id session_start_time stimulus surgery timestamps_reference_time virus"
).split()


def age_in_days(text: str) -> float | None:
    """Return an age such as ``P90D`` or ``P1Y6M`` in days; None if it is no such text.

    A year has 365.25 days, a month 30.4375. A range is not one age.
    """
    found = _AGE.fullmatch(text.strip().upper())
    if not found or not any(found.groups()):
        return None
    scales = [*_DAYS.values(), *_HOURS.values()]
    pairs = zip(found.groups(), scales)
    return sum(float(n.replace(",", ".")) * scale for n, scale in pairs if n)


def read_subject(file: h5py.File) -> dict[str, Any]:
    """Return what is said of the subject: ``id``, ``species``, ``age`` and more.

    The age is in days; what the source says of it is kept as ``age_text``.
    """
    group = file.get("general/subject")
    if not isinstance(group, h5py.Group):
        return {}
    found = fields(group)
    subject = found.pop("subject_id", "")
    age = str(found.pop("age", "") or "")
    days = age_in_days(age)
    more = {"age_text": age} if age else {}
    if days is not None:
        more["age"] = days  # type: ignore[assignment]
    return {**({"id": str(subject)} if subject else {}), **found, **more}


def read_session(file: h5py.File) -> dict[str, Any]:
    """Return what is said of the session: ``id``, ``recording_date`` and texts.

    The date and time are those of the source, with the zone that it says.
    """
    found: dict[str, Any] = {}
    for name in _OF_SESSION:
        dataset = child(file, name) or child(file, f"general/{name}")
        text = _text(dataset) if dataset is not None else ""
        if text:
            found[name] = text
    if "session_start_time" in found:
        found["recording_date"] = found.pop("session_start_time")
    if "session_description" in found:
        found["description"] = found.pop("session_description")
    # The id may be replaced by one that is unique; what the source says stays.
    session = found.get("session_id", "") or found.get("identifier", "")
    version = plain(file.attrs.get("nwb_version", ""))
    return {
        **({"id": session} if session else {}),
        **found,
        **({"nwb_version": version} if version else {}),
    }


def read_device(file: h5py.File) -> dict[str, Any]:
    """Return the names of the devices, and what is said of the only one."""
    group = file.get("general/devices")
    if not isinstance(group, h5py.Group):
        return {}
    devices = {name: group.get(name) for name in group}
    devices = {n: item for n, item in devices.items() if isinstance(item, h5py.Group)}
    if not devices:
        return {}
    found = fields(next(iter(devices.values()))) if len(devices) == 1 else {}
    return {**found, "id": ", ".join(devices)}


def _text(dataset: h5py.Dataset) -> str:
    try:
        value = dataset[()]
    except (OSError, RuntimeError, TypeError, ValueError):
        return ""
    if dataset.shape == ():
        return plain(value).strip()
    return ", ".join(plain(v).strip() for v in value.reshape(-1).tolist())
