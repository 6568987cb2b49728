"""The zygote: a process that has imported a pipeline, and is forked for each step.

It has a socket for each kind of step, its channels. When a step has imported more than
the pipeline's import did, the zygote forks a successor, which imports that as well and
serves the channel of that kind of step, as long as no step changes what imports may
depend on (see `brainsets.warm.preload`). A step that does runs again, through a channel
that no successor serves.
"""

import contextlib
import gc
import json
import os
import pickle
import random
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from brainsets.jobs.code import outside_modules
from brainsets.jobs.code.imported_modules import remember_modules
from brainsets.jobs.code.loading import keep_in_memory
from brainsets.jobs.job import Job
from brainsets.jobs.job_process import set_up_process
from brainsets.shared.manifest import prepare_row_class
from brainsets.shared.processes import die_with_parent
from brainsets.supervision.child import (
    RunAgain,
    kill_marked,
    redirect_to_null,
    run_child,
)
from brainsets.supervision.forking import fork
from brainsets.supervision.process_tree import adopt_orphans
from brainsets.supervision.run import ChildExit
from brainsets.warm import fork_safety
from brainsets.warm.fast_exit import fast_exit
from brainsets.warm.fork_safety import ForkSafety, unseeded_numpy
from brainsets.warm.preload import Succession, imported_by_step, preload
from brainsets.warm.state_changes import Surroundings, random_states
from brainsets.warm.zygote_handle import DESCRIPTORS, END, PID

__all__ = ["run_zygote"]

# Kinds of steps whose imports are preloaded. A download waits most of its time, and is
# not to be begun twice.
_KINDS_TO_PRELOAD = {"process", "inspect"}
_MAX_MESSAGE_BYTES = 1 << 20
# A library may have replaced the handler of SIGCHLD: children are looked at anyway.
_POLL_TIMEOUT_MS = 2000


def run_zygote(
    job: Job, channels: Mapping[str, socket.socket], reports: int, printed: int
) -> None:
    """Import the pipeline of a job, then fork whenever asked, until nobody can ask.

    To be called in a process of its own.

    Parameters
    ----------
    job : Job
        Any job of the brainset.
    channels : mapping
        Where requests come from, by kind of step.
    reports : int
        Descriptor that gets lines of JSON, ``{"stamp": ..., "files": ...}`` or
        ``{"obstacle": ...}``, and is closed when the last zygote has ended.
    printed : int
        Descriptor of a file for what the import prints.
    """
    # What an import starts and waits for ends with it.
    os.setpgid(0, 0)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    zygote = _Zygote(job, dict(channels), reports, printed)
    if zygote.warm_up():
        zygote.serve()


@dataclass
class _Step:
    """A child that was forked, and the socket of the worker that asked for it."""

    news: socket.socket
    mark: str
    is_abandoned: bool = False


class _Zygote:
    def __init__(
        self, job: Job, channels: dict[str, socket.socket], reports: int, printed: int
    ) -> None:
        self._job = job
        self._folder = job.pipeline.parent
        self._channels = channels
        self._reports, self._printed = reports, printed
        self._generators: list[Callable[[], None]] = []
        self._succession = Succession(channels)
        # Packages of which this process has imported what only steps import.
        self._preloaded: set[str] = set()
        self._read: set[str] = set()

    def _set_up(self) -> None:
        """Set up what belongs to this process, and not to one it is forked from."""
        adopt_orphans()
        self._succession.open()
        self._steps: dict[int, _Step] = {}
        self._imports_in, self._imports_out = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self._imports_out.setblocking(False)
        # Not a pidfd for each step: clusters have kernels older than Linux 5.3.
        self._wakeup_read, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handler = signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        signal.set_wakeup_fd(self._wakeup_write)

    def _tear_down(self) -> None:
        """Close what belongs to the process that this one was forked from."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._handler or signal.SIG_DFL)
        for step in self._steps.values():
            step.news.close()
        self._imports_in.close()
        for descriptor in (self._wakeup_write, self._wakeup_read):
            os.close(descriptor)
        self._succession.close()

    def warm_up(self) -> bool:
        """Import the pipeline; say whether steps can be forked from here."""
        die_with_parent(True)
        set_up_process(self._job)
        safety, numbers = ForkSafety(), random.getstate()
        try:
            stamp = keep_in_memory(self._job.pipeline)
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException as error:
            self._report(obstacle=f"its import failed ({type(error).__name__})")
            return False
        obstacle = safety.obstacle(self._folder)
        if obstacle:
            self._report(
                obstacle=f"after the import of the pipeline, {obstacle}, which steps "
                "cannot share; do that in download or process, or set warm: false"
            )
            return False
        self._generators = fork_safety.seeded_random(numbers) + unseeded_numpy()
        self._settle()
        # From now on, steps may need it although its server was killed.
        die_with_parent(False)
        self._report(stamp=stamp, files=self._files(safety.read))
        return True

    def _settle(self) -> None:
        # Not before: imports may have handlers and descriptors of their own.
        self._set_up()
        outside_modules.remember(self._job.pipeline)
        remember_modules()
        prepare_row_class(self._job.folder.manifest)
        self._surroundings = Surroundings(self._folder, self._read)
        self._descriptors = fork_safety.open_descriptors()
        # The collector of a forked process would write to, and so copy, all objects.
        gc.collect()
        gc.freeze()

    def _report(self, **report: Any) -> None:
        os.write(self._reports, json.dumps(report).encode() + b"\n")

    def _files(self, read: set[str]) -> list[str]:
        """Return what was read, and the code that is not the pipeline's own."""
        found = {getattr(module, "__file__", None) for module in sys.modules.values()}
        own = f"{self._folder}{os.sep}"
        code = {f for f in found if isinstance(f, str) and not f.startswith(own)}
        return sorted(code | read)

    def serve(self) -> None:
        """Fork steps as long as somebody can ask for one."""
        while self._channels or self._steps:
            callbacks = self._callbacks()
            poll = select.poll()
            for descriptor in callbacks:
                poll.register(descriptor, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(_POLL_TIMEOUT_MS)}
            for descriptor in callbacks:
                if descriptor in (ready or {self._wakeup_read}):
                    callbacks[descriptor]()

    def _callbacks(self) -> dict[int, Callable[[], None]]:
        """Return what is to be done where there is something to read, in order."""
        todo: dict[int, Callable[[], None]] = {self._wakeup_read: self._reap}
        for pid, step in self._steps.items():
            if not step.is_abandoned:
                todo[step.news.fileno()] = partial(self._end_abandoned, pid, step)
        for tie in self._succession.ties:
            todo[tie] = partial(self._succession.hear, tie)
        for kind, channel in self._channels.items():
            if not self._succession.is_served_elsewhere(kind):
                todo[channel.fileno()] = partial(self._take, kind, channel)
        todo[self._imports_in.fileno()] = self._receive_imports
        return todo

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup_read, 4096)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if step := self._steps.pop(pid, None):
                known = {*self._steps, *self._succession.pids}
                end = ChildExit.of(status, usage, known)
                content = (status, end.cpu_s, end.max_rss_mb, end.was_alone)
                _send(step.news, END.pack(*content))
                step.news.close()

    def _end_abandoned(self, pid: int, step: _Step) -> None:
        """End a step whose parent is gone: nothing may write behind its back."""
        if self._steps.get(pid) is not step:
            # It has ended meanwhile; its number may be another's.
            return
        step.is_abandoned = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        kill_marked(step.mark)

    def _take(self, kind: str, channel: socket.socket) -> None:
        """Take one request, and fork."""
        try:
            mark, descriptors, _, _ = socket.recv_fds(
                channel, 256, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            # A successor has taken it.
            return
        if not mark:
            self._channels.pop(kind).close()
            return
        if len(descriptors) == DESCRIPTORS:
            step = _Step(socket.socket(fileno=descriptors.pop(0)), mark.decode())
            self._fork(kind, step, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self, kind: str, step: _Step, descriptors: list[int]) -> None:
        def begin() -> None:
            step.news.close()
            self._run_step(kind, *descriptors)

        try:
            pid = fork(begin)
        except OSError:
            # No memory, say; whoever asked is told by the end of the socket.
            step.news.close()
            return
        with contextlib.suppress(PermissionError, ProcessLookupError):
            # Here too, so that the group is there when its parent hears of it.
            os.setpgid(pid, pid)
        self._steps[pid] = step
        _send(step.news, PID.pack(pid))

    def _run_step(self, kind: str, results: int, start: int, *streams: int) -> None:
        self._tear_down()
        for channel in self._channels.values():
            channel.close()
        os.close(self._reports)
        for descriptor, stream in zip((1, 2), streams):
            os.dup2(stream, descriptor)
            os.close(stream)
        for set_generator in self._generators:
            set_generator()
        own = fork_safety.descriptor_identities((1, 2, results))
        end = fast_exit(self._descriptors | own)

        def finish(status: int) -> None:
            self._report_imports(kind)
            end(status)

        def task() -> tuple[Callable[[], Any], str]:
            self._repeat_printed()
            with open(start, "rb", closefd=False) as file:
                function, mark = pickle.load(file)
            return partial(self._run_checked, kind, function), mark

        run_child(results, start, task, finish)

    def _run_checked(self, kind: str, function: Callable[[], Any]) -> Any:
        """Run a step; raise RunAgain if it changes what imports of others depend on."""
        self._surroundings.watch()
        try:
            result = function()
        except BaseException:
            self._check(kind)
            raise
        self._check(kind)
        return result

    def _check(self, kind: str) -> None:
        # To look at what was written runs none of the pipeline's code.
        if self._preloaded and kind != "inspect":
            if change := self._surroundings.change(self._preloaded):
                self._send_imports(kind, None)
                raise RunAgain(change)

    def _report_imports(self, kind: str) -> None:
        """Tell what a step has imported, if others may import the same."""
        if kind in _KINDS_TO_PRELOAD and not self._succession.is_exhausted(kind):
            names = imported_by_step(whole_packages=kind == "inspect")
            if names and not self._surroundings.change():
                self._send_imports(kind, names)

    def _send_imports(self, kind: str, names: list[str] | None) -> None:
        _send(self._imports_out, json.dumps([kind, names]).encode())

    def _repeat_printed(self) -> None:
        """Print what the import has printed, as an import in the step would."""
        position = 0
        while content := os.pread(self._printed, 1 << 16, position):
            position += os.write(1, content)
        os.close(self._printed)

    def _receive_imports(self) -> None:
        self._start_successor(*json.loads(self._imports_in.recv(_MAX_MESSAGE_BYTES)))

    def _start_successor(self, kind: str, names: list[str] | None) -> None:
        """Fork a successor that imports what a step has imported.

        Without names, give up that kind of step: what was preloaded changes results.
        """
        if kind not in self._channels:
            return
        if names is None:
            self._channels.pop(kind).close()
            self._succession.give_back()
            return
        names = [name for name in names if name not in sys.modules]
        if not names:
            # This process has come to import them itself, as os.wait4 does.
            remember_modules()
        if not names or not self._succession.may_start(kind):
            return
        ours, theirs = self._succession.new_tie(kind)

        def begin() -> None:
            os.close(ours)
            self._run_successor(kind, names, theirs)

        # Where it cannot be forked, this end of its tie says at once that it has ended.
        with contextlib.suppress(OSError):
            self._succession.pids.add(fork(begin))
        self._succession.ties[ours] = kind
        os.close(theirs)

    def _run_successor(self, kind: str, names: list[str], tie: int) -> None:
        self._tear_down()
        self._succession.begin(tie)
        channel = self._channels.pop(kind)
        for other in self._channels.values():
            # Or whoever asks there would wait, should the first zygote be killed.
            other.close()
        self._channels = {kind: channel}
        redirect_to_null(1, 2)
        safety = ForkSafety()
        had_numpy = "numpy.random" in sys.modules
        self._surroundings.watch()
        states = random_states()
        preload(names)
        has_drawn = random_states() != states
        if not had_numpy:
            self._generators += unseeded_numpy()
        change = has_drawn or self._surroundings.change()
        if change or safety.obstacle(self._folder):
            # Each step goes on importing it by itself.
            return
        self._read |= safety.read
        self._preloaded |= {name.partition(".")[0] for name in names}
        self._settle()
        self._report(files=self._files(safety.read))
        self._succession.announce_ready()
        self.serve()


def _send(to: socket.socket, message: bytes) -> None:
    # It fails where the receiver has ended.
    with contextlib.suppress(OSError):
        to.send(message)
