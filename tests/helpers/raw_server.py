"""A server that answers with whatever bytes it is given, HTTP or not.

Each connection gets the next answer of a list, the last one again and again::

    with RawServer([b"HTTP/1.1 200 OK\\r\\n\\r\\n"]) as server:
        ...
        assert b"Range: bytes=3-" in server.requests[1]
"""

import socket
import threading
from collections.abc import Iterable

__all__ = ["RawServer", "answer"]


def answer(
    body: bytes = b"", *lines: str, status: str = "200 OK", length: bool = True
) -> bytes:
    """Return an answer with these lines in its header."""
    header = [f"HTTP/1.1 {status}", *lines]
    if length:
        header.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*header, "Connection: close", "", ""]).encode("latin-1") + body


class RawServer:
    """Sends each answer, bytes or an iterable of bytes, and closes the connection."""

    def __init__(self, answers: list[bytes | Iterable[bytes]]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []

    def __enter__(self) -> "RawServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # To close it alone does not wake who waits on it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                more = connection.recv(4096)
                if not more:
                    return
                request += more
            self.requests.append(request)
            number = min(len(self.requests), len(self.answers)) - 1
            pieces = self.answers[number]
            try:
                for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                    connection.sendall(piece)
            except OSError:
                # Whoever asked has gone.
                pass
