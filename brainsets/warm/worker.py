"""Runs steps of assets for clients, one after the other, as wrappers of cold jobs do.

A worker runs none of a pipeline's code itself, so it can be used again. It is not, once
it has met anything that is not as usual.
"""

import contextlib
import os
import pickle
import socket
import traceback
from collections.abc import Callable
from functools import partial

from brainsets.jobs import batches, steps
from brainsets.jobs.attempts import Forkers
from brainsets.jobs.outputs.staging import reused_folders
from brainsets.shared.locks import release_locks
from brainsets.supervision.child import flush_streams, redirect_to_null

__all__ = ["STEPS", "answer", "assign", "run_worker"]

STEPS: dict[str, Callable[..., int]] = {
    "download_asset": steps.download_asset,
    "process_asset": steps.process_asset,
    "download_batch": batches.download_batch,
    "process_batch": batches.process_batch,
}
_MAX_REQUEST_BYTES = 1 << 18


def assign(worker: socket.socket, client: socket.socket, *task: object) -> None:
    """Give a worker a task: the name of a step, a job, and the pid of its client.

    Raises
    ------
    OSError
        The worker is gone, or the task is longer than the system lets it be.
    """
    socket.send_fds(worker, [pickle.dumps(task)], [client.fileno()])


def answer(client: socket.socket, content: bytes) -> None:
    """Tell a client something, if it is still there."""
    try:
        client.send(content)
    except OSError:
        # It is gone; then nobody wants to know.
        pass


def run_worker(requests: socket.socket, forkers: Forkers) -> None:
    """Run steps until nobody can ask for one, in a process of its own.

    Parameters
    ----------
    requests : socket
        Where tasks come from. One byte is sent back when a step is over.
    forkers : mapping
        Makes those who fork the children of steps, see `brainsets.jobs.steps`.
    """
    with reused_folders():
        while _is_step_run(requests, forkers):
            pass


def _is_step_run(requests: socket.socket, forkers: Forkers) -> bool:
    """Run one step; return whether this process may run another."""
    message, descriptors, _, _ = socket.recv_fds(
        requests, _MAX_REQUEST_BYTES, 1, socket.MSG_CMSG_CLOEXEC
    )
    if not message:
        return False
    name, job, pid = pickle.loads(message)
    client = socket.socket(fileno=descriptors[0])
    client.setblocking(True)
    status = _run(partial(STEPS[name], job, forkers), client, pid)
    if status is None:
        return False
    release_locks()
    # First, so that the end of the client is not taken for an interruption.
    answer(requests, b".")
    answer(client, bytes([status]))
    client.close()
    return True


def _run(step: Callable[[], int], client: socket.socket, pid: int) -> int | None:
    """Run a step; return its status, None if this process must not be used again."""
    try:
        _take_streams(pid)
    except OSError as error:
        answer(client, f"Cits streams cannot be reached ({error})".encode())
        client.shutdown(socket.SHUT_WR)
        return None
    answer(client, b"A")
    try:
        status = step()
        flush_streams()
        redirect_to_null(1, 2)
        # What could not be written is no part of the next step's log.
        flush_streams()
    except BaseException:
        # Its log may be what cannot be written.
        with contextlib.suppress(Exception):
            traceback.print_exc()
        answer(client, bytes([1]))
        return None
    return status


def _take_streams(pid: int) -> None:
    """Write from now on where the standard streams of another process go."""
    for number in (1, 2):
        path = f"/proc/{pid}/fd/{number}"
        stream = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(stream, number)
        os.close(stream)
