"""What an import may depend on beside files, and whether a step has changed it.

A module that a step imports may look at the environment, at warnings' filters or at
what other modules hold, and bind what it finds. What another step does before the same
import is then part of what it gets. So imports are only shared between steps that
change nothing of that, see `brainsets.jobs.lessons`.
"""

import os
import sys
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from brainsets.jobs.children import MARK
from brainsets.jobs.modules import is_below

__all__ = ["OWN", "Surroundings"]

# Their changes are passing, and undone before a look could see them.
_PASSING = {"os.putenv", "os.unsetenv", "os.chdir"}
# Python sets these anew, in a process that was forked and in main programs; and we do.
OWN = {"__main__", "__mp_main__", "threading", "brainsets"}
# Options stand in dictionaries of dictionaries.
_DEPTH = 3


class Surroundings:
    """What this process is like; it is compared in those that are forked from it.

    Parameters
    ----------
    folder : Path
        The pipeline's folder. What its own modules hold is nothing that an installed
        one could look at.
    """

    def __init__(self, folder: Path) -> None:
        self._facts = _facts()
        self._attributes: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
        self._contents: dict[str, list[tuple[Any, Any]]] = {}
        for name, module in list(sys.modules.items()):
            is_own = name.partition(".")[0] in OWN or is_below(folder, module)
            if isinstance(module, ModuleType) and not is_own:
                self._remember(name, module)
        self._watching = False
        self._event: str | None = None
        sys.addaudithook(self._audit)

    def _remember(self, name: str, module: ModuleType) -> None:
        package = name.partition(".")[0]
        attributes = self._attributes.setdefault(package, [])
        contents = self._contents.setdefault(package, [])
        for space in _spaces(module):
            before = dict(space)
            attributes.append((space, before))
            for key, value in before.items():
                if key != "__builtins__":
                    contents.extend(_contents(value))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._watching and event in _PASSING:
            self._event = f"{event}({arguments[0]!r})" if arguments else event

    def watch(self) -> None:
        """Begin to notice changes that may be undone again."""
        self._watching = True

    def change(self, packages: Collection[str] | None = None) -> str | None:
        """Return what is not as it was, None if nothing is.

        What has come is no change, as modules and caches grow; but nothing comes to a
        class, unless somebody puts it over what it has inherited.

        Parameters
        ----------
        packages : collection of str, optional
            Packages whose modules are looked at, all where it is None.
        """
        if self._event:
            return self._event
        for name, (before, now) in _pairs(self._facts, _facts()):
            if before != now:
                return name
        for package in self._attributes if packages is None else packages:
            for space, before in self._attributes.get(package, ()):
                if _is_changed(before, space):
                    return f"an attribute in {package}"
            # Those of Python itself are caches.
            if package in sys.stdlib_module_names:
                continue
            for now, before in self._contents.get(package, ()):
                if not _is_kept(before, now):
                    return f"settings of {package}"
        return None


def _facts() -> dict[str, Any]:
    facts = {
        "os.environ": {k: v for k, v in os.environ.items() if k != MARK},
        "the working folder": _working_folder(),
        "sys.path": list(sys.path),
        "sys.meta_path": list(sys.meta_path),
        "sys.argv": list(sys.argv),
        "the umask": _umask(),
        "filters of warnings": list(warnings.filters),
        "the locale": _locale(),
    }
    # Since numpy 2, this is in no attribute.
    if numpy := sys.modules.get("numpy"):
        facts["numpy.seterr"] = getattr(numpy, "geterr", dict)()
        facts["numpy.set_printoptions"] = _texts(numpy)
    return facts


def _pairs(
    before: dict[str, Any], now: dict[str, Any]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name, value in before.items():
        yield name, (value, now.get(name))


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _umask() -> str | None:
    # To ask the system for it is to set it, for other threads too.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((line for line in lines if line.startswith("Umask:")), None)


def _locale() -> str | None:
    try:
        from _locale import LC_ALL, setlocale
    except ImportError:
        return None
    return setlocale(LC_ALL, None)


def _texts(numpy: Any) -> dict[str, str]:
    options = getattr(numpy, "get_printoptions", dict)()
    return {name: str(value) for name, value in options.items()}


def _spaces(module: ModuleType) -> Iterator[Any]:
    """Yield what holds attributes: those of a module, and of each class made there."""
    yield vars(module)
    for value in list(vars(module).values()):
        if type(value) is type and value.__module__ == module.__name__:
            yield vars(value)


def _is_changed(before: dict[str, Any], now: Any) -> bool:
    if type(now) is not dict and len(now) != len(before):
        return True
    get = now.get
    return any(get(name) is not value for name, value in before.items())


def _contents(value: Any, depth: int = _DEPTH) -> Iterator[tuple[Any, Any]]:
    """Yield a container and what is in it, and the dictionaries in a dictionary."""
    # Also where a class gives it another face, as matplotlib does to its settings.
    if isinstance(value, dict):
        content = dict.copy(value)
        yield value, content
        if depth > 1:
            for inner in content.values():
                if isinstance(inner, dict):
                    yield from _contents(inner, depth - 1)
    elif type(value) is list:
        yield value, list(value)


def _is_kept(before: Any, now: Any) -> bool:
    try:
        if isinstance(before, dict):
            return dict.items(before) <= dict.items(now)
        return now[: len(before)] == before
    except Exception:
        # Unequal, or it could not be said, as of arrays.
        return False
