"""Whether a process that has imported a pipeline can be forked for its steps.

A step of its own interpreter starts with an import. A forked one starts with what an
import has left behind: that is the same thing, unless the import has opened, started or
made something that two processes cannot both own. Everything here reads what Linux
shows under /proc.
"""

import contextlib
import os
import random
import re
import stat
import sys
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from brainsets.jobs.code.imported_modules import is_below

__all__ = [
    "ForkSafety",
    "descriptor_identities",
    "open_descriptors",
    "seeded_random",
    "unseeded_numpy",
]

# Their position is nobody's, so it does no harm to share them.
_HARMLESS_DEVICES = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}
# jemalloc, which pyarrow brings, looks after its thread itself when it is forked.
_HARMLESS_THREADS = {"jemalloc_bg_thd"}
# A generator of random numbers may have made as many blocks of numbers in an import.
_BLOCKS = 64
_WORDS_OF_BLOCK = 624
# Seeds that a person types are shorter than those that the system gives.
_MAX_TYPED_SEED = 2**64
# Their changes are noticed anyway, or they are no files.
_CODE = (".py", ".pyc", ".so")
_NO_FILES = ("/proc/", "/sys/", "/dev/")


def open_descriptors() -> dict[int, tuple[int, int]]:
    """Return device and inode of each open descriptor.

    Raises
    ------
    OSError
        This system does not show them.
    """
    return descriptor_identities(map(int, os.listdir("/proc/self/fd")))


def descriptor_identities(descriptors: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return device and inode of those descriptors that are open."""
    found = {}
    for number in descriptors:
        try:
            status = os.fstat(number)
        except OSError:
            # That of the listing itself, say.
            continue
        found[number] = status.st_dev, status.st_ino
    return found


class ForkSafety:
    """What was there before an import, to compare with what is there after it."""

    def __init__(self) -> None:
        self._descriptors = open_descriptors()
        self._started = time.time()
        self._made: list[str] = []
        self._read: set[str] = set()
        self._watching = True
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event == "open":
            self._note_read(*arguments)
        elif event in ("tempfile.mkdtemp", "tempfile.mkstemp"):
            self._made.append(str(arguments[0]))

    def _note_read(self, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, (str, bytes)) or flags & (os.O_WRONLY | os.O_RDWR):
            return
        path = os.fsdecode(path)
        if not path.endswith(_CODE):
            self._read.add(os.path.abspath(path))

    @property
    def read(self) -> set[str]:
        """The files that were read, beside code: settings, tables and the like."""
        return {p for p in self._read if not p.startswith(_NO_FILES)}

    def obstacle(self, folder: Path) -> str | None:
        """Return what makes this process unfit to be forked, None if nothing does.

        Parameters
        ----------
        folder : Path
            The pipeline's folder, whose modules are looked at for generators.
        """
        self._watching = False
        for found in (
            self._python_thread(),
            self._descriptor(),
            self._child(),
            self._temporary_file(),
            _generator(folder),
            self._passing_value(folder),
            # Last, as it forks.
            _native_thread(),
        ):
            if found:
                return found
        return None

    @staticmethod
    def _python_thread() -> str | None:
        others = set(threading.enumerate()) - {threading.main_thread()}
        return f"the thread {others.pop().name!r} runs" if others else None

    def _descriptor(self) -> str | None:
        for number, identity in open_descriptors().items():
            if self._descriptors.get(number) == identity:
                continue
            what = os.readlink(f"/proc/self/fd/{number}")
            is_device = stat.S_ISCHR(os.fstat(number).st_mode)
            if not (is_device and what in _HARMLESS_DEVICES):
                return f"{what} is open"
        return None

    @staticmethod
    def _child() -> str | None:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return "a program that it has started runs"

    def _temporary_file(self) -> str | None:
        kept = [path for path in self._made if os.path.exists(path)]
        folders = [
            info.func
            for info in vars(weakref.finalize)["_registry"].values()
            if info.func is getattr(tempfile.TemporaryDirectory, "_cleanup", None)
        ]
        if kept or folders:
            where = kept[0] if kept else tempfile.gettempdir()
            return f"it has made a temporary file or folder ({where})"
        return None

    def _passing_value(self, folder: Path) -> str | None:
        """Name a value that would be another one in each import."""
        pid, now = os.getpid(), time.time()
        as_word = re.compile(rf"(?<!\d){pid}(?!\d)")
        for name, value in _values(folder):
            if type(value) is int and value == pid:
                return f"{name} is the number of the process"
            if isinstance(value, (str, Path)) and as_word.search(str(value)):
                return f"{name} names the number of the process"
            if type(value) is float and self._started <= value <= now:
                return f"{name} is the time of the import"
            if type(value) is datetime and any(
                self._started <= seconds <= now for seconds in _seconds(value)
            ):
                return f"{name} is the time of the import"
            if type(value) is uuid.UUID and value.version in (1, 4):
                return f"{name} is a UUID of this import alone"
        return None


def _seconds(value: datetime) -> Iterator[float]:
    """Yield a time in seconds; of one without a zone, as local time and as UTC."""
    for time_of_day in (value, value.replace(tzinfo=value.tzinfo or timezone.utc)):
        with contextlib.suppress(OverflowError, OSError, ValueError):
            yield time_of_day.timestamp()


def seeded_random(before: tuple[Any, ...]) -> list[Callable[[], None]]:
    """Return what a forked process must do for `random`: nothing, or one call.

    Python gives each forked process another seed. Where the import has set one, each
    step has to begin with that, as it does where each step imports the pipeline.

    Parameters
    ----------
    before : tuple
        What `random.getstate()` was before the import.
    """
    if _is_unseeded_random(before):
        return []
    return [partial(random.setstate, random.getstate())]


def unseeded_numpy() -> list[Callable[[], None]]:
    """Return what a forked process must do for `numpy.random`: nothing, or one call.

    Where no import has set a seed, each step has to have one of its own.
    """
    numpy = sys.modules.get("numpy.random.mtrand")
    if numpy is None or not _is_unseeded_numpy(numpy._rand._bit_generator):
        return []
    return [partial(_reseed, numpy._rand._bit_generator)]


def _reseed(generator: Any) -> None:
    """Give numpy's generator a state that nobody knows, twice as fast as its `seed`."""
    key = memoryview(os.urandom(4 * _WORDS_OF_BLOCK)).cast("I")
    state = {"key": key, "pos": _WORDS_OF_BLOCK}
    generator.state = {"bit_generator": "MT19937", "state": state}


def _native_thread() -> str | None:
    """Name a thread of a C library that does not end by itself before a fork."""
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    own = str(threading.get_native_id())
    for thread in os.listdir("/proc/self/task"):
        name = Path(f"/proc/self/task/{thread}/comm").read_text().strip()
        if thread != own and name not in _HARMLESS_THREADS:
            return f"a thread of a library ({name}) runs"
    return None


def _generator(folder: Path) -> str | None:
    """Name a generator that would give all steps the same numbers."""
    for name, value in _values(folder):
        if type(value) is random.Random:
            return f"{name} is a random.Random of which nobody knows the seed"
        generator = getattr(value, "bit_generator", None)
        entropy = getattr(_seed_sequence(generator), "entropy", None)
        if isinstance(entropy, int) and entropy > _MAX_TYPED_SEED:
            return f"{name} is a generator of random numbers without a seed"
    return None


def _values(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield what modules in a folder hold, and the classes that they define."""
    for module in list(sys.modules.values()):
        if not is_below(folder, module):
            continue
        for name, value in list(vars(module).items()):
            if not name.startswith("__"):
                yield name, value
            if isinstance(value, type) and value.__module__ == module.__name__:
                for inner, held in list(vars(value).items()):
                    if not inner.startswith("__"):
                        yield f"{name}.{inner}", held


def _seed_sequence(generator: Any) -> Any:
    # Its public name is younger than numpy 1.23.
    return getattr(generator, "_seed_seq", None)


def _is_unseeded_random(before: tuple[Any, ...]) -> bool:
    """Whether the state of `random` is one that follows from an earlier one."""
    now = random.getstate()[1][:_WORDS_OF_BLOCK]
    generator = random.Random()
    generator.setstate(before)
    for _ in range(_BLOCKS):
        if generator.getstate()[1][:_WORDS_OF_BLOCK] == now:
            return True
        generator.getrandbits(32 * _WORDS_OF_BLOCK)
    return False


def _is_unseeded_numpy(generator: Any) -> bool:
    """Whether the state of `numpy.random` is one that follows from the system's seed.

    `numpy.random.seed` forgets or keeps the first seed, depending on the version, but
    sets another state than that seed gives.
    """
    seed = _seed_sequence(generator)
    if seed is None or generator.state["bit_generator"] != "MT19937":
        return False
    now = generator.state["state"]["key"].tolist()
    fresh = type(generator)(seed)
    for _ in range(_BLOCKS):
        if fresh.state["state"]["key"].tolist() == now:
            return True
        fresh.random_raw(_WORDS_OF_BLOCK)
    return False
