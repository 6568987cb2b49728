"""Secrets of a step: where its arguments say they are, and nowhere else.

They are read in the step itself, just before the pipeline's parser sees them. So they
stand in no command line and no file. What we write of what a step says is masked.
"""

import io
import json
import os
import pickle
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from brainsets.errors import PipelineError
from brainsets.shared.inputs.arguments import literal_secrets, secret_reference
from brainsets.shared.text.secrets import MASK, without_secrets

__all__ = [
    "UsageError",
    "mask_secrets",
    "pickle_without_secrets",
    "resolve_secrets",
    "unpickle_with_secrets",
]

_MAX_FILE_LENGTH = 1 << 16
_LITERAL = "literal:"
# What is shorter stands in many words by chance.
_MIN_UNBOUNDED_LENGTH = 6
_MAX_SEARCHED_LENGTH = 200_000

_values: dict[str, str] = {}


class UsageError(PipelineError):
    """The pipeline's arguments are refused: by its own parser, or before it."""


def resolve_secrets(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with secrets in the place of what says where they are.

    Raises
    ------
    UsageError
        A variable or file is not there.
    """
    for number, (option, value) in enumerate(literal_secrets(arguments, None)):
        _values[f"{option}, {number}"] = value
    return [_revealed(argument) for argument in arguments]


def _revealed(argument: str) -> str:
    found = secret_reference(argument)
    if found is None:
        option, equals, value = argument.rpartition(f"{_LITERAL}")
        if equals and secret_reference(value) and (not option or option.endswith("=")):
            return option + value
        return argument
    option, where = found
    kind, _, name = where.partition(":")
    value = _variable(where, name) if kind == "env" else _content(where, name)
    _values[where] = value
    return option + value


def _variable(where: str, name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise UsageError(
            f"{where}: the environment variable {name} is "
            f"{'empty' if value == '' else 'not set'} where this step runs; set it "
            "before you start the run, or write literal:env:... for that text itself."
        )
    return value


def _content(where: str, name: str) -> str:
    path = os.path.abspath(os.path.expanduser(name))
    try:
        if not os.path.isfile(path):
            raise OSError("there is no such file")
        with open(path, encoding="utf-8") as file:
            content = file.read(_MAX_FILE_LENGTH + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{where}: {path} cannot be read ({why}); relative paths start at the "
            "pipeline's folder; write literal:file:... for that text itself."
        ) from None
    content = content.strip("\r\n")
    if not content or len(content) > _MAX_FILE_LENGTH:
        size = "too long for a secret" if content else "empty"
        raise UsageError(f"{where}: {path} is {size}.")
    return content


def mask_secrets(text: str) -> str:
    """Return text without secrets: those of the arguments, and what looks like one."""
    for value in sorted(_values.values(), key=len, reverse=True):
        for form in _forms(value):
            if form not in text:
                continue
            pattern = re.escape(form)
            if len(form) < _MIN_UNBOUNDED_LENGTH:
                pattern = rf"(?<!\w){pattern}(?!\w)"
            text = re.sub(pattern, MASK, text)
    if len(text) <= 2 * _MAX_SEARCHED_LENGTH:
        return without_secrets(text)
    # Of a text as long as that, nobody shows more than both its ends.
    first, last = text[:_MAX_SEARCHED_LENGTH], text[-_MAX_SEARCHED_LENGTH:]
    rest = text[_MAX_SEARCHED_LENGTH:-_MAX_SEARCHED_LENGTH]
    return without_secrets(first) + rest + without_secrets(last)


def _forms(value: str) -> list[str]:
    """Return how a value may stand in a text."""
    lines = [line.strip() for line in value.splitlines()]
    whole = [value, repr(value)[1:-1], json.dumps(value)[1:-1]]
    whole += [quote(value), quote(value, safe=""), quote_plus(value)]
    return [form for form in dict.fromkeys([*whole, *lines]) if form]


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing: Any) -> Any:
        if type(thing) is not str:
            return None
        parts = [thing]
        for where, value in _values.items():
            parts = [piece for part in parts for piece in _cut(part, value, where)]
        return parts if len(parts) > 1 or parts[0] is not thing else None


def _cut(part: Any, value: str, where: str) -> list[Any]:
    """Return text in pieces, with a name of one entry in the place of a secret."""
    if not isinstance(part, str) or value not in part:
        return [part]
    pieces: list[Any] = []
    for piece in part.split(value):
        pieces += [(where,), piece]
    return pieces[1:]


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, parts: Any) -> str:
        return "".join(p if isinstance(p, str) else _values[p[0]] for p in parts)


def pickle_without_secrets(value: Any) -> bytes:
    """Return a pickle in which only names of secrets stand, as texts or in them."""
    if not _values:
        return pickle.dumps(value)
    content = io.BytesIO()
    _Pickler(content).dump(value)
    return content.getvalue()


def unpickle_with_secrets(payload: bytes) -> Any:
    """Return what was pickled, with the secrets of this process."""
    return _Unpickler(io.BytesIO(payload)).load()
