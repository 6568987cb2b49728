"""The attributes that a step sets on its instance, carried over to the next step."""

import hashlib
import mmap
import pickle
from collections.abc import Collection
from functools import cached_property
from inspect import getattr_static
from pathlib import Path
from typing import Any

__all__ = ["MissingAttributes", "changes", "restore", "snapshot"]

_CONTAINERS = (list, dict, set, bytearray)
# Immutable types.
_CONSTANTS = (str, int, float, bool, type(None), type(Path()))


class _Digest:
    """A file that keeps only a hash of what is written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def write(self, content: Any) -> int:
        self._hash.update(content)
        return len(content)

    def add(self, buffer: pickle.PickleBuffer) -> None:
        self._hash.update(buffer.raw())

    @classmethod
    def of(cls, value: Any) -> bytes | None:
        """Return a hash of a value's content; None if it cannot be pickled."""
        if type(value) in _CONSTANTS:
            return b""
        found = cls._of_pickle(value)
        if found is not None or type(value) not in (list, dict):
            return found
        # A part cannot be pickled, and is compared by identity.
        digest, parts = cls(), value
        if type(value) is dict:
            parts = [part for item in value.items() for part in item]
        for part in parts:
            digest.write(cls._of_pickle(part) or repr(id(part)).encode())
        return digest._hash.digest()

    @classmethod
    def _of_pickle(cls, value: Any) -> bytes | None:
        digest = cls()
        try:
            pickle.Pickler(digest, 5, buffer_callback=digest.add).dump(value)
        except Exception:
            return None
        return digest._hash.digest()


def _state(instance: Any) -> dict[str, Any]:
    """Return all attributes of an instance, and the containers of its class."""
    found: dict[str, Any] = {}
    for kind in reversed(type(instance).__mro__):
        for name, value in vars(kind).items():
            if name.startswith("__"):
                continue
            if type(value) in _CONTAINERS:
                found[name] = value
            elif _is_slot(value) and hasattr(instance, name):
                found[name] = getattr(instance, name)
    return {**found, **vars(instance)}


def _is_slot(value: Any) -> bool:
    return type(value).__name__ == "member_descriptor"


def snapshot(instance: Any) -> dict[str, tuple[Any, bytes | None]]:
    """Return the present state of an instance, for `changes`."""
    return {name: (v, _Digest.of(v)) for name, v in _state(instance).items()}


def changes(
    instance: Any, before: dict[str, tuple[Any, bytes | None]]
) -> dict[str, Any]:
    """Return the attributes that were set or modified since a snapshot.

    Those set by ``__init__`` are left out: the next process sets them itself, and they
    may name folders of one step.
    """
    found = {}
    for name, value in _state(instance).items():
        known, digest = before.get(name, (None, None))
        if name not in before or known is not value:
            found[name] = value
        # Without a digest it can be neither compared nor pickled.
        elif digest is not None and digest != _Digest.of(value):
            found[name] = value
    return found


def restore(instance: Any, attributes: dict[str, Any]) -> None:
    """Give an instance the attributes that `changes` found on another one."""
    for name, value in attributes.items():
        if _is_slot(getattr_static(type(instance), name, None)):
            setattr(instance, name, value)
        else:
            vars(instance)[name] = value


class MissingAttributes:
    """Detects the use of attributes that download set and that could not be kept.

    They are removed from the instance, and reading one raises AttributeError. The
    pipeline may catch that, or read it in a process that it has forked; `is_noticed`
    is true all the same.
    """

    def __init__(self, instance: Any, names: Collection[str]) -> None:
        kind = type(instance)
        # Cached properties are computed anew in any process.
        self.names = [
            name
            for name in names
            if not isinstance(getattr_static(kind, name, None), cached_property)
        ]
        if not self.names:
            return
        self._noticed = mmap.mmap(-1, 1)
        for name in self.names:
            vars(instance).pop(name, None)
            before = vars(kind).get(name)
            setattr(kind, name, _MissingAttribute(kind, name, before, self._noticed))

    @property
    def is_noticed(self) -> bool:
        """Whether one of them was read."""
        return bool(self.names) and self._noticed[0] != 0

    def is_cause(self, error: BaseException | None) -> bool:
        """Whether an error was caused by one of them missing."""
        texts = [f"has no attribute {name!r}" for name in self.names]
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            if isinstance(error, AttributeError):
                if any(text in str(error) for text in texts):
                    return True
            error = error.__cause__ or error.__context__
        return False


class _MissingAttribute:
    """Descriptor on the class that stands for an attribute until it is set."""

    def __init__(self, kind: type, name: str, before: Any, noticed: mmap.mmap) -> None:
        self._kind, self._name, self._before = kind, name, before
        self._noticed = noticed

    def __get__(self, instance: Any, kind: type) -> Any:
        self._noticed[0] = 1
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {self._name!r} "
            "(download set it, and it could not be kept)"
        )

    def __set__(self, instance: Any, value: Any) -> None:
        if self._before is None:
            delattr(self._kind, self._name)
        else:
            setattr(self._kind, self._name, self._before)
        setattr(instance, self._name, value)
