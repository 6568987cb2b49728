"""Forks processes that run Snakemake, from one that has only imported it.

Importing is most of what a start of Snakemake costs. This process imports it once, and
each request forks a child, which then is what ``python -m snakemake`` is. It is started
by `forked.py`, which also says what a request is.
"""

import gc
import importlib
import io
import json
import os
import runpy
import selectors
import socket
import sys
import time

# What most runs import, at once or on the way.
_MODULES = (
    "snakemake.cli",
    "snakemake.assets",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake.storage",
    "jsonschema",
    "pandas",
    "rich.console",
    "rich.table",
    "smart_open",
    "yte",
)
_MAX_REQUEST_BYTES = 2**20


def serve(requests: socket.socket) -> dict | None:
    """Fork until nobody can ask any more, and then return None.

    Returns in each child, with the request that it is for. Who asks is told the child's
    pid, and when it has ended, its status in the form of `os.waitpid`.
    """
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is requests:
                message, fds, _, _ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 2)
                if not message:
                    return None
                output, asker = fds[0], socket.socket(fileno=fds[1])
                pid = os.fork()
                if pid == 0:
                    os.dup2(output, 1)
                    os.dup2(output, 2)
                    os.close(output)
                    asker.close()
                    _close_all(selector)
                    return json.loads(message)
                os.close(output)
                _tell(asker, pid)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, asker)
            else:
                selector.unregister(key.fd)
                status = os.waitid(os.P_PIDFD, key.fd, os.WEXITED)
                os.close(key.fd)
                ended = -status.si_status
                if status.si_code == os.CLD_EXITED:
                    ended = status.si_status
                _tell(key.data, ended)
                key.data.close()


def _close_all(selector: selectors.BaseSelector) -> None:
    for key in list(selector.get_map().values()):
        if key.data is None:
            key.fileobj.close()
        else:
            os.close(key.fd)
            key.data.close()
    selector.close()


def _tell(asker: socket.socket, number: int) -> None:
    try:
        asker.send(str(number).encode())
    except OSError:
        pass  # Nobody waits for it any more.


def become_fresh(request: dict) -> None:
    """Be as an interpreter that has been started with ``-m snakemake``."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    for fd, name in ((1, "stdout"), (2, "stderr")):
        # As the interpreter has made the server's.
        old = getattr(sys, name)
        stream = io.TextIOWrapper(
            open(fd, "wb", 0 if old.write_through else -1, closefd=False),
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=old.line_buffering,
            write_through=old.write_through,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.path[0] = request["cwd"]
    sys.argv = ["-m", *request["arguments"]]


def main() -> None:
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in _MODULES:
        importlib.import_module(name)
    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, "a module that was imported has started a thread"
    # Children do not look through what is imported, and so do not copy it.
    gc.freeze()
    request = serve(requests)
    if request is not None:
        become_fresh(request)
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
