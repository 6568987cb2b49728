"""Advice on what to store instead of a value that a manifest cannot hold."""

import sys
from typing import Any

__all__ = ["replacement_advice"]

_AS_TEXT = "text (`str(...)`)"
_AS_LIST = "a list (`list(...)`)"
_AS_PLAIN_LIST = "a list (`.tolist()`)"
_SECONDS = "its seconds, as a number (`.total_seconds()`)"
_NAME = "its name, as text (`.__name__`)"

# Advice by the names of types, as their modules may not be imported; first match wins.
_ADVICE = {
    "datetime.timedelta": _SECONDS,
    "numpy.timedelta64": 'its seconds, as a number (`... / np.timedelta64(1, "s")`)',
    "numpy.datetime64": "a time (`pd.Timestamp(...)`)",
    "datetime.time": "text (`.isoformat()`)",
    "datetime.tzinfo": _AS_TEXT,
    "enum.Enum": "its name or its value (`.name`, `.value`)",
    "builtins.set": "a sorted list (`sorted(...)`)",
    "builtins.frozenset": "a sorted list (`sorted(...)`)",
    "builtins.bytes": "text (`.decode()` or `.hex()`)",
    "builtins.bytearray": "text (`.decode()` or `.hex()`)",
    "builtins.complex": "its parts, as two numbers (`.real`, `.imag`)",
    "numpy.clongdouble": "its parts, as two numbers (`.real`, `.imag`)",
    "decimal.Decimal": "a number (`float(...)`) or, if each digit counts, text",
    "fractions.Fraction": "a number (`float(...)`) or text",
    "numpy.floating": "a number (`float(...)`)",
    "numpy.void": "a list (`list(...)`)",
    "numpy.ma.MaskedConstant": "None",
    "numpy.ma.core.MaskedConstant": "None",
    "pandas.DataFrame": 'lists by column (`.to_dict("list")`)',
    "pandas.Series": _AS_PLAIN_LIST,
    "pandas.Period": "its begin (`.start_time`) or text",
    "pandas.Interval": "its two ends (`.left`, `.right`)",
    "pandas.DateOffset": _AS_TEXT,
    "pathlib.PurePath": "a `pathlib.Path` or text",
    "uuid.UUID": _AS_TEXT,
    "ipaddress._BaseAddress": _AS_TEXT,
    "re.Pattern": "its text (`.pattern`)",
    "builtins.str": "plain text (`str(...)`)",
    "builtins.int": "a plain number (`int(...)`)",
    "builtins.float": "a plain number (`float(...)`)",
    "datetime.date": "a plain date or time",
    "builtins.dict": "a plain dict (`dict(...)`)",
    "collections.abc.Mapping": "a plain dict (`dict(...)`)",
    "types.MappingProxyType": "a plain dict (`dict(...)`)",
    "types.SimpleNamespace": "a dict (`vars(...)`)",
    "argparse.Namespace": "a dict (`vars(...)`)",
    "builtins.type": _NAME,
    "types.FunctionType": _NAME,
    "types.BuiltinFunctionType": _NAME,
    "types.MethodType": _NAME,
    "types.ModuleType": _NAME,
    "functools.partial": "its name, as text",
    "builtins.BaseException": _AS_TEXT,
    "io.IOBase": "its path (`.name`)",
    "builtins.memoryview": "text (`.hex()`) or a list (`.tolist()`)",
}


def replacement_advice(value: Any) -> str:
    """Return what a table can hold in place of a value.

    Objects may raise anything when inspected; then the advice is a general one.
    """
    try:
        return _advice(value)
    except Exception:
        return "its name, id or path"


def _advice(value: Any) -> str:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return "a dict (`._asdict()`) or a plain tuple (`tuple(...)`)"
    for name, advice in _ADVICE.items():
        kind = _known(name)
        if isinstance(kind, type) and isinstance(value, kind):
            return advice
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):
        return "a dict (`dataclasses.asdict(...)`)"
    if hasattr(kind, "tolist"):
        # Arrays of any library, and those of pandas.
        return _AS_PLAIN_LIST
    if hasattr(kind, "__array__"):
        return "a list (`numpy.asarray(...).tolist()`)"
    if hasattr(kind, "__iter__") or hasattr(kind, "__next__"):
        return _AS_LIST
    return "its name, id or path"


def _known(name: str) -> Any:
    """Return a type by its name, None if its module was never imported."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None)
