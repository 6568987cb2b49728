"""A web server over a folder, which stands in for an archive and can misbehave.

It speaks HTTP/1.1 with ``Range`` (one, from a byte on), as archives do, and remembers
what was asked of it::

    with ArchiveServer(folder) as server:
        server.answer("a.edf", 503, times=2)
        server.cut("b.edf", after=1000, times=3)
        ...
        assert server.asked["a.edf"] == 3
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.helpers.local_server import LocalServer

FOREVER = 1_000_000


@dataclass(frozen=True)
class Request:
    """One request: path below the server's address, first byte asked for, answer."""

    path: str
    start: int
    status: int
    user_agent: str
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int = 0
    """Bytes of the answer's body, if it was not cut."""


class ArchiveServer(LocalServer):
    """Serves the files of a folder; each kind of trouble is per path and counted down.

    Parameters
    ----------
    folder : Path
        Is served as it is at the moment of each request.
    ranges : bool
        Whether it knows ``Range``; if not, it always sends whole files.
    etags : bool
        Whether it names an ETag, the MD5 of the file, and knows ``If-Range`` and
        ``If-Match``.
    guard : callable, optional
        Is given the address and the headers of each request, and returns the status to
        refuse it with, or None.
    """

    def __init__(
        self,
        folder: Path,
        ranges: bool = True,
        etags: bool = False,
        guard: Callable[[str, Mapping[str, str]], int | None] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.ranges = ranges
        self.etags = etags
        self.guard = guard
        self.requests: list[Request] = []
        self._answers: dict[str, list] = {}
        self._cuts: dict[str, list] = {}
        self._flipped: dict[str, list] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The address of the folder, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

    def etag(self, path: str, content: bytes) -> str:
        """Return the ETag of a file, without quotes."""
        return hashlib.md5(content, usedforsecurity=False).hexdigest()

    @property
    def asked(self) -> Counter:
        """How often each path was asked for."""
        return Counter(request.path for request in self.requests)

    def forget(self) -> None:
        """Count requests from zero on."""
        self.requests.clear()

    def answer(
        self, path: str, status: int, times: int = FOREVER, **headers: str
    ) -> None:
        """Answer with a status instead of the file; ``Retry_After`` is Retry-After."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self._answers[path] = [times, status, named]

    def cut(self, path: str, after: int, times: int = FOREVER) -> None:
        """Close the connection after so many bytes of an answer's body."""
        self._cuts[path] = [times, after]

    def flip(self, path: str, at: int, times: int = FOREVER) -> None:
        """Send the file with one bit of one byte changed."""
        self._flipped[path] = [times, at]

    def mend(self) -> None:
        """Answer as a server should from now on."""
        self._answers, self._cuts, self._flipped = {}, {}, {}

    def _due(self, kind: dict[str, list], path: str) -> list | None:
        with self._lock:
            trouble = kind.get(path)
            if trouble is None or trouble[0] == 0:
                return None
            trouble[0] -= 1
            return trouble[1:]


class _Handler(BaseHTTPRequestHandler):
    owner: ArchiveServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).removeprefix("/")
        wanted = self.headers.get("Range", "")
        start, end = 0, None
        if self.owner.ranges and wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else None
        trouble = self.owner._due(self.owner._answers, path)
        file = self.owner.folder / path
        if file.is_dir():
            file /= "index.json"  # what an interface answers
        guard = self.owner.guard
        refusal = guard(self.path, self.headers) if guard else None
        if refusal is not None:
            self._send(path, start, refusal, {}, b"")
        elif trouble is not None:
            status, headers = trouble
            self._send(path, start, status, headers, b"")
        elif ".." in Path(path).parts or not file.is_file():
            self._send(path, start, 404, {}, b"")
        else:
            self._send_file(path, start, end, bytearray(file.read_bytes()))

    def _send_file(
        self, path: str, start: int, end: int | None, content: bytearray
    ) -> None:
        named = {}
        if self.owner.etags:
            named = {"ETag": f'"{self.owner.etag(path, bytes(content))}"'}
            if self.headers.get("If-Match", named["ETag"]) != named["ETag"]:
                self._send(path, start, 412, {}, b"")
                return
            if self.headers.get("If-Range", named["ETag"]) != named["ETag"]:
                start, end = 0, None
        flipped = self.owner._due(self.owner._flipped, path)
        if flipped is not None:
            content[flipped[0]] ^= 1
        length = len(content)
        if start and start >= length:
            headers = {"Content-Range": f"bytes */{length}", **named}
            self._send(path, start, 416, headers, b"")
        elif start or end is not None:
            piece = bytes(content[start:end])
            last = start + len(piece) - 1
            headers = {"Content-Range": f"bytes {start}-{last}/{length}", **named}
            self._send(path, start, 206, headers, piece)
        else:
            self._send(path, start, 200, named, bytes(content))

    def _send(
        self, path: str, start: int, status: int, headers: dict, body: bytes
    ) -> None:
        agent = self.headers.get("User-Agent", "")
        asked = dict(self.headers.items())
        self.owner.requests.append(
            Request(path, start, status, agent, asked, len(body))
        )
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.owner._due(self.owner._cuts, path) if body else None
        if cut is not None and cut[0] < len(body):
            body = body[: cut[0]]
            self.close_connection = True
        try:
            self.wfile.write(body)
        except ConnectionError:
            # Whoever asked has gone.
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing; `ArchiveServer.requests` has it all."""


ArchiveServer.handler = _Handler
