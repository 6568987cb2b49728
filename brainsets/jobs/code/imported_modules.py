"""The modules that a process has imported, without copying memory after a fork.

Inspecting a module changes its reference count, so that a forked process would copy the
memory of all of them. Modules imported before the fork are therefore inspected once,
before it, and later only those that were imported since.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "imported_since",
    "is_below",
    "remember_modules",
    "remembered_packages",
    "versions",
]

_known: frozenset[str] = frozenset()
_known_packages: frozenset[str] = frozenset()
_known_versions: dict[str, str] = {}


def remember_modules() -> None:
    """Remember what is imported, for processes that are forked from this one."""
    global _known, _known_packages, _known_versions
    _known_versions = versions()
    _known = frozenset(sys.modules)
    _known_packages = frozenset(name.partition(".")[0] for name in _known)


def remembered_packages() -> frozenset[str]:
    """Return the packages that were imported before the fork, whole or in part."""
    return _known_packages


def is_below(folder: Path, module: object) -> bool:
    """Whether a module's file is below a folder."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and folder in Path(file).parents


def imported_since() -> list[str]:
    """Return the modules imported since the fork, in order of import."""
    return [*_newest_first()][::-1]


def versions() -> dict[str, str]:
    """Return the versions of all packages that are imported."""
    found = {name: _version(name) for name in imported_since()}
    # Modules of the standard library have versions of their own, which do not count.
    own = {
        name: version
        for name, version in found.items()
        if isinstance(version, str) and name not in sys.stdlib_module_names
    }
    return dict(sorted({**_known_versions, **own}.items()))


def _newest_first() -> Iterator[str]:
    for name in reversed(sys.modules):
        if name in _known:
            return
        yield name


def _version(name: str) -> object:
    if "." in name or name.startswith("_") or not name.islower():
        return None
    # An entry of sys.modules need not be a module.
    return getattr(sys.modules[name], "__dict__", {}).get("__version__")
