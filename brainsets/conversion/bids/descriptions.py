"""Subject, session and device of a recording, as all its files describe them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from brainsets.conversion.bids.sidecars import Described
from brainsets.conversion.bids.tables.people import (
    attribute_names,
    described,
    scan_row,
    session_row,
    subject_row,
)

__all__ = ["contradictions", "device_of", "session_of", "subject_of"]

# What a JSON file says of the equipment; all else is of the session.
_OF_DEVICE = (
    "Manufacturer ManufacturersModelName DeviceSerialNumber SoftwareVersions "
    "CapManufacturer CapManufacturersModelName ElectrodeManufacturer "
    "ElectrodeManufacturersModelName ElectrodeMaterial ElectrodeType HardwareFilters"
).split()


def subject_of(files: Described, of_file: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tables, and then the file itself, say of the subject."""
    path, table = files.table("participants")
    meanings = files.text("participants")
    said, notes = subject_row(table, files.recording.entities["sub"], meanings)
    files.took(path, "subject", notes)
    # An age of the file is not one beside that of the table.
    hidden = {"id"} | ({"age", "age_text"} if "age_text" in said else set())
    return {**{k: v for k, v in of_file.items() if k not in hidden}, **said}


def session_of(files: Described, of_file: Mapping[str, Any]) -> dict[str, Any]:
    """Return what sidecars, and then the file itself, say of the session."""
    recording = files.recording
    path, table = files.table("sessions")
    of_session, notes = session_row(table, recording.entities.get("ses"))
    files.took(path, "session", notes)
    path, table = files.table("scans")
    folder = str(PurePosixPath(path).parent)
    named = [recording.path, *recording.files]
    of_scan, notes = scan_row(table, "" if folder == "." else folder, named)
    files.took(path, "session", notes)
    text = files.text(recording.suffix)
    for each in recording.described_by(recording.suffix, ".json"):
        files.took(each, "session", [])
    of_text = described({k: v for k, v in text.items() if k not in _OF_DEVICE})
    entities = {k: v for k, v in recording.entities.items() if k != "sub"}
    names = attribute_names(entities)
    names.update({"ses": "session_id"} if "ses" in entities else {})
    found = {
        **of_file,
        **of_text,
        **of_session,
        **of_scan,
        **{names[key]: value for key, value in entities.items()},
        "datatype": recording.datatype,
    }
    header = of_file.get("recording_date")
    if header and found["recording_date"] != header:
        found["recording_date_of_file"] = header
    return found


def device_of(files: Described, of_file: Mapping[str, Any]) -> dict[str, Any]:
    """Return what sidecars, and then the file itself, say of the equipment."""
    text = files.text(files.recording.suffix)
    said = described({key: text[key] for key in _OF_DEVICE if key in text})
    maker = [said.get(n) for n in ("manufacturer", "manufacturers_model_name")]
    name = " ".join(str(each) for each in maker if each)
    return {**of_file, **said, **({"id": name} if name else {})}


def contradictions(
    text: Mapping[str, Any], rates: Collection[float], duration: float
) -> list[str]:
    """Return what a recording's JSON says that its file does not.

    Parameters
    ----------
    text : mapping
        What ``eeg.json`` says.
    rates : collection of float
        Sampling rates of the file, in Hz.
    duration : float
        How long the file's samples last, in s, gaps included.
    """
    notes = []
    rate = _number(text.get("SamplingFrequency"))
    lasts = _number(text.get("RecordingDuration"))
    if rate is not None and all(abs(rate - each) > 1e-3 * each for each in rates):
        notes.append(
            f"it says {rate:g} Hz, the file {', '.join(f'{r:g}' for r in rates)} Hz, "
            "which is taken"
        )
    if lasts is not None and abs(lasts - duration) > max(1.0, 0.01 * duration):
        notes.append(f"doubt: it says {lasts:g} s, the file lasts {duration:g} s")
    kind = text.get("RecordingType")
    if isinstance(kind, str) and kind.strip().lower() in ("epoched", "discontinuous"):
        notes.append(f"doubt: it says {kind}; times are those of the file")
    return notes


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
