"""Run a function in a child process, and know how it ended whatever it did.

The child is forked, in a process group of its own. It may raise, call `sys.exit` or
`os._exit`, crash in C code, be killed or never end: the parent finds out which. When
the parent itself is killed, a guardian ends the child's whole group within moments, so
nothing goes on writing behind the back of the next run.
"""

import contextlib
import json
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from brainsets.supervision.child import (
    flush_streams,
    kill_marked,
    run_child,
    run_guardian,
    write_all,
)
from brainsets.supervision.failures import make_failure
from brainsets.supervision.forking import fork
from brainsets.supervision.process_tree import adopt_orphans, has_other_children

__all__ = ["ChildExit", "Forker", "Interrupted", "Outcome", "run_supervised"]

# After its result is in, a child only has to close files and end.
_EXIT_TIMEOUT_S = 120
_TERM_TIMEOUT_S = 5
_TICK_S = 0.5


class Interrupted(BaseException):
    """The run is being stopped (Ctrl-C, or SIGTERM from a scheduler)."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@dataclass
class Outcome:
    """How a supervised function ended.

    `result` is what it returned. `failure` is None on success, else ``{error,
    message, traceback, signal, timeout_s, transient}``. `again` is why neither counts,
    as the function must run in another process. `cpu_s` (seconds) and `max_rss_mb` (MB)
    include the sub-processes that it waited for.
    """

    result: Any = None
    failure: dict[str, Any] | None = None
    again: str | None = None
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0


@dataclass
class ChildExit:
    """The end of a child: its wait status, None if nobody knows it, and what it cost.

    `cpu_s` in seconds, `max_rss_mb` in MB, as in `Outcome`. `was_alone` is true if
    nothing that it has started can live on.
    """

    status: int | None
    cpu_s: float = 0.0
    max_rss_mb: float = 0.0
    was_alone: bool = False

    @classmethod
    def of(cls, status: int, usage: Any, known: Collection[int]) -> "ChildExit":
        """Return the end of a child as `os.wait4` tells it.

        `known` are the other children of this process.
        """
        per_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
        cpu_s = round(usage.ru_utime + usage.ru_stime, 3)
        max_rss_mb = round(usage.ru_maxrss / per_mb, 1)
        return cls(status, cpu_s, max_rss_mb, not has_other_children(known))


class Forker(Protocol):
    """Another process that forks a child for this one, having imported much before.

    `fork` takes the descriptors that the child gets and returns its pid, None if the
    other process is gone. The child calls `run_child`, and finds its task, pickled, at
    `start`. `guard` makes sure that the child's group and all that is marked are killed
    if this process is. `ended` returns None while the child lives; `wait` returns
    when it may have ended, at the latest after some seconds. `close` is called when it
    has ended.
    """

    def fork(self, results: int, start: int, mark: str) -> int | None: ...

    def guard(self, mark: str) -> None: ...

    def ended(self) -> ChildExit | None: ...

    def wait(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class _OwnForker:
    """Forks a child of this process, which does a task, and a guardian."""

    pid = guardian = 0

    def __init__(self, task: Callable[[], None]) -> None:
        self._task = task

    def fork(self, results: int, start: int, mark: str) -> int:
        adopt_orphans()
        self._watched, self._lifeline = os.pipe()

        def begin() -> None:
            os.close(self._watched)
            os.close(self._lifeline)
            self._task()

        self.pid = fork(begin)
        return self.pid

    def guard(self, mark: str) -> None:
        ends = self._watched, self._lifeline
        self.guardian = fork(partial(run_guardian, self.pid, mark, *ends))
        os.close(self._watched)

    def ended(self) -> ChildExit | None:
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        return ChildExit.of(status, usage, {self.guardian}) if pid else None

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.002))

    def close(self) -> None:
        os.write(self._lifeline, b".")
        os.close(self._lifeline)
        os.waitpid(self.guardian, 0)


@dataclass
class _Child:
    pid: int
    mark: str
    results: int
    start: int
    forker: Forker
    received: bytearray = field(default_factory=bytearray)
    closed: bool = False
    exit_timed_out: bool = False
    end: ChildExit | None = None

    def poll(self) -> bool:
        """Whether the child has ended; reaps it."""
        if self.end is None:
            self.end = self.forker.ended()
        return self.end is not None

    def begin(self, function: Callable[[], Any]) -> None:
        """Let the child do what it is there for."""
        knows_task = isinstance(self.forker, _OwnForker)
        task = b"" if knows_task else pickle.dumps((function, self.mark))
        with contextlib.suppress(BrokenPipeError):
            write_all(self.start, b"." + task)
        self.end_start()

    def end_start(self) -> None:
        """Leave a child that has not begun with nothing to wait for."""
        if self.start >= 0:
            os.close(self.start)
            self.start = -1

    def kill_group(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signum)


def run_supervised(
    function: Callable[[], Any],
    *,
    timeout_s: float | None = None,
    on_fork: Callable[[int], None] | None = None,
    heartbeat: Callable[[], None] | None = None,
    heartbeat_s: float = 30.0,
    forker: Forker | None = None,
) -> Outcome:
    """Run a function in a child process and tell how it ended.

    Parameters
    ----------
    function : callable
        Takes nothing, returns what JSON can hold.
    timeout_s : float, optional
        Seconds after which the child's whole process group is killed.
    on_fork : callable, optional
        Called by the parent with the child's pid before the child does anything.
    heartbeat : callable, optional
        Called by the parent every `heartbeat_s` seconds while the child lives.
    forker : Forker, optional
        Who forks the child; then `function` must be one that can be pickled.

    Raises
    ------
    Interrupted
        This process was told to stop; the child's group is gone by then.
    """
    caught: list[int] = []
    # Before there is a child, so that no signal comes between the two.
    previous: dict[int, Any] = {
        signum: signal.signal(signum, lambda signum, frame: caught.append(signum))
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    }
    try:
        child = _fork(function, previous, forker)
        try:
            if on_fork is not None:
                on_fork(child.pid)
            child.begin(function)
            timed_out = _wait_for_end(child, caught, timeout_s, heartbeat, heartbeat_s)
        finally:
            _clean_up(child)
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    if caught:
        raise Interrupted(caught[0])
    return _outcome(child, timeout_s if timed_out else None)


def _fork(
    function: Callable[[], Any], handlers: Mapping[int, Any], forker: Forker | None
) -> _Child:
    flush_streams()
    results_r, results_w = os.pipe()
    start_r, start_w = os.pipe()
    mark = f"{os.getpid()}-{time.time_ns()}"

    def begin() -> None:
        os.close(results_r)
        os.close(start_w)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
        run_child(results_w, start_r, lambda: (function, mark))

    pid = forker.fork(results_w, start_r, mark) if forker else None
    if forker is None or pid is None:
        forker = own = _OwnForker(begin)
        pid = own.fork(results_w, start_r, mark)
    os.close(results_w)
    # Both sides set the group, so that it is set whoever comes first.
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)
    forker.guard(mark)
    os.close(start_r)
    return _Child(pid, mark, results_r, start_w, forker)


def _wait_for_end(
    child: _Child,
    caught: list[int],
    timeout_s: float | None,
    heartbeat: Callable[[], None] | None,
    heartbeat_s: float,
) -> bool:
    """Wait until the child has ended; return whether its time had run out."""
    started = last_beat = time.monotonic()
    reported_at = None
    while not child.poll():
        now = time.monotonic()
        if caught:
            _stop(child)
            return False
        if timeout_s is not None and now - started > timeout_s:
            child.kill_group(signal.SIGKILL)
            _wait(child, _TERM_TIMEOUT_S)
            return True
        if reported_at is not None and now - reported_at > _EXIT_TIMEOUT_S:
            child.exit_timed_out = True
            child.kill_group(signal.SIGKILL)
        if heartbeat is not None and now - last_beat > heartbeat_s:
            last_beat = now
            heartbeat()
        if reported_at is None and not child.closed:
            child.closed = not _receive(child, _TICK_S)
            if child.received.endswith(b"\n"):
                reported_at = time.monotonic()
        else:
            child.forker.wait(0.05)
    while _receive(child, 0):
        pass
    return False


def _receive(child: _Child, wait_s: float) -> bool:
    """Take in what the child reports; return False once there is no more to come."""
    try:
        ready, _, _ = select.select([child.results], [], [], wait_s)
    except InterruptedError:
        return True
    if not ready:
        return wait_s > 0
    chunk = os.read(child.results, 1 << 16)
    child.received += chunk
    return bool(chunk)


def _stop(child: _Child) -> None:
    """End the child because the run is being stopped: politely, then not."""
    child.kill_group(signal.SIGTERM)
    if not _wait(child, _TERM_TIMEOUT_S):
        child.kill_group(signal.SIGKILL)
        _wait(child, _TERM_TIMEOUT_S)


def _wait(child: _Child, seconds: float) -> bool:
    """Whether the child ends within some seconds."""
    end = time.monotonic() + seconds
    while not child.poll():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _clean_up(child: _Child) -> None:
    child.end_start()
    # What the child started and left behind ends with it.
    child.kill_group(signal.SIGKILL)
    if child.end is None or not child.end.was_alone:
        kill_marked(child.mark)
    os.close(child.results)
    child.forker.close()


def _outcome(child: _Child, timeout_s: float | None) -> Outcome:
    # A child that even SIGKILL has not ended, as on a disk that hangs, has no end.
    end = child.end or ChildExit(None)
    outcome = Outcome(cpu_s=end.cpu_s, max_rss_mb=end.max_rss_mb)
    try:
        report = json.loads(bytes(child.received))
    except ValueError:
        report = {}
    code = None if end.status is None else os.waitstatus_to_exitcode(end.status)
    if timeout_s is not None:
        outcome.failure = make_failure(
            "Timeout", f"ran longer than its timeout of {timeout_s:g} s"
        )
        outcome.failure["timeout_s"] = timeout_s
    elif "again" in report:
        outcome.again = report["again"]
    elif "failure" in report:
        outcome.failure = report["failure"]
    elif child.exit_timed_out and "result" in report:
        outcome.failure = make_failure(
            "UnexpectedExit",
            f"did not end within {_EXIT_TIMEOUT_S} s after it had finished "
            "(a thread that still runs?)",
        )
    elif code is not None and code < 0:
        name = _signal_name(-code)
        hint = {"SIGKILL": "; out of memory?", "SIGSEGV": " (a crash in C code)"}
        late = " after it had finished, while closing" if report else ""
        outcome.failure = make_failure(
            "Killed", f"killed by {name}{hint.get(name, '')}{late}"
        )
        outcome.failure["signal"] = name
    elif child.end is not None and code is None:
        outcome.failure = make_failure(
            "Killed", "the warm process that had started it was killed; out of memory?"
        )
    elif "result" not in report or code != 0:
        outcome.failure = make_failure(
            "UnexpectedExit",
            f"ended with exit status {code} before it had finished (os._exit?)",
        )
    else:
        outcome.result = report["result"]
    return outcome


def _signal_name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"
