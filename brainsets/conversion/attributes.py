"""What is known of a thing, as attributes in HDF5: single values and short lists."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["attribute_value"]

# HDF5 takes at most 64 KiB of one attribute.
_MAX_BYTES = 60_000


def attribute_value(value: Any, what: str) -> Any:
    """Return a value as an attribute in HDF5 can hold it.

    Parameters
    ----------
    value : object
        A number, a truth value, text, a date, or a list or an array of these.
    what : str
        What it is, for the sentence of an error.

    Raises
    ------
    ValueError
        It is something else, or a list that is too long.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUT":
        value = value.tolist()
    if isinstance(value, np.generic) or (
        isinstance(value, np.ndarray) and not value.ndim
    ):
        value = value.item()
    if isinstance(value, str):
        # Not all that Python takes for text is: surrogates come of undecodable bytes.
        text = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return _shortened(text.replace("\0", "\\x00"))
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (datetime.date, os.PathLike)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return _attributes(value, what)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return value
    raise ValueError(
        f"{_capital(what)} is of type {type(value).__name__}: it has to be a number, a "
        "truth value or text, or a list of these."
    )


def _attributes(values: Iterable[Any], what: str) -> list[Any]:
    found = [attribute_value(value, what) for value in values]
    kinds = {str if isinstance(value, str) else type(value) for value in found}
    if kinds - {str} and str in kinds:
        found = [str(value) for value in found]
    if sum(len(str(value)) for value in found) > _MAX_BYTES:
        raise ValueError(
            f"{_capital(what)} is longer than HDF5 allows for an attribute."
        )
    return found


def _shortened(text: str) -> str:
    content = text.encode()
    if len(content) <= _MAX_BYTES:
        return text
    kept = content[:_MAX_BYTES].decode("utf-8", "ignore")
    return f"{kept} [{len(text) - len(kept)} more characters are left out]"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
