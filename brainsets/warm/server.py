"""The server that runs the steps of one brainset in one run, warm.

`brainsets.warm.client` starts it. For each client it has a worker that does what the
wrapper of a cold job does; only the children of that are forked by the zygote. This
process itself imports no pipeline, so the workers, which are forked from it, are small.

It keeps one zygote, and watches its clients: when one is killed, its worker is killed
like the wrapper of a cold job would be, and takes its children with it. It ends with
the run.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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


@dataclass(eq=False)
class _Client:
    connection: socket.socket
    pid: int
    received: bytes = b""
    request: Request | None = None
    worker: "_Worker | None" = None


@dataclass(eq=False)
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
    # Whoever started the run may ignore it, and then nothing could be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _remove_leftovers(Path(path).parent)
    _Server(socket.socket(fileno=listener), Path(path)).serve()
    os._exit(0)


def _remove_leftovers(folder: Path) -> None:
    """Remove the sockets of runs that have ended, and whose server was killed."""
    for path in folder.glob("*-*-*"):
        pid, started = path.name.split("-")[:2]
        # What is called otherwise is none of ours.
        if pid.isascii() and pid.isdigit() and started.isascii() and started.isdigit():
            if start_time(int(pid)) != int(started):
                with contextlib.suppress(OSError):
                    path.unlink()


class _Server:
    def __init__(self, listener: socket.socket, path: Path) -> None:
        self._listener, self._is_open = listener, True
        self._path = path
        self._clients: list[_Client] = []
        self._workers: list[_Worker] = []
        self._zygote: ZygoteHandle | None = None
        self._main, self._main_start = map(int, path.name.split("-")[:2])
        self._last_work = time.monotonic()
        # Not epoll: processes that are forked would share it.
        self._selector = selectors.PollSelector()
        self._watch(listener, self._accept)
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        while self._is_open or self._clients:
            for key, _ in self._selector.select(_TICK_S):
                # Else it was closed by what was done for another one.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            # The end of a worker is the end of its socket, too.
            self._reap()
            if self._zygote:
                self._zygote.limit_import()
                self._zygote.look_at_files()
            self._start_steps()
            if self._is_open and (not self._run_lives() or self._is_idle()):
                self._close_listener()
        if self._zygote and not self._zygote.is_settled:
            os.killpg(self._zygote.pid, signal.SIGKILL)

    def _watch(self, end: socket.socket, callback: Callable[[], None]) -> None:
        """Call a function whenever there is something to be read."""
        end.setblocking(False)
        self._selector.register(end, selectors.EVENT_READ, callback)

    def _close(self, end: socket.socket) -> None:
        self._selector.unregister(end)
        end.close()

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
        self._close(self._listener)
        self._is_open = False
        for client in [c for c in self._clients if c.worker is None]:
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
        client = _Client(connection, pid)
        self._clients.append(client)
        self._watch(connection, partial(self._listen_to, client))

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
        if client in self._clients:
            self._clients.remove(client)
            self._close(client.connection)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for worker in [w for w in self._workers if w.pid == pid]:
                self._workers.remove(worker)
                self._close(worker.socket)
                if worker.client is not None:
                    if os.WIFSIGNALED(status):
                        # It could not say so itself.
                        end = bytes([128 + os.WTERMSIG(status)])
                        answer(worker.client.connection, end)
                    self._forget(worker.client)

    def _start_steps(self) -> None:
        """Give those clients a worker whose request is there."""
        for client in [*self._clients]:
            request = client.request
            if request is None or client.worker is not None:
                continue
            try:
                job = request.job()
                zygote = self._zygote or self._start_zygote(job)
                if not zygote.is_settled:
                    return
                if request.rule not in STEPS:
                    raise RunCold("its command is no step of an asset")
                zygote.check(request, job)
                # The latest, which others may not need to be there at all.
                free = [worker for worker in self._workers if worker.client is None]
                worker = free[-1] if free else self._start_worker(zygote)
                task = request.rule, job, client.pid
                assign(worker.socket, client.connection, *task)
                client.worker, worker.client = worker, client
            except (RunCold, OSError) as reason:
                self._refuse(client, str(reason))

    def _start_worker(self, zygote: ZygoteHandle) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def work() -> None:
            ours.close()
            self._close_all()
            run_worker(theirs, zygote.forkers)

        worker = _Worker(fork(work), ours)
        theirs.close()
        self._workers.append(worker)
        self._watch(ours, partial(self._listen_to_worker, worker))
        return worker

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

    def _start_zygote(self, job: Job) -> ZygoteHandle:
        ends = {kind: _channel() for kind in _KINDS}
        reports, reporting = os.pipe()

        def begin() -> None:
            os.close(reports)
            self._close_all()
            for ours, _ in ends.values():
                ours.close()
            theirs = {kind: end for kind, (_, end) in ends.items()}
            run_zygote(job, theirs, reporting, os.memfd_create("printed"))

        pid = fork(begin)
        with contextlib.suppress(OSError):
            # Here too, so that the group can be killed whoever comes first.
            os.setpgid(pid, pid)
        os.close(reporting)
        for _, theirs in ends.values():
            theirs.close()
        channels = {kind: ours for kind, (ours, _) in ends.items()}
        zygote = self._zygote = ZygoteHandle(job, channels, pid, reports)

        def listen() -> None:
            zygote.hear()
            if zygote.has_ended:
                self._selector.unregister(reports)

        self._selector.register(reports, selectors.EVENT_READ, listen)
        return zygote

    def _close_all(self) -> None:
        """Close, in a process that was forked, what belongs to this one."""
        for key in self._selector.get_map().values():
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()

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
