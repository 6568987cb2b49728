"""Keeps a zygote for the jobs of one brainset in one run, and runs their steps.

`brainsets.warm.client` starts it. For each client it has a worker that does what the
wrapper of a cold job does; only the children of that are forked by the zygote. This
process itself imports no pipeline, so the workers, which are forked from it, are small.

It watches its clients: when one is killed, its worker is killed like the wrapper of a
cold job would be, and takes its children with it. It ends with the run.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from brainsets.jobs.job import Job
from brainsets.shared.processes import start_time
from brainsets.supervision.forking import fork
from brainsets.warm.requests import Request, RunCold
from brainsets.warm.worker import STEPS, answer, assign, run_worker
from brainsets.warm.zygote import run_zygote
from brainsets.warm.zygote_handle import ZygoteHandle

__all__ = ["run_server"]

_KINDS = ("download", "process", "again", "inspect")
# Whatever comes later imports anew, which takes a second or two; memory is free.
_IDLE_TIMEOUT_S = 120
_TICK_S = 1.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_MAX_REQUEST_BYTES = 1 << 22


@dataclass
class _Client:
    connection: socket.socket
    pid: int
    received: bytes = b""
    request: Request | None = None
    worker: "_Worker | None" = None


@dataclass
class _Worker:
    pid: int
    socket: socket.socket
    client: _Client | None = None


def run_server(listener: int, path: str) -> None:
    """Serve the clients that connect to a socket, until the run has ended.

    Parameters
    ----------
    listener : int
        The descriptor of the listening socket.
    path : str
        Its path; the name begins with pid and start time of the run's main process.
    """
    _remove_leftovers(Path(path).parent)
    _Server(socket.socket(fileno=listener), Path(path)).serve()
    os._exit(0)


def _remove_leftovers(folder: Path) -> None:
    """Remove the sockets of runs that have ended, and whose keeper was killed."""
    for path in folder.glob("*-*-*"):
        pid, started = path.name.split("-")[:2]
        # What is called otherwise is none of ours.
        if pid.isascii() and pid.isdigit() and started.isascii() and started.isdigit():
            if start_time(int(pid)) != int(started):
                with contextlib.suppress(OSError):
                    path.unlink()


class _Server:
    def __init__(self, listener: socket.socket, path: Path) -> None:
        self._listener: socket.socket | None = listener
        self._path = path
        self._clients: dict[int, _Client] = {}
        self._workers: dict[int, _Worker] = {}
        self._zygote: ZygoteHandle | None = None
        self._main, self._main_start = map(int, path.name.split("-")[:2])
        self._last_work = time.monotonic()
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
                    self._zygote.hear()
                elif descriptor in self._clients:
                    self._listen_to(self._clients[descriptor])
                elif descriptor in self._workers:
                    self._listen_to_worker(self._workers[descriptor])
            if self._zygote:
                self._zygote.limit_import()
                self._zygote.look_at_files()
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
        return time.monotonic() - self._last_work > _IDLE_TIMEOUT_S

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
                client.request = Request.parsed(client.received)
            except ValueError:
                self._forget(client)
            if len(client.received) > _MAX_REQUEST_BYTES:
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
                if client.request.rule not in STEPS:
                    raise RunCold("its command is no step of an asset")
                self._zygote.check(client.request, job)
                self._employ(client, job)
            except (RunCold, OSError) as reason:
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

        def work() -> None:
            ours.close()
            self._let_go()
            run_worker(theirs, self._zygote.forkers)

        pid = fork(work)
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

        def be_first() -> None:
            os.close(life)
            self._let_go()
            for ours, _ in ends.values():
                ours.close()
            theirs = {kind: end for kind, (_, end) in ends.items()}
            run_zygote(job, theirs, told, os.memfd_create("printed"))

        pid = fork(be_first)
        with contextlib.suppress(OSError):
            # Here too, so that the group can be killed whoever comes first.
            os.setpgid(pid, pid)
        os.close(told)
        for _, theirs in ends.values():
            theirs.close()
        channels = {kind: ours for kind, (ours, _) in ends.items()}
        self._zygote = ZygoteHandle(job, channels, pid, life)

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
