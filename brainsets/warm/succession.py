"""Which kinds of steps a zygote has left to successors, and until when.

A successor holds the end of a pipe, its tie, as long as it serves a kind of step, and
writes to it when it begins. So the zygote that it was forked from knows when to leave
that kind of step alone, and when to take it back.
"""

import os
from collections.abc import Iterable

__all__ = ["Succession"]

# Most steps import the same things; a pipeline whose steps never do is not followed.
_MAX_SUCCESSORS = 4


class Succession:
    """What a zygote has left to others, and what has been left to it.

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
        """Begin to be a process of its own, which has left nothing to anybody yet."""
        self.pids: set[int] = set()
        self.ties: dict[int, str] = {}
        self._left: set[str] = set()

    def close(self) -> None:
        """Let go, in a process that was forked, of what its parent holds."""
        for descriptor in self.ties:
            os.close(descriptor)
        self.end()

    def may_follow(self, kind: str) -> bool:
        """Whether there may be a successor for a kind of step now."""
        return kind not in self.ties.values() and not self.is_exhausted(kind)

    def is_exhausted(self, kind: str) -> bool:
        """Whether there will be no more successors for a kind of step."""
        return self._numbers[kind] >= _MAX_SUCCESSORS

    def has_left(self, kind: str) -> bool:
        """Whether another process serves a kind of step."""
        return kind in self._left

    def forking(self, kind: str) -> tuple[int, int]:
        """Return both ends of the tie of the successor that is to be forked."""
        self._numbers[kind] += 1
        return os.pipe()

    def forked(self, kind: str, pid: int, tie: int) -> None:
        """Take note of a successor, which gets ready."""
        self.pids.add(pid)
        self.ties[tie] = kind

    def begin(self, tie: int) -> None:
        """Be a successor from now on."""
        self._own_tie = tie

    def is_ready(self) -> None:
        """Serve from now on, in the place of the process that this was forked from."""
        os.write(self._own_tie, b".")

    def end(self) -> None:
        """Give back what was left to this process."""
        if self._own_tie >= 0:
            os.close(self._own_tie)
            self._own_tie = -1

    def hear(self, tie: int) -> None:
        """Learn that a successor is ready, or that it has ended."""
        kind = self.ties[tie]
        if os.read(tie, 1):
            self._left.add(kind)
        else:
            self._numbers[kind] = _MAX_SUCCESSORS
            self._left.discard(kind)
            del self.ties[tie]
            os.close(tie)
