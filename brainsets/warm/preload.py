"""Preload what steps import that the import of their pipeline did not.

Large packages (mne, say) load their parts when these are first used. Each forked step
would pay for that again, so a zygote imports them, too, once a step has shown which.

What an import finds around it is part of what it gives, and steps may change that
first. So a part is preloaded only from a step that has changed nothing of its
surroundings, and only if its package was there when the pipeline was imported:
whoever imports a whole package within a step may have a reason. A step that was forked
with such parts and has changed anything does not count: it runs once more, without.

The process that imports them is a successor: it is forked from the zygote, and serves
one kind of step in its place. Its end of a pipe, the tie, tells the zygote when to
leave that kind of step alone, and when to take it back.
"""

import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from brainsets.jobs.code.imported_modules import imported_since, remembered_packages
from brainsets.warm.state_changes import OWN

__all__ = ["Succession", "imported_by_step", "preload"]

# Most steps import the same things; a pipeline whose steps never do is given up.
_MAX_SUCCESSORS = 4


def imported_by_step(whole_packages: bool) -> list[str]:
    """Return what this process has imported since it was forked, in that order.

    Those of Python and of installed packages only. What lies beside the pipeline is the
    pipeline's own, and quickly imported.

    Parameters
    ----------
    whole_packages : bool
        Whether packages count of which nothing was there before.
    """
    names = [name for name in imported_since() if _is_installed(name)]
    if whole_packages or not names:
        return names
    there = remembered_packages() - OWN
    return [name for name in names if name.partition(".")[0] in there]


def preload(names: Iterable[str]) -> None:
    """Import what a step has imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            # A step that needs it goes on doing so by itself.
            continue


def _is_installed(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None)
    if not isinstance(file, str):
        return False
    parents = Path(file).parents
    return Path(sys.prefix) in parents or Path(sys.base_prefix) in parents


class Succession:
    """Which kinds of steps a zygote has left to successors, and which one it serves.

    Parameters
    ----------
    kinds : iterable of str
        The kinds of steps.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self._numbers = dict.fromkeys(kinds, 0)
        self._own_tie = -1
        self.open()

    def open(self) -> None:
        """Start anew in a process that was forked: nothing is left to anybody yet."""
        self.pids: set[int] = set()
        self.ties: dict[int, str] = {}
        self._left: set[str] = set()

    def close(self) -> None:
        """Close, in a process that was forked, what belongs to its parent."""
        for descriptor in self.ties:
            os.close(descriptor)
        self.give_back()

    def may_start(self, kind: str) -> bool:
        """Whether there may be a successor for a kind of step now."""
        return kind not in self.ties.values() and not self.is_exhausted(kind)

    def is_exhausted(self, kind: str) -> bool:
        """Whether there will be no more successors for a kind of step."""
        return self._numbers[kind] >= _MAX_SUCCESSORS

    def is_served_elsewhere(self, kind: str) -> bool:
        """Whether another process serves a kind of step."""
        return kind in self._left

    def new_tie(self, kind: str) -> tuple[int, int]:
        """Return both ends of the tie of the successor that is to be forked."""
        self._numbers[kind] += 1
        return os.pipe()

    def begin(self, tie: int) -> None:
        """Be a successor from now on."""
        self._own_tie = tie

    def announce_ready(self) -> None:
        """Tell the zygote that this process serves from now on."""
        os.write(self._own_tie, b".")

    def give_back(self) -> None:
        """Give back what was left to this process."""
        if self._own_tie >= 0:
            os.close(self._own_tie)
            self._own_tie = -1

    def hear(self, tie: int) -> None:
        """Take note that a successor is ready, or that it has ended."""
        kind = self.ties[tie]
        if os.read(tie, 1):
            self._left.add(kind)
        else:
            self._numbers[kind] = _MAX_SUCCESSORS
            self._left.discard(kind)
            del self.ties[tie]
            os.close(tie)
