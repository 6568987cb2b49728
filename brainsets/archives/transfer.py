"""One attempt to transfer a file, or what is missing of it, from a server."""

import hashlib
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions

from brainsets.archives.connections import (
    SLOWEST_BYTES_PER_S,
    TooSlow,
    open_session,
    time_outs_s,
)
from brainsets.archives.partial_file import Part
from brainsets.archives.responses import (
    ExpectedBody,
    FileChanged,
    PermanentError,
    TransientError,
    WrongBytes,
    decoder,
    expected_body,
)
from brainsets.errors import BrainsetError
from brainsets.shared.text.secrets import without_secrets

__all__ = ["Source", "chunks", "shown"]

# Read at once. What has arrived of such a piece is lost if the connection is cut.
_CHUNK_BYTES = 1 << 15
_REPORT_INTERVAL_S = 5.0
_MAX_REDIRECTIONS = 20
_MAX_TEXT_LENGTH = 300
_NO_CONNECTION = (
    requests.ConnectionError,
    requests.Timeout,
    urllib3.exceptions.TimeoutError,
    urllib3.exceptions.ProtocolError,
    ConnectionError,
    TimeoutError,
)
T = TypeVar("T")


def shown(text: object) -> str:
    """Return text from elsewhere as part of one sentence, without its secrets."""
    line = " ".join(without_secrets(str(text)).split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= _MAX_TEXT_LENGTH else f"{line[:_MAX_TEXT_LENGTH]}..."


class Source:
    """A file of a server, and what its answers have said of it so far.

    Parameters
    ----------
    url : str
        Where it is.
    is_known : bool
        Whether its checksum is, so that it may be put together from pieces.
    size : int or None
        Its length, where that is known.
    report : callable
        Is given status texts.
    headers : mapping
        More to send to its server, and to no other.
    """

    def __init__(
        self,
        url: str,
        is_known: bool,
        size: int | None,
        report: Callable,
        headers: Mapping[str, str],
    ) -> None:
        self.url, self._is_known, self._size = url, is_known, size
        self._headers = headers
        self.is_html = False
        self._report = report
        self._session = open_session()
        # Of the answer that the bytes in the part are from.
        self._etag: str | None = None
        self._total: int | None = None
        # Mirrors of one file name it differently: the second time the checksum decides.
        self._may_differ = False

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def receive(
        self, part: Part
    ) -> TransientError | PermanentError | WrongBytes | None:
        """Ask once for what is missing, and append it; return what went wrong."""
        try:
            self._receive(part)
        except (TransientError, PermanentError, WrongBytes) as problem:
            return problem
        return None

    def _receive(self, part: Part) -> None:
        start = part.size if self._is_known else 0
        try:
            return self._ask(part, start)
        except FileChanged:
            # Not the file that was begun: ask for all of it.
            self._etag = self._total = None
            self._may_differ = True
        self._ask(part, 0)

    def _ask(self, part: Part, start: int) -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and self._etag and not self._may_differ:
            headers["If-Range"] = self._etag
        with self.answer(headers) as response:
            expected = expected_body(response, start)
            self.is_html = "html" in response.headers.get("Content-Type", "").lower()
            if start and not expected.start and headers.get("If-Range"):
                # Another file, or a server that compares ETags in another way.
                self._may_differ = True
            self._compare(expected)
            part.truncate(expected.start)
            self._etag, self._total = expected.etag, expected.total or self._total
            self._append(response, expected, part)

    def _compare(self, expected: ExpectedBody) -> None:
        """Raise unless an answer is of the file that was begun, of the right length."""
        total = expected.total
        if expected.start and not self._may_differ:
            if self._etag and expected.etag and expected.etag != self._etag:
                raise FileChanged
        if expected.start and self._total and total and total != self._total:
            raise FileChanged
        if self._size is not None and total is not None and total != self._size:
            if expected.start:
                raise FileChanged
            raise WrongBytes(
                f"the server's file has {total} bytes instead of {self._size}"
            )

    def answer(self, headers: Mapping[str, str]) -> requests.Response:
        """Ask, and follow redirections; what is for one server is not told to the next.

        Raises
        ------
        TransientError, PermanentError
            There is no answer, now or ever.
        """
        url, secure = self.url, False
        for _ in range(_MAX_REDIRECTIONS + 1):
            options: dict[str, Any] = {"stream": True, "allow_redirects": False}
            ours = self._headers if self._is_home(url) else {}
            options["headers"] = {**headers, **ours}
            if ours or (secure and not url.lower().startswith("https:")):
                # A password for https must not be sent without encryption; and one from
                # ~/.netrc must not take the place of a token.
                options["auth"] = lambda request: request
            response = _of_network(
                self._session.get, url, timeout=time_outs_s(), **options
            )
            target = _of_network(self._session.get_redirect_target, response)
            if target is None:
                return response
            secure = secure or response.url.lower().startswith("https:")
            # Not read: nobody knows how long it is.
            response.close()
            url = _of_network(urljoin, response.url, target)
        raise PermanentError(
            "the server leads from one address to the next without an end."
        )

    def _is_home(self, url: str) -> bool:
        """Whether an address is of the server that was asked first."""
        return bool(self._headers) and _of_network(_server, url) == _server(self.url)

    def _append(
        self, response: requests.Response, expected: ExpectedBody, part: Part
    ) -> None:
        arrived, size = 0, part.size
        unpacked = decoder(expected.encoding) if expected.encoding else None
        # Where the caller has a checksum, that is the one which counts.
        named = {} if self._is_known or expected.start else expected.checksums
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in named}
        total = expected.total if expected.total is not None else self._size
        of = "" if total is None else f" of {total / 1e6:.1f}"
        reported = time.monotonic()
        for chunk in chunks(response):
            arrived += len(chunk)
            for algorithm in sums.values():
                algorithm.update(chunk)
            if unpacked is not None:
                unpacked, chunk = _unpacked(unpacked, chunk, expected.encoding)
            part.append(chunk)
            size += len(chunk)
            if self._size is not None and size > self._size:
                raise WrongBytes(f"the server sends more than {self._size} bytes")
            if time.monotonic() - reported >= _REPORT_INTERVAL_S:
                name = part.path.name.removesuffix(".part")
                self._report(f"Downloading {name}: {size / 1e6:.1f}{of} MB")
                reported = time.monotonic()
        self._check_end(expected, part, arrived, unpacked)
        for name, algorithm in sums.items():
            if algorithm.digest() != named[name]:
                raise WrongBytes(f"its {name.upper()} is not the one the server names")

    def _check_end(
        self, expected: ExpectedBody, part: Part, arrived: int, unpacked
    ) -> None:
        """Raise if less has arrived than the response or the caller says."""
        missing: int | str | None = None
        if expected.length is not None and arrived != expected.length:
            missing = expected.length - arrived
        elif expected.total is not None and part.size != expected.total:
            missing = expected.total - part.size
        elif unpacked is not None and not unpacked.eof:
            # A compressed stream cannot be continued in the middle.
            part.truncate()
            missing = "the last"
        if missing is not None:
            text = f"the connection was cut, {missing} bytes are missing"
            if isinstance(missing, int) and missing < 0:
                text = f"the server sends {-missing} bytes more than it says"
                part.truncate()
            raise TransientError(text)
        if not arrived and expected.length is None and expected.total is None:
            raise TransientError("the server sends nothing")
        if self._size is not None and part.size != self._size:
            raise WrongBytes(
                f"the server sends {part.size} bytes instead of {self._size}"
            )


def _server(url: str) -> tuple[str, str]:
    """Return what tells servers apart: scheme, and host with port."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def chunks(response: requests.Response) -> Iterator[bytes]:
    """Give the bytes as they are sent; raise as `Source.answer` does."""
    stream = response.raw.stream(_CHUNK_BYTES, decode_content=False)
    while (chunk := _of_network(next, stream, None)) is not None:
        yield chunk


def _unpacked(unpacked, chunk: bytes, encoding: str):
    """Return what a chunk decodes to, and the decompressor for the next one."""
    content = b""
    try:
        while chunk:
            if unpacked.eof:
                # gzip allows several streams one after the other.
                unpacked = decoder(encoding)
            content += unpacked.decompress(chunk)
            chunk = unpacked.unused_data
    except zlib.error as caught:
        error = caught
    else:
        return unpacked, content
    raise TransientError(f"the server sends what is no {encoding} ({shown(error)})")


def _of_network(call: Callable[..., T], *args, **keywords) -> T:
    """Call something that may fail for whatever is on the other side."""
    try:
        return call(*args, **keywords)
    except (BrainsetError, MemoryError):
        raise
    except Exception as caught:
        error = caught
    # Outside of the handler: an error raised in it would carry this one as its context.
    raise _problem(error, in_body=call is next)


def _problem(error: Exception, in_body: bool) -> TransientError | PermanentError:
    chain = _chain(error)
    first = shown(chain[-1])
    untrusted = (ssl.SSLCertVerificationError, ssl.CertificateError)
    if any(isinstance(each, untrusted) for each in chain):
        return PermanentError(
            f"its certificate is not to be trusted ({first}); is this the right "
            "server, and the clock of this machine right?"
        )
    if any(isinstance(each, urllib3.exceptions.InvalidHeader) for each in chain):
        return TransientError("the header of the server's answer is broken")
    if not in_body and not any(isinstance(each, _NO_CONNECTION) for each in chain):
        return PermanentError(f"this cannot be fetched ({first}).")
    cause = _without_secrets(error)
    if any(isinstance(each, TooSlow) for each in chain):
        reason = f"less than {SLOWEST_BYTES_PER_S} bytes arrive in a second ({first})"
        return TransientError(reason, cause, is_slow=True)
    other = [each for each in chain if isinstance(each, BadStatusLine)]
    if other and not isinstance(other[0], RemoteDisconnected):
        return TransientError(f"the server does not speak HTTP ({first})", cause)
    if in_body and not isinstance(chain[-1], TimeoutError):
        return TransientError("the connection was cut", cause)
    return TransientError(f"there is no connection ({first})", cause)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and those behind it, the first of them last."""
    found = [error]
    while behind := found[-1].__cause__ or found[-1].__context__:
        if behind in found:
            break
        found.append(behind)
    return found


def _without_secrets(error: Exception) -> Exception:
    """Return an error of the same kind that can be shown, with what was behind it."""
    first = ConnectionError(shown(_chain(error)[-1]))
    if not isinstance(error, requests.RequestException):
        return first
    cause = type(error)(shown(error))
    cause.__cause__ = first
    return cause
