"""What an import may depend on beside files, and whether a step has changed it.

A module that a step imports may look at the environment, at warnings' filters or at
what other modules hold, and bind what it finds. What another step does before the same
import is then part of what it gets. So imports are only shared between steps that
change nothing of that, see `brainsets.warm.preload`.
"""

import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextvars import copy_context
from pathlib import Path
from types import ModuleType
from typing import Any

from brainsets.jobs.code.imported_modules import is_below
from brainsets.supervision.child import MARK

__all__ = ["OWN", "Surroundings", "random_states"]

# Their changes are passing, and undone before a look could see them.
_PASSING = {"os.putenv", "os.unsetenv", "os.chdir"}
# Python sets these anew, in a process that was forked and in main programs; and we do.
OWN = {"__main__", "__mp_main__", "threading", "brainsets"}
# What Python and Cython know of modules and classes, and nobody sets. To look at it is
# to copy half of the memory that all settings are in. `__path__` is not among it, as it
# says where parts of a package are imported from.
_NO_SETTINGS = {
    "__annotations__",
    "__builtins__",
    "__dataclass_fields__",
    "__loader__",
    "__pyx_capi__",
    "__spec__",
    "__test__",
}
# Options stand in dictionaries of dictionaries, and in attributes of objects.
_DEPTH = 4
# What holds more is data, or a cache.
_MAX_INNER = 1000
_PLAIN = (str, bytes, int, float, bool, type(None))


class Surroundings:
    """What this process is like; it is compared in those that are forked from it.

    Parameters
    ----------
    folder : Path
        The pipeline's folder. What its own modules hold is nothing that an installed
        one could look at.
    read : iterable of str
        The files that were read by what was learned, which a step may write first.
    """

    def __init__(self, folder: Path, read: Iterable[str] = ()) -> None:
        self._facts = _facts()
        self._files = {path: _state(path) for path in read}
        self._modules = frozenset(sys.modules)
        self._last_module = next(reversed(sys.modules))
        self._members: dict[str, list[tuple[str, ModuleType]]] = {}
        self._attributes: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
        self._contents: dict[str, list[tuple[Any, Any]]] = {}
        self._seen: set[int] = set()
        for name, module in list(sys.modules.items()):
            is_own = name.partition(".")[0] in OWN or is_below(folder, module)
            if isinstance(module, ModuleType) and not is_own:
                self._remember(name, module)
        self._watching = False
        self._event: str | None = None
        sys.addaudithook(self._audit)

    def _remember(self, name: str, module: ModuleType) -> None:
        package = name.partition(".")[0]
        self._members.setdefault(package, []).append((name, module))
        attributes = self._attributes.setdefault(package, [])
        contents = self._contents.setdefault(package, [])
        for space in _spaces(module):
            before = dict(space)
            attributes.append((space, before))
            # Those of Python itself are caches.
            if package in sys.stdlib_module_names:
                continue
            for key, value in before.items():
                if key not in _NO_SETTINGS:
                    contents.extend(_contents(value, self._seen))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._watching and event in _PASSING:
            self._event = f"{event}({arguments[0]!r})" if arguments else event

    def watch(self) -> None:
        """Begin to notice changes that may be undone again."""
        self._watching = True

    def change(self, packages: Collection[str] | None = None) -> str | None:
        """Return what is not as it was, None if nothing is.

        To look at attributes of all modules is to copy much of the memory that they are
        in, so this can be restricted to some packages, all where it is None.

        Modules and caches grow, which is no change; a plain value that has come is
        one, and so is what somebody else has put into a package.
        """
        if self._event:
            return self._event
        for name, (before, now) in _pairs(self._facts, _facts()):
            if before != now:
                return name
        for path, state in self._files.items():
            if _state(path) != state:
                return path
        if stand_in := self._stand_in():
            return f"sys.modules[{stand_in!r}]"
        for package in self._attributes if packages is None else packages:
            for name, module in self._members.get(package, ()):
                if sys.modules.get(name) is not module:
                    return f"sys.modules[{name!r}]"
            for space, before in self._attributes.get(package, ()):
                if _is_changed(before, space, package):
                    return f"an attribute in {package}"
        for package, contents in self._contents.items():
            for now, before in contents:
                if not _is_kept(before, now):
                    return f"settings of {package}"
        return None

    def _stand_in(self) -> str | None:
        """Return a module that is gone, or one that was not imported but put there."""
        if (come := self._come()) is None:
            if gone := self._modules - sys.modules.keys():
                return next(iter(gone))
            come = [name for name in sys.modules if name not in self._modules]
        for name in come:
            parent, _, last = name.rpartition(".")
            # What C libraries put there, they put there with their own package.
            is_own = last.startswith("_") or (parent and parent not in self._modules)
            if not is_own and getattr(sys.modules[name], "__spec__", None) is None:
                return name
        return None

    def _come(self) -> list[str] | None:
        """Return the modules that have come; None if others may have gone.

        They come last. To look at the names of all is to copy the memory of each.
        """
        come: list[str] = []
        for name in reversed(sys.modules):
            if name == self._last_module:
                is_all = len(sys.modules) - len(come) == len(self._modules)
                return come if is_all else None
            come.append(name)
        return None


def random_states() -> list[Any]:
    """Return the states from which random numbers without a generator are drawn."""
    found = []
    if python := sys.modules.get("random"):
        found.append(python.getstate())
    if numpy := sys.modules.get("numpy.random"):
        found.append([str(part) for part in numpy.get_state()])
        found.append(numpy.get_state()[1].tobytes())
    return found


def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = {
        "os.environ": {k: v for k, v in os.environ.items() if k != MARK},
        "the working folder": _working_folder(),
        "sys.path": list(sys.path),
        "sys.meta_path": list(sys.meta_path),
        "sys.argv": list(sys.argv),
        "the umask": _umask(),
        "filters of warnings": list(warnings.filters),
        "the locale": _locale(),
        "the limit of recursion": sys.getrecursionlimit(),
        "the cores": _cores(),
        "the context of decimal": _decimal(),
        "the time-out of sockets": _time_out(),
    }
    # Since numpy 2, this is in no attribute.
    if numpy := sys.modules.get("numpy"):
        facts["numpy.seterr"] = getattr(numpy, "geterr", dict)()
        facts["numpy.set_printoptions"] = _texts(numpy)
    facts["variables of the context"] = {
        variable.name: id(value)
        for variable, value in copy_context().items()
        if variable.name != "decimal_context"
    }
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


def _state(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _cores() -> set[int] | None:
    look = getattr(os, "sched_getaffinity", None)
    return look(0) if look else None


def _decimal() -> str | None:
    """Return the settings of decimal arithmetic, None where they are the usual ones."""
    if not (decimal := sys.modules.get("decimal")):
        return None
    now, usual = decimal.getcontext().copy(), decimal.DefaultContext.copy()
    for context in (now, usual):
        context.clear_flags()
    return repr(now) if repr(now) != repr(usual) else None


def _time_out() -> float | None:
    # The module socket has it from there.
    module = sys.modules.get("_socket")
    return module.getdefaulttimeout() if module else None


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
    options: dict[str, Any] = getattr(numpy, "get_printoptions", dict)()
    return {name: str(value) for name, value in options.items()}


def _spaces(module: ModuleType) -> Iterator[Any]:
    """Yield what holds attributes: those of a module, and of each class made there."""
    yield vars(module)
    for value in list(vars(module).values()):
        if type(value) is type and value.__module__ == module.__name__:
            yield vars(value)


def _is_changed(before: dict[str, Any], now: Any, package: str) -> bool:
    get = now.get
    if any(get(name) is not value for name, value in before.items()):
        return True
    if len(now) == len(before):
        return False
    # Nothing comes to a class, unless somebody puts it over what it has inherited. What
    # a package hands out when it is asked for, it may keep.
    if type(now) is not dict or "__getattr__" in before:
        return type(now) is not dict
    return any(
        _is_foreign(name, now[name], package) for name in now.keys() - before.keys()
    )


def _is_foreign(name: str, value: Any, package: str) -> bool:
    """Whether something that has come to a module is none of its package's own."""
    # As Python itself keeps what it has warned of, and which exception was the last.
    if isinstance(value, ModuleType) or name.startswith(("__", "last_")):
        return False
    home = getattr(value, "__module__", None)
    return not isinstance(home, str) or home.partition(".")[0] != package


def _contents(
    value: Any, seen: set[int], depth: int = _DEPTH
) -> Iterator[tuple[Any, Any]]:
    """Yield a container and what is in it, and those in it."""
    # Also where a class gives it another face, as matplotlib does to its settings.
    if isinstance(value, dict):
        # Not dict.copy, which asks such a class for each value, and may change them.
        content = dict(dict.items(value))
    elif type(value) in (list, set, deque):
        content = value.copy()
    elif (space := _attributes_of(value)) is not None:
        value, content = space, dict(space)
    else:
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    yield value, content
    if depth > 1 and len(content) <= _MAX_INNER:
        for each in _inner(content):
            yield from _contents(each, seen, depth - 1)


def _inner(content: Any) -> Iterator[Any]:
    if not isinstance(content, dict):
        yield from content
        return
    for key, value in content.items():
        # As loggers have them, which are emptied when a level changes for a moment.
        if "cache" not in str(key):
            yield value


def _attributes_of(value: Any) -> dict[str, Any] | None:
    # Functions, whatever made them, have attributes of their own that nobody sets.
    if isinstance(value, (ModuleType, classmethod)) or callable(value):
        return None
    try:
        # A class may answer for its objects; what is local to a thread has to.
        look = (
            getattr if isinstance(value, threading.local) else object.__getattribute__
        )
        space = look(value, "__dict__")
    except Exception:
        return None
    return space if type(space) is dict else None


def _is_kept(before: Any, now: Any) -> bool:
    try:
        if isinstance(before, dict):
            if not dict.items(before) <= dict.items(now):
                return False
            if len(before) == len(now):
                return True
            # Options have names; what has other keys is a cache.
            come = [
                dict.__getitem__(now, key)
                for key in dict.keys(now) - dict.keys(before)
                if type(key) is str and not key.startswith("_")
            ]
        elif isinstance(before, set):
            if not before <= now:
                return False
            come = now - before
        elif isinstance(before, deque):
            return bool(now == before)
        else:
            if now[: len(before)] != before:
                return False
            come = now[len(before) :]
        return not any(type(value) in _PLAIN for value in come)
    except Exception:
        # Unequal, or it could not be said, as of arrays.
        return False
