"""What ``participants.tsv``, ``sessions.tsv`` and ``scans.tsv`` say of a recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from brainsets.conversion.bids.tables.text import TextTable
from brainsets.conversion.names import RESERVED_PARTS, column_name, snake_case

__all__ = ["attribute_names", "described", "scan_row", "session_row", "subject_row"]

_DAYS = {"year": 365.25, "month": 30.4375, "week": 7.0, "day": 1.0}
_SEXES = {
    **dict.fromkeys(("m", "male", "man"), "M"),
    **dict.fromkeys(("f", "female", "woman"), "F"),
    **dict.fromkeys(("o", "other"), "O"),
}
_AGE = re.compile(r"\d+([.,]\d+)?")
_OLDEST_YEARS = 120
# By BIDS, whose dates are shifted for anonymity lies before it.
_SHIFTED = 1925
_YEAR = re.compile(r"(\d{4})-\d\d-\d\d")
# What HDF5 holds as a whole number.
_LARGEST = 2**63 - 1
_BY_DEFAULT = "homo sapiens"


def attribute_names(texts: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return names that a description can have, for names of columns or of JSON."""
    used = {"id", *taken, *RESERVED_PARTS}
    found = {}
    for text in texts:
        name = column_name(snake_case(text), used)
        used.add(name)
        found[text] = name
    return found


def described(
    content: Mapping[str, Any], taken: Iterable[str] = ()
) -> dict[str, str | float]:
    """Return what a JSON object says as single values; nested ones stay JSON."""
    names = attribute_names(content, taken)
    found: dict[str, str | float] = {}
    for key, value in content.items():
        if value is None or value in ("", "n/a", [], {}):
            continue
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            value = ", ".join(value)
        elif isinstance(value, (dict, list)):
            value = json.dumps(value)
        elif isinstance(value, int) and abs(value) > _LARGEST:
            value = str(value)
        found[names[key]] = value
    return found


def subject_row(
    table: TextTable | None, subject: str, meanings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return what is said of a subject, and notes.

    ``id``, ``species``, ``sex`` (M, F or O), ``age`` in days with ``age_text`` beside
    it, and every other column as text. The species is that of BIDS, *homo sapiens*,
    where the table does not say it.

    Parameters
    ----------
    table : TextTable, optional
        ``participants.tsv``.
    subject : str
        The recording's ``sub``.
    meanings : mapping
        ``participants.json``.
    """
    notes = [] if table is None else list(table.notes)
    row, said = _row(table, ("participant_id",), f"sub-{subject}", subject)
    notes += said
    found: dict[str, Any] = {"id": subject}
    used = ("participant_id", "species", "sex", "age")
    values = {key: _pop(row, key) for key in used}
    found["species"] = values["species"] or _BY_DEFAULT
    if not values["species"]:
        notes.append(f"no species is said: {_BY_DEFAULT}, as BIDS has it by default")
    sex = values["sex"]
    if sex:
        known = _SEXES.get(sex.lower())
        found.update({"sex": known} if known else {"sex_text": sex})
    if values["age"]:
        found["age_text"] = values["age"]
        days, note = _age(values["age"], meanings.get("age"))
        found.update({} if days is None else {"age": days})
        notes += [note] if note else []
    names = attribute_names(row, {*found, *used, "sex_text", "age_text"})
    found.update({names[key]: value for key, value in row.items() if value})
    return found, notes


def _age(text: str, meaning: Any) -> tuple[float | None, str]:
    """Return an age in days, or why there is none."""
    said = meaning.get("Units", "") if isinstance(meaning, Mapping) else ""
    unit = str(said).strip().lower().rstrip("s") or "year"
    unit = {"y": "year", "yr": "year", "mo": "month", "d": "day"}.get(unit, unit)
    if unit not in _DAYS:
        return None, f"the age {text!r} is in {said!r}"
    if not _AGE.fullmatch(text):
        return None, f"the age {text!r} is no single number"
    value = float(text.replace(",", ".")) * _DAYS[unit]
    if value > _OLDEST_YEARS * _DAYS["year"]:
        return None, f"doubt: an age of {text} {unit}s is not taken"
    return value, ""


def session_row(
    table: TextTable | None, session: str | None
) -> tuple[dict[str, str], list[str]]:
    """Return what ``sessions.tsv`` says of a session, and notes."""
    if session is None:
        return {}, []
    notes = [] if table is None else list(table.notes)
    row, said = _row(table, ("session_id",), f"ses-{session}", session)
    _pop(row, "session_id")
    return _with_date(row, notes + said)


def scan_row(
    table: TextTable | None, folder: str, files: Iterable[str]
) -> tuple[dict[str, str], list[str]]:
    """Return what ``scans.tsv`` says of a recording, and notes.

    Parameters
    ----------
    table : TextTable, optional
        The table.
    folder : str
        The folder that it lies in, from which its file names count.
    files : iterable of str
        The recording's files or folder, from the dataset's root.
    """
    if table is None:
        return {}, []
    notes = list(table.notes)
    paths = [str(PurePosixPath(file)) for file in files]
    wanted = [path.removeprefix(f"{folder}/") for path in paths]
    said = [str(PurePosixPath(name)) for name in table.get("filename")]
    found = [row for row, name in enumerate(said) if name in wanted]
    if not found:
        names = {PurePosixPath(path).name for path in paths}
        found = [n for n, name in enumerate(said) if PurePosixPath(name).name in names]
    if not found:
        return {}, [*notes, "it has no row for this recording"]
    row = {name: texts[found[0]] for name, texts in table.columns.items()}
    _pop(row, "filename")
    return _with_date(row, notes)


def _with_date(
    row: dict[str, str], notes: list[str]
) -> tuple[dict[str, str], list[str]]:
    date = _pop(row, "acq_time")
    names = attribute_names(row, {"recording_date"})
    found = {names[key]: value for key, value in row.items() if value}
    if date:
        found["recording_date"] = date
        year = _YEAR.match(date)
        if year and int(year[1]) < _SHIFTED:
            notes.append(f"its dates are shifted, as {date} is before {_SHIFTED}")
        elif not year:
            notes.append(f"doubt: {date!r} is no date of BIDS")
    return found, notes


def _row(
    table: TextTable | None, keys: tuple[str, ...], *wanted: str
) -> tuple[dict[str, str], list[str]]:
    """Return the row whose key is one of some texts."""
    if table is None:
        return {}, []
    ids = table.get(*keys)
    for text in wanted:
        rows = [number for number, id in enumerate(ids) if id == text]
        if rows:
            found = {name: texts[rows[0]] for name, texts in table.columns.items()}
            again = f"it has {len(rows)} rows for {text}: the first is taken"
            return found, [again] if len(rows) > 1 else []
    return {}, [f"it has no row for {wanted[0]}"]


def _pop(row: dict[str, str], name: str) -> str:
    """Take a value out of a row, whatever the case of its column's name."""
    for key in row:
        if key.lower() == name:
            return row.pop(key)
    return ""
