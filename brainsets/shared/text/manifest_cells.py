r"""One cell of a manifest as text, and back again to the identical value.

A column has one type, written down in ``manifest.schema.json``:

========== ===================================================================
type       text of a cell
========== ===================================================================
str        the text; tab, newline, backslash and what cannot be seen escaped
           as ``\t``, ``\n``, ``\\``, ``\u200b``
int        ``42``
float      ``0.1``, ``nan``, ``-inf`` (the shortest text that reads back equal)
bool       ``True``, ``False``
timestamp  ISO 8601, with the zone's name: ``2020-02-01T10:00:00+01:00[Europe/Paris]``
datetime   the same, for ``datetime.datetime``
date       ``2020-02-01``, for ``datetime.date``
path       the path, escaped like str
mixed      JSON; what JSON lacks as an object with one key that starts with ``$``:
           ``{"$tuple": [1, 2]}``, ``{"$path": "a/b"}``, ``{"$float": "nan"}``
========== ===================================================================

A missing value stands as ``\N`` (None), ``\NA`` (pandas.NA), ``\NaT`` or, where the
column is not of floats, ``\NaN``. No escaped text can look like one of these.
"""

import datetime
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from brainsets.shared.text.escapes import CellError, escape, unescape
from brainsets.shared.text.lines import cut_middle

__all__ = [
    "TYPES",
    "CellError",
    "column",
    "column_type",
    "content",
    "parse",
    "write",
]


# JSON reads an escaped pair of these as one character, which it was not.
_SURROGATE_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ][\d:.]+)?)([+-][\d:.]+)?(?:\[(.+)\])?")
# Python refuses to write or read an int of more than 4300 digits as text.
_MAX_INT_BITS = 14_000
_MAX_FIELD_SHOWN = 200
_PATH = type(Path())
_SCALARS = ("str", "int", "float", "bool", "timestamp", "datetime", "date", "path")
TYPES = (*_SCALARS, "mixed")
"""All types that a column can have."""


def _pandas() -> Any:
    import pandas

    return pandas


def _kind(value: Any) -> str:
    """Return the type of a value: a column type, "mixed", or a missing value."""
    kind = type(value)
    if value is None:
        return "\\N"
    if kind is bool:
        return "bool"
    if kind is int and value.bit_length() > _MAX_INT_BITS:
        raise CellError("an int of more than 4000 digits", advice="text (`hex(...)`)")
    if kind in (str, int, float):
        return kind.__name__
    if kind in (list, tuple, dict):
        return "mixed"
    if kind is _PATH:
        return "path"
    if kind is datetime.datetime:
        return "datetime"
    if kind is datetime.date:
        return "date"
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if value is pandas.NA:
            return "\\NA"
        if value is pandas.NaT:
            return "\\NaT"
        if kind is pandas.Timestamp:
            return "timestamp"
    article = "an" if kind.__name__[0] in "AEIOUaeiou" else "a"
    raise CellError(f"{article} {kind.__name__} object", value=value)


def _without_numpy(value: Any) -> Any:
    """Return a numpy scalar as a Python value, all else as it is."""
    kind = type(value)
    if kind.__module__ != "numpy" or getattr(value, "shape", None) != ():
        return value
    # These would become plain numbers if in nanoseconds.
    if kind.__name__ in ("datetime64", "timedelta64"):
        return value
    return value.item()


def column_type(values: Iterable[Any]) -> str:
    """Return the type that all values of a column share, "mixed" if they do not.

    Raises
    ------
    CellError
        A value is of a type that a table cannot hold.
    """
    kinds = set()
    for value in values:
        value = _without_numpy(value)
        kind = _kind(value)
        if kind == "float" and math.isnan(value):
            kind = "nan"
        kinds.add(kind)
    if "nan" in kinds:
        kinds.remove("nan")
        present = {kind for kind in kinds if not kind.startswith("\\")}
        if not present:
            kinds.add("float")
    kinds = {kind for kind in kinds if not kind.startswith("\\")}
    if not kinds:
        return "str"
    if len(kinds) == 1 and (kind := kinds.pop()) in _SCALARS:
        return kind
    return "mixed"


def column(values: Sequence[Any]) -> tuple[str, list[str]]:
    """Return the type that all values of a column share, and each as a field.

    Raises
    ------
    CellError
        A value is one that a table cannot hold.
    """
    kinds = {*map(type, values)}
    # Most columns, in a fraction of the time.
    if kinds == {str}:
        return "str", [*map(escape, values)]
    if kinds == {float}:
        return "float", [*map(repr, values)]
    if kinds == {bool}:
        return "bool", [*map(str, values)]
    kind = column_type(values)
    if kinds == {int}:
        return kind, [*map(str, values)]
    return kind, [write(value, kind) for value in values]


def write(value: Any, kind: str) -> str:
    """Return a value as the field of a column of the type `kind`."""
    value = _without_numpy(value)
    found = _kind(value)
    if found.startswith("\\"):
        return found
    if found == "float" and kind != "float" and math.isnan(value):
        return "\\NaN"
    if kind == "mixed":
        return _json_text(_to_json(value))
    if found != kind:
        raise CellError(f"a {type(value).__name__} in a column of {kind}")
    if kind in ("str", "path"):
        return escape(str(value))
    if kind == "float":
        return repr(value)
    if kind in ("timestamp", "datetime"):
        return _format_time(value)
    return str(value)


# Raised by the parsers of JSON, numbers and times after an edit by hand.
_NO_VALUE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def parse(field: str, kind: str) -> Any:
    """Return the value that `write` made a field of.

    Raises
    ------
    CellError
        The field is no value of that type, as after an edit by hand.
    """
    if field.startswith("\\N"):
        return _missing(field)
    try:
        if kind == "str":
            return unescape(field)
        if kind == "int":
            return int(field)
        if kind == "float":
            return float(field)
        if kind == "bool":
            return {"True": True, "False": False}[field]
        if kind == "path":
            return Path(unescape(field))
        if kind in ("timestamp", "datetime"):
            return _parse_time(field, kind)
        if kind == "date":
            return datetime.date.fromisoformat(field)
        if kind == "mixed":
            return _from_json(json.loads(field))
    except CellError:
        raise
    except _NO_VALUE as error:
        text = cut_middle(repr(field), _MAX_FIELD_SHOWN)
        raise CellError(f"{text} is no value of type {kind}") from error
    raise CellError(f"{kind!r} is no column type")


def content(field: str, kind: str) -> tuple[str, str]:
    """Return type and text of a field, independent of the rest of its column.

    ``1`` is the same in a column of int and in one that is mixed because of another
    row; ``nan`` in a column of float is what ``\\NaN`` is elsewhere.
    """
    if field.startswith("\\N") or (kind == "float" and field == "nan"):
        return "missing", "\\NaN" if field == "nan" else field
    if kind in ("str", "path"):
        # Which characters are printable depends on the version of Python.
        return kind, _or_itself(unescape, field)
    if kind == "mixed":
        value = _or_itself(json.loads, field)
        if type(value) in (str, bool, int, float):
            return type(value).__name__, str(value)
        if isinstance(value, dict) and len(value) == 1:
            ((tag, inner),) = value.items()
            if tag in ("$str", "$path"):
                return tag[1:], str(_or_itself(_from_json, value))
            if tag.startswith("$") and tag[1:] in _SCALARS:
                return tag[1:], inner
        text = _or_itself(json.dumps, value)
        return "mixed", text if isinstance(text, str) else field
    return kind, field


def _or_itself(read: Callable[[Any], Any], written: Any) -> Any:
    try:
        return read(written)
    except _NO_VALUE:
        return written


def _missing(field: str) -> Any:
    if field == "\\N":
        return None
    if field == "\\NaN":
        return math.nan
    if field in ("\\NA", "\\NaT"):
        return getattr(_pandas(), field[1:])
    raise CellError(f"{field!r} is no missing value")


def _format_time(value: datetime.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
    fixed = isinstance(value.tzinfo, datetime.timezone)
    if zone is None and not fixed and "FixedOffset" not in type(value.tzinfo).__name__:
        raise CellError(
            f"a time in a zone without a name ({value.tzinfo!r})",
            advice="it in a zone with a name, such as UTC (`.astimezone(...)`)",
        )
    offset = datetime.timezone(value.utcoffset() or datetime.timedelta())
    # Not isoformat() of the value: pandas garbles an offset with seconds.
    wall = value.replace(tzinfo=None).isoformat()
    iso = wall + datetime.datetime(2000, 1, 1, tzinfo=offset).isoformat()[19:]
    return f"{iso}[{zone}]" if zone else iso


def _parse_time(text: str, kind: str) -> Any:
    match = _TIME.fullmatch(text)
    if match is None or (match[3] and not match[2]):
        raise ValueError("a time is written as 2020-02-01T10:00:00+01:00[Europe/Paris]")
    wall, offset, zone = match.groups()
    if kind == "timestamp":
        stamp = _pandas().Timestamp(wall)
        if offset:
            # pandas reads no offset with seconds, as zones have before about 1900.
            stamp = stamp.tz_localize(
                datetime.datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo
            )
        return stamp.tz_convert(zone) if zone else stamp
    moment = datetime.datetime.fromisoformat(wall + (offset or ""))
    return _in_zone(moment, zone) if zone else moment


def _in_zone(moment: datetime.datetime, zone: str) -> datetime.datetime:
    """Return a time in a zone, also around a change of its offset."""
    import zoneinfo

    there = zoneinfo.ZoneInfo(zone)
    for fold in (0, 1):
        local = moment.replace(tzinfo=there, fold=fold)
        if local.utcoffset() == moment.utcoffset():
            return local
    return moment.astimezone(there)


def _json_text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    # Escape unprintable characters as JSON does.
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] for char in text
    )


def _to_json(value: Any) -> Any:
    """Return a value as JSON can hold it, tagged where it lacks the type."""
    value = _without_numpy(value)
    kind = _kind(value)
    if kind == "str" and _SURROGATE_PAIR.search(value):
        return {"$str": escape(value)}
    if kind in ("str", "int", "bool") or value is None:
        return value
    if kind == "float":
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind.startswith("\\"):
        return {"$missing": kind[1:]}
    if kind == "path":
        return {"$path": _to_json(str(value))}
    if kind in ("timestamp", "datetime"):
        return {f"${kind}": _format_time(value)}
    if kind == "date":
        return {"$date": value.isoformat()}
    if type(value) is list:
        return [_to_json(item) for item in value]
    if type(value) is tuple:
        return {"$tuple": [_to_json(item) for item in value]}
    if all(_is_plain_key(key) for key in value):
        return {key: _to_json(item) for key, item in value.items()}
    return {"$dict": [[_to_json(key), _to_json(item)] for key, item in value.items()]}


def _is_plain_key(key: object) -> bool:
    return (
        type(key) is str and not key.startswith("$") and not _SURROGATE_PAIR.search(key)
    )


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if not tag.startswith("$"):
        return {key: _from_json(item) for key, item in value.items()}
    content = value[tag]
    if tag == "$tuple":
        return tuple(_from_json(item) for item in content)
    if tag == "$dict":
        return {_from_json(key): _from_json(item) for key, item in content}
    if tag == "$missing":
        return _missing("\\" + content)
    if tag == "$path":
        return Path(_from_json(content))
    return parse(content, tag[1:])
