"""Keeps a zygote for the jobs of one brainset in one run, and runs their steps.

`warm_client` starts it. For each client it has a worker that does what the wrapper of a
cold job does; only the children of that are forked by the zygote. This process itself
imports no pipeline, so the workers, which are forked from it, are small.

It watches its clients: when one is killed, its worker is killed like the wrapper of a
cold job would be, and takes its children with it. It ends with the run.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from brainsets.jobs.arguments import Job, parse_job
from brainsets.jobs.worker import STEPS, answer, assign, be_worker
from brainsets.jobs.zygote import WarmForker, be_zygote
from brainsets.shared.code import code_stamp
from brainsets.shared.processes import start_time

__all__ = ["keep"]

_KINDS = ("download", "process", "inspect")
_LONGEST_IMPORT_S = 120
# Whatever comes later imports anew, which takes a second or two; memory is free.
_LONGEST_IDLE_S = 120
_TICK_S = 1.0
# A look at all imported files takes milliseconds, on a network disk much longer.
_BETWEEN_LOOKS_S = 1.0
_SHARE_OF_LOOKS = 0.02
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_LONGEST_REQUEST = 1 << 22
# A shell sets the first for itself; Python sets the last where the locale is C.
_OF_NO_CONCERN = {"_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE"}


class _Unfit(Exception):
    """Why a step has to run cold."""


@dataclass
class _Request:
    """What a client asks for: a command, with the environment it would run in."""

    command: list[str]
    environment: dict[str, str]

    @classmethod
    def parsed(cls, content: bytes) -> "_Request | None":
        """Parse a request; None while it is not complete."""
        header, newline, body = content.partition(b"\n")
        if not newline:
            return None
        words, size = map(int, header.split())
        if len(body) < size:
            return None
        items = [os.fsdecode(item) for item in body.split(b"\0")[:-1]]
        environment = dict(item.split("=", 1) for item in items[words:])
        return cls(items[:words], environment)

    @property
    def script(self) -> int:
        """Where the wrapper stands in the command."""
        return next(n for n, word in enumerate(self.command) if word.endswith(".py"))

    @property
    def rule(self) -> str:
        """The rule whose wrapper it is."""
        return Path(self.command[self.script]).stem

    def job(self) -> Job:
        try:
            return parse_job(self.command[self.script + 1 :])
        except (StopIteration, SystemExit) as error:
            raise _Unfit("its command cannot be understood") from error


@dataclass
class _Client:
    connection: socket.socket
    pid: int
    received: bytes = b""
    request: _Request | None = None
    worker: "_Worker | None" = None


@dataclass
class _Worker:
    pid: int
    socket: socket.socket
    client: _Client | None = None


@dataclass
class _Zygote:
    """What is known of the process that has imported the pipeline."""

    job: Job
    forkers: dict[str, partial]
    life: int
    pid: int
    started: float
    heard: bytes = b""
    stamp: str | None = None
    obstacle: str | None = None
    files: dict[str, tuple[int, ...] | None] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        return self.stamp is not None or self.obstacle is not None


def keep(listener: int, path: str) -> None:
    """Serve the clients that connect to a socket, until the run has ended.

    Parameters
    ----------
    listener : int
        The descriptor of the listening socket.
    path : str
        Its path; the name begins with pid and start time of the run's main process.
    """
    _remove_leftovers(Path(path).parent)
    _Keeper(socket.socket(fileno=listener), Path(path)).serve()
    os._exit(0)


def _remove_leftovers(folder: Path) -> None:
    """Remove the sockets of runs that have ended, and whose keeper was killed."""
    for path in folder.glob("*-*-*"):
        pid, started, _ = path.name.split("-")
        if start_time(int(pid)) != int(started):
            path.unlink(missing_ok=True)


class _Keeper:
    def __init__(self, listener: socket.socket, path: Path) -> None:
        self._listener: socket.socket | None = listener
        self._path = path
        self._clients: dict[int, _Client] = {}
        self._workers: dict[int, _Worker] = {}
        self._zygote: _Zygote | None = None
        self._environment = dict(os.environ)
        self._main, self._main_start = map(int, path.name.split("-")[:2])
        self._last_work = time.monotonic()
        self._next_look = 0.0
        self._woken, self._waking = os.pipe()
        for descriptor in (self._woken, self._waking):
            os.set_blocking(descriptor, False)
        listener.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda signum, frame: None)
        signal.set_wakeup_fd(self._waking)
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        while self._listener or self._clients:
            for descriptor in self._ready():
                if descriptor == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif self._listener and descriptor == self._listener.fileno():
                    self._accept()
                elif self._zygote and descriptor == self._zygote.life:
                    self._listen_to_zygote()
                elif descriptor in self._clients:
                    self._listen_to(self._clients[descriptor])
                elif descriptor in self._workers:
                    self._listen_to_worker(self._workers[descriptor])
            self._limit_import()
            self._start_steps()
            if self._listener and (not self._run_lives() or self._is_idle()):
                self._close_listener()
        if self._zygote and not self._zygote.is_settled:
            os.killpg(self._zygote.pid, signal.SIGKILL)

    def _ready(self) -> list[int]:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self._listener:
            poll.register(self._listener, select.POLLIN)
        if self._zygote and self._zygote.life >= 0:
            poll.register(self._zygote.life, select.POLLIN)
        for descriptor in (*self._clients, *self._workers):
            poll.register(descriptor, select.POLLIN)
        return [descriptor for descriptor, _ in poll.poll(_TICK_S * 1000)]

    def _run_lives(self) -> bool:
        return start_time(self._main) == self._main_start

    def _is_idle(self) -> bool:
        if self._clients:
            self._last_work = time.monotonic()
        return time.monotonic() - self._last_work > _LONGEST_IDLE_S

    def _close_listener(self) -> None:
        """Serve those that are there, and nobody else."""
        try:
            self._path.unlink()
        except OSError:
            pass
        self._listener.close()
        self._listener = None
        for client in [c for c in self._clients.values() if c.worker is None]:
            self._forget(client)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        size = struct.calcsize("3i")
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack("3i", peer)
        if uid != os.geteuid():
            connection.close()
            return
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection, pid)

    def _listen_to(self, client: _Client) -> None:
        try:
            content = client.connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            # Ended, or killed, with its run or alone: then so is its step.
            if client.worker is not None:
                self._listen_to_worker(client.worker)
            if client.worker is not None:
                os.kill(client.worker.pid, signal.SIGKILL)
            self._forget(client)
        elif client.worker is not None:
            for signum in content:
                if signum in _SIGNALS:
                    os.kill(client.worker.pid, signum)
        elif client.request is None:
            client.received += content
            try:
                client.request = _Request.parsed(client.received)
            except ValueError:
                self._forget(client)
            if len(client.received) > _LONGEST_REQUEST:
                self._forget(client)

    def _forget(self, client: _Client) -> None:
        self._clients.pop(client.connection.fileno(), None)
        client.connection.close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for worker in [w for w in self._workers.values() if w.pid == pid]:
                del self._workers[worker.socket.fileno()]
                worker.socket.close()
                if worker.client is not None:
                    if os.WIFSIGNALED(status):
                        # It could not say so itself.
                        end = bytes([128 + os.WTERMSIG(status)])
                        answer(worker.client.connection, end)
                    self._forget(worker.client)

    def _start_steps(self) -> None:
        """Give those clients a worker whose request is there."""
        for client in list(self._clients.values()):
            if client.request is None or client.worker is not None:
                continue
            try:
                job = client.request.job()
                if self._zygote is None:
                    self._start_zygote(job)
                if not self._zygote.is_settled:
                    return
                self._look_at_files()
                self._check(client.request, job)
                self._employ(client, job)
            except (_Unfit, OSError) as reason:
                self._refuse(client, str(reason))

    def _employ(self, client: _Client, job: Job) -> None:
        """Give a client's step to a worker that has none, or to a new one."""
        free = [worker for worker in self._workers.values() if worker.client is None]
        # The latest, which others may not need to be there at all.
        worker = free[-1] if free else self._new_worker()
        assign(worker.socket, client.connection, client.request.rule, job, client.pid)
        client.worker, worker.client = worker, client

    def _new_worker(self) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._let_go()
            be_worker(theirs, self._zygote.forkers)
        theirs.close()
        ours.setblocking(False)
        self._workers[ours.fileno()] = _Worker(pid, ours)
        return self._workers[ours.fileno()]

    def _listen_to_worker(self, worker: _Worker) -> None:
        """Hear whether a step is over; then its worker is free."""
        try:
            is_over = worker.socket.recv(1)
        except BlockingIOError:
            return
        except OSError:
            is_over = b""
        if is_over and worker.client is not None:
            client, worker.client = worker.client, None
            client.worker = None
            self._forget(client)

    def _start_zygote(self, job: Job) -> None:
        ends = {kind: _channel() for kind in _KINDS}
        life, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(life)
            self._let_go()
            for ours, _ in ends.values():
                ours.close()
            theirs = {kind: end for kind, (_, end) in ends.items()}
            be_zygote(job, theirs, told, os.memfd_create("printed"))
        with contextlib.suppress(OSError):
            # Here too, so that the group can be killed whoever comes first.
            os.setpgid(pid, pid)
        os.close(told)
        for _, theirs in ends.values():
            theirs.close()
        forkers = {kind: partial(WarmForker, ours) for kind, (ours, _) in ends.items()}
        self._zygote = _Zygote(job, forkers, life, pid, time.monotonic())

    def _let_go(self) -> None:
        """Close, in a process that was forked, what belongs to this one."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._woken, self._waking):
            os.close(descriptor)
        if self._listener:
            self._listener.close()
        for client in self._clients.values():
            client.connection.close()
        for worker in self._workers.values():
            worker.socket.close()

    def _listen_to_zygote(self) -> None:
        zygote = self._zygote
        content = os.read(zygote.life, 1 << 16)
        zygote.heard += content
        *lines, zygote.heard = zygote.heard.split(b"\n")
        for line in lines:
            report = json.loads(line)
            zygote.obstacle = report.get("obstacle", zygote.obstacle)
            zygote.stamp = report.get("stamp", zygote.stamp)
            zygote.files.update(_identities(report.get("files", ())))
        if not content:
            os.close(zygote.life)
            zygote.life = -1
            died = "it was killed" if zygote.stamp else "its import ended the process"
            zygote.obstacle = zygote.obstacle or died

    def _limit_import(self) -> None:
        zygote = self._zygote
        if zygote is None or zygote.is_settled:
            return
        limit = min(_LONGEST_IMPORT_S, zygote.job.timeout_s or _LONGEST_IMPORT_S)
        if time.monotonic() - zygote.started > limit:
            zygote.obstacle = f"its import took longer than {limit:g} s"
            os.killpg(zygote.pid, signal.SIGKILL)

    def _look_at_files(self) -> None:
        """Notice when what is imported is no longer what is on disk."""
        started = time.monotonic()
        if started < self._next_look or self._zygote.obstacle:
            return
        for file, identity in self._zygote.files.items():
            if _identity(file) != identity:
                self._zygote.obstacle = f"{file} has changed since"
                break
        took = time.monotonic() - started
        self._next_look = started + max(_BETWEEN_LOOKS_S, took / _SHARE_OF_LOOKS)

    def _check(self, request: _Request, job: Job) -> None:
        """Make sure that the step that a client asks for can be forked."""
        zygote = self._zygote
        if zygote.obstacle:
            raise _Unfit(zygote.obstacle)
        for name in {*self._environment, *request.environment} - _OF_NO_CONCERN:
            given, ours = request.environment.get(name), self._environment.get(name)
            if given != ours and _normal(name, given) != _normal(name, ours):
                raise _Unfit(f"{name} in its environment is not that of other jobs")
        if code_stamp(job.pipeline) != zygote.stamp:
            raise _Unfit("the pipeline's code has changed since it was imported")
        if request.rule not in STEPS:
            raise _Unfit("its command is no step of an asset")

    def _refuse(self, client: _Client, reason: str) -> None:
        """Tell a client to run cold; it closes the connection when it has heard it."""
        client.request = None
        answer(client.connection, b"C" + reason.encode(errors="replace"))
        with contextlib.suppress(OSError):
            client.connection.shutdown(socket.SHUT_WR)


def _channel() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a channel: where requests go in, and where they come out."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    return ours, theirs


def _normal(name: str, value: str | None) -> str | None:
    # See Job.enter_environment: a download, with no threads, gets one.
    return "1" if name.endswith("_THREADS") and value == "0" else value


def _identities(files: list[str]) -> Mapping[str, tuple[int, ...] | None]:
    return {file: _identity(file) for file in files}


def _identity(file: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
