"""What a supervised child does from its fork to its end, and what ends all it started.

Programs that it starts carry a mark in their environment, by which they are found also
when they have left its process group.
"""

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from brainsets.supervision.failures import failure_from_exception
from brainsets.supervision.forking import end_interpreter

__all__ = [
    "MARK",
    "RunAgain",
    "flush_streams",
    "kill_marked",
    "redirect_to_null",
    "run_child",
    "run_guardian",
    "write_all",
]

MARK = "BRAINSETS_STEP"
"""The environment variable by which all programs of a step are found."""


class RunAgain(BaseException):
    """What a function has done must be done again elsewhere; says why."""


def run_child(
    results: int,
    start: int,
    task: Callable[[], tuple[Callable[[], Any], str]],
    end: Callable[[int], None] = end_interpreter,
) -> None:
    """Do what a child does, in a process that was just forked, and end it.

    Parameters
    ----------
    results, start : int
        Descriptors: where the report goes, and where the parent says that it is ready.
    task : callable
        Returns the function and the mark, once the parent is ready.
    end : callable
        Ends this process with a status, as an ordinary interpreter ends.
    """
    os.setpgid(0, 0)
    # Nothing starts before the guardian is there, or if the parent is gone already.
    if not os.read(start, 1):
        os._exit(1)
    status = 0
    try:
        function, os.environ[MARK] = task()
        os.close(start)
        faulthandler.enable()
        try:
            report = {"result": function()}
        except RunAgain as reason:
            report = {"again": str(reason)}
        except BaseException as error:
            report = {"failure": failure_from_exception(error)}
        flush_streams()
        # The line's end says that the report is whole: its pipe may be held open by
        # processes that the function has forked and left behind.
        write_all(results, json.dumps(report).encode() + b"\n")
        os.close(results)
    except BaseException:
        status = 1
    end(status)


def kill_marked(mark: str) -> None:
    """Kill programs that the child started and that have left its process group.

    They carry the mark in their environment, which Linux shows; elsewhere they cannot
    be told apart from others.
    """
    marked = f"{MARK}={mark}".encode()
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for process in processes:
        try:
            with open(f"/proc/{process}/environ", "rb", 0) as file:
                if marked in file.read().split(b"\0"):
                    os.kill(int(process), signal.SIGKILL)
        except OSError:
            continue


def run_guardian(group: int, mark: str, lifeline: int, parents_end: int) -> None:
    """Wait for the parent's end or its all-clear; on the former, kill the group."""
    try:
        os.setsid()
        os.close(parents_end)
        # Nobody who waits for the end of the log may wait for the guardian.
        redirect_to_null(0, 1, 2)
        os.closerange(3, lifeline)
        os.closerange(lifeline + 1, 256)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        if not os.read(lifeline, 1):
            try:
                os.killpg(group, signal.SIGKILL)
            finally:
                kill_marked(mark)
    finally:
        os._exit(0)


def redirect_to_null(*descriptors: int) -> None:
    """Discard what is written to descriptors from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    if null not in descriptors:
        os.close(null)


def write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            # The function has closed or replaced it; its work may be fine.
            pass
