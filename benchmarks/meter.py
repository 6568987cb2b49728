"""Run one command and measure all of its processes: wall time, CPU and memory.

A process of its own does that, the meter. It becomes the parent of whatever the command
starts and leaves behind (a subreaper, on Linux), so that nothing escapes it: the CPU
time is what the kernel has counted for every process, and the next run starts when the
last process of this one has ended.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["MeasuringError", "Usage", "measure"]

# A process that has not ended so long after its command is not going to by itself.
_SETTLING_S = 30
_SAMPLING_S = 1.0
_POLLING_S = 0.02
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_TICKS = os.sysconf("SC_CLK_TCK")


class MeasuringError(RuntimeError):
    """A measured command failed, or did not do what it was measured for."""


@dataclass
class Usage:
    """What one command and all processes that it started have used.

    Times are in seconds, memory in MB (1e6 bytes). `wall_s` ends with the command,
    `settled_s` with its last process. `cpu_s` is of all processes, `main_cpu_s` of the
    command's own process alone, `other_cpu_s` of all else on the machine meanwhile.
    `peak_pss_mb` is the largest sum over all processes (PSS: memory that several of
    them share counts once), looked at every second; `max_rss_mb` the largest single
    process. `killed` processes had to be ended by force.
    """

    exit_status: int = 0
    wall_s: float = 0.0
    settled_s: float = 0.0
    cpu_s: float = 0.0
    main_cpu_s: float = 0.0
    other_cpu_s: float = 0.0
    peak_pss_mb: float = 0.0
    max_rss_mb: float = 0.0
    processes: int = 0
    killed: int = 0


def measure(
    command: Sequence[object],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    limit_s: float = 3600,
) -> Usage:
    """Run a command in a folder, with all it prints in a log.

    Raises
    ------
    MeasuringError
        It ran longer than `limit_s`, and was killed.
    """
    task: dict[str, Any] = {
        "command": [str(word) for word in command],
        "folder": str(folder),
        "log": str(log),
        "limit_s": limit_s,
    }
    meter = subprocess.Popen(
        [sys.executable, "-I", __file__, json.dumps(task)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        text=True,
    )
    try:
        measured, _ = meter.communicate()
    except BaseException:
        # Time to end what it has started.
        meter.terminate()
        meter.wait()
        raise
    if meter.returncode:
        raise MeasuringError(
            f"{task['command'][0]} did not end within {limit_s:g} s, or the meter was "
            f"stopped; see {log}."
        )
    return Usage(**json.loads(measured))


class _Meter:
    def __init__(self, command: Sequence[str], folder: str, log: str) -> None:
        self.usage = Usage()
        self.busy_before = _busy_s() - _own_s()
        self.started = time.monotonic()
        self.has_ended = False
        with open(log, "wb") as stream:
            # Kept, as it looks after its process when it goes: were that at its end by
            # then, nobody would be told how it ended.
            self._popen = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                # Keys that somebody types are for the benchmark, not for the command.
                start_new_session=True,
            )
        self.main = self._popen.pid

    def run(self, limit_s: float) -> Usage:
        sample_at = self.started
        while self._reap():
            now = time.monotonic()
            if not self.has_ended and now - self.started > limit_s:
                raise TimeoutError
            if self.has_ended and now - self.ended > _SETTLING_S:
                self.usage.killed += self.kill_all()
            if now >= sample_at:
                self._sample()
                sample_at = now + _SAMPLING_S
            time.sleep(_POLLING_S)
        usage = self.usage
        usage.wall_s = self.ended - self.started
        usage.settled_s = time.monotonic() - self.started
        others = _busy_s() - _own_s() - self.busy_before - usage.cpu_s
        usage.other_cpu_s = max(0.0, others)
        return usage

    def _reap(self) -> bool:
        """Take account of the processes that have ended; return whether any is left."""
        while True:
            try:
                # Looked at first, as it stays: a process that was reaped says no more.
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if found is None:
                return True
            own_s = _process(found.si_pid).cpu_s
            _, status, used = os.wait4(found.si_pid, 0)
            # With its own children's, if it waited for them; if not, they came to us.
            self.usage.cpu_s += used.ru_utime + used.ru_stime
            self.usage.max_rss_mb = max(
                self.usage.max_rss_mb, used.ru_maxrss * 1024 / 1e6
            )
            if found.si_pid == self.main:
                self.has_ended, self.ended = True, time.monotonic()
                self.usage.main_cpu_s = own_s
                self.usage.exit_status = os.waitstatus_to_exitcode(status)

    def _sample(self) -> None:
        found = _descendants()
        self.usage.processes = max(self.usage.processes, len(found))
        pss_mb = sum(map(_pss_mb, found))
        self.usage.peak_pss_mb = max(self.usage.peak_pss_mb, pss_mb)

    @staticmethod
    def kill_all() -> int:
        """Kill everything that the command has started; return how many that was."""
        killed = set()
        while left := [p for p in _descendants() if p not in killed]:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                killed.add(pid)
        return len(killed)


@dataclass
class _Process:
    parent: int = 0
    cpu_s: float = 0.0


def _process(pid: int) -> _Process:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _Process()
    # Fields after the name, which may hold blanks: state, parent ... 12th utime, stime.
    fields = stat.rpartition(")")[2].split()
    return _Process(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)


def _descendants() -> list[int]:
    """Return every process that descends from this one."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            children.setdefault(_process(int(name)).parent, []).append(int(name))
    found, generation = [], [os.getpid()]
    while generation:
        generation = [c for pid in generation for c in children.get(pid, ())]
        found += generation
    return found


def _pss_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        # It has ended.
        return 0.0
    found = [line for line in text.splitlines() if line.startswith("Pss:")]
    return int(found[0].split()[1]) * 1024 / 1e6 if found else 0.0


def _busy_s() -> float:
    """Return the CPU time that all processes have used since the machine started."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _waiting, hard, soft, stolen = map(int, fields[:8])
    return (user + nice + system + hard + soft + stolen) / _TICKS


def _own_s() -> float:
    return time.process_time()


def _wait_for_all() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass


def _main() -> None:
    task = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    # If the benchmark is killed, nothing that it started goes on.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(128 + signum))
    try:
        meter = _Meter(task["command"], task["folder"], task["log"])
        print(json.dumps(asdict(meter.run(task["limit_s"]))))
    except TimeoutError:
        sys.exit(1)
    finally:
        _Meter.kill_all()
        _wait_for_all()


if __name__ == "__main__":
    _main()
