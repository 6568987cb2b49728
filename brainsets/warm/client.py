"""Have a step run by the warm process of its run, or run it cold.

usage: python -I -S client.py SOCKET COMMAND...

COMMAND is what would run without a warm process: an interpreter, the wrapper of a rule
and its arguments. This client starts the warm process if nobody has; where there can be
none, it turns into COMMAND. It is a program of its own that imports nothing that takes
long; `client.pl` does the usual case in less time still.

The client sends its command and its environment, and gets ``A``, then a byte with the
exit status of the step; or ``C`` and a reason to run cold. It forwards the signals by
which a run is stopped. When it is killed, its step is killed, too.
"""

import os
import sys

try:
    import _signal as signal
    import _socket as socket
    import fcntl

    _LACKS_MODULES = False
except ImportError:
    # An unusual build of Python: run cold.
    _LACKS_MODULES = True

_FORWARDED = ("SIGTERM", "SIGINT", "SIGHUP")


class _Cold(Exception):
    """The step has to run in an interpreter of its own; says why."""


def main(path: str, command: list[str]) -> int:
    """Run one step; return its exit status, or replace this program by `command`."""
    try:
        if _LACKS_MODULES:
            raise _Cold("this interpreter lacks a module")
        server = _connected(path, command)
        answer = _asked(server, command)
    except _Cold as reason:
        os.write(1, f"starts an interpreter of its own: {reason}\n".encode())
        os.execv(command[0], command)
    for name in _FORWARDED:
        signum = getattr(signal, name)
        signal.signal(signum, lambda signum, frame: server.send(bytes([signum])))
    status = answer[1:] or _received(server)
    # Nobody is left to tell how the step ended: as if it had been killed.
    return status[0] if status else 137


def _connected(path: str, command: list[str]) -> "socket.socket":
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        check_private(os.path.dirname(path))
        if not os.path.exists(path):
            _start(path, command)
        server.connect(path)
    except OSError as error:
        raise _Cold(f"no warm process answers at {path} ({error.strerror})") from error
    return server


def check_private(folder: str) -> None:
    """Make a folder for this user alone; refuse one that is anybody else's."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    status = os.lstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o170077 != 0o040000:
        raise _Cold(f"{folder} is no folder of this user alone")


def _start(path: str, command: list[str]) -> None:
    """Start the warm process, unless another client does so at this moment."""
    lock = os.open(f"{os.path.dirname(path)}/lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            return
        # It inherits the socket, so that whoever comes can connect from now on; and
        # not before, as one that is there and does not listen sends clients away.
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        new = f"{os.path.dirname(path)}/new"
        if os.path.exists(new):
            os.unlink(new)
        listener.bind(new)
        listener.listen(4096)
        os.rename(new, path)
        program = next(n for n, word in enumerate(command) if word.endswith(".py"))
        script = os.path.join(os.path.dirname(__file__), "main.py")
        words = [*command[:program], script, str(listener.fileno()), path]
        if os.fork() == 0:
            try:
                os.setsid()
                null = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(null, descriptor)
                os.set_inheritable(listener.fileno(), True)
                os.execv(words[0], words)
            finally:
                os._exit(127)
        listener.close()
    finally:
        os.close(lock)


def _asked(server: "socket.socket", command: list[str]) -> bytes:
    """Send the request; return the answer, which begins with A."""
    words = [os.fsencode(word) for word in command]
    words += [key + b"=" + value for key, value in os.environb.items()]
    body = b"".join(word + b"\0" for word in words)
    try:
        server.sendall(b"%d %d\n%s" % (len(command), len(body), body))
        answer = server.recv(4096)
    except OSError:
        answer = b""
    if not answer:
        raise _Cold("the warm process ended before it could take this step")
    if answer[:1] == b"C":
        while more := _received(server):
            answer += more
        raise _Cold(answer[1:].decode(errors="replace"))
    return answer


def _received(server: "socket.socket") -> bytes:
    try:
        return server.recv(4096)
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
