"""What a response says of the bytes that follow: status, length, range and checksums.

A response that contradicts itself, or what was asked for, is refused.
"""

import base64
import binascii
import calendar
import email.utils
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import NoReturn

import requests
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

__all__ = [
    "TransientError",
    "FileChanged",
    "ExpectedBody",
    "PermanentError",
    "WrongBytes",
    "decoder",
    "expected_body",
    "named_range",
    "raise_for",
    "retry_after_s",
    "status_text",
]

# Values of Content-Encoding that mean: none.
_AS_IT_IS = {"", "identity", "none", "binary", "8bit", "utf-8", "aws-chunked"}
_ZIPPED = {"gzip", "x-gzip", "deflate"}
_ZIPPED_NAMES = re.compile(r"\.(?:b?gz|tgz|svgz|emz|[a-z]+z)$", re.I)
_LENGTH = re.compile(r"[0-9]{1,18}", re.A)
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.A)
# Names of algorithms in headers, and in hashlib.
_ALGORITHMS = {
    "md5": "md5",
    "sha": "sha1",
    "sha-1": "sha1",
    "sha-256": "sha256",
    "sha-512": "sha512",
}
_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}


class PermanentError(Exception):
    """The server does not give the file, and trying again will not help.

    `status` is what it answers, if it does.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class TransientError(Exception):
    """The server did not give the file this time."""

    def __init__(
        self,
        reason: str,
        error: Exception | None = None,
        retry_after_s: float = 0.0,
        is_slow: bool = False,
    ) -> None:
        super().__init__(reason)
        self.error = error or ConnectionError(reason)
        self.retry_after_s = retry_after_s
        self.is_slow = is_slow


class WrongBytes(Exception):
    """All has arrived, but its checksum or size is another one."""


class FileChanged(Exception):
    """The server has another version of the file that was begun."""


@dataclass(frozen=True)
class ExpectedBody:
    """What a response says of the bytes that follow, and of their file."""

    start: int
    length: int | None
    """Bytes that follow, as they are sent."""
    total: int | None
    """Bytes of the whole file."""
    encoding: str = ""
    """gzip or deflate, where the bytes are to be decoded."""
    etag: str | None = None
    """A strong one."""
    checksums: dict[str, bytes] = field(default_factory=dict)
    """Of a whole file as it is sent; by names of hashlib."""


def expected_body(response: requests.Response, start: int) -> ExpectedBody:
    """Return what an answer promises.

    Parameters
    ----------
    start : int
        The first byte that was asked for; 0 if the whole file was.

    Raises
    ------
    FileChanged
        It does not continue what was begun at `start`; all of it should be asked for.
    TransientError, PermanentError
        It does not give the file.
    """
    status = response.status_code
    if start and status in (206, 416):
        if status == 416 or named_range(response) is None:
            raise FileChanged
    elif status not in (200, 206):
        raise_for(response)
    header = response.headers
    length = _length(response)
    encoding = _encoding(response)
    total, first = None, 0
    if status == 206:
        first, length, total = _piece(response, start, length)
        if encoding and first:
            raise FileChanged
    elif found := named_range(response):
        total = found[2]
    if total is None and length is not None and not encoding:
        total = first + length
    etag = header.get("ETag", "").strip()
    return ExpectedBody(
        start=first,
        length=length,
        total=None if encoding else total,
        encoding=encoding,
        etag=etag if re.fullmatch(r'"[^"]+"', etag) else None,
        checksums=_checksums(header, whole=status == 200),
    )


def raise_for(response: requests.Response) -> NoReturn:
    """Raise for an answer that is no file."""
    status = response.status_code
    text = f"the server answers {status_text(response)}"
    if status in (408, 425, 429) or 500 <= status < 600:
        # Other clients take these two for permanent.
        passing = status in (408, 425)
        error = None if passing else requests.HTTPError(text, response=response)
        raise TransientError(
            text, error, retry_after_s(response.headers.get("Retry-After"))
        )
    hint = "the file was moved or removed, or the address is wrong."
    if status in (401, 403):
        hint = "it wants a name and a password from ~/.netrc, or gives no access to it."
    elif status == 407:
        hint = "the proxy wants a name and a password, in the variable https_proxy."
    elif status < 400 or status >= 600:
        hint = "with that comes no file."
    raise PermanentError(f"{text}; {hint}", status)


def status_text(response: requests.Response) -> str:
    return f"{response.status_code} {response.reason or ''}".strip()


def named_range(response: requests.Response) -> tuple[int, int, int | None] | None:
    """Return first and last byte of a piece, and the length of its file if known."""
    text = response.headers.get("Content-Range", "").strip()
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    if last < first or (total is not None and last >= total):
        return None
    return first, last, total


def _piece(
    response: requests.Response, start: int, length: int | None
) -> tuple[int, int, int | None]:
    """Return where a piece begins, its length and that of the file."""
    found = named_range(response)
    if found is None or found[0] != start:
        if start:
            raise FileChanged
        raise TransientError(
            "the server sends a piece of the file that was not asked for"
        )
    first, last, total = found
    if not start and (total is None or last != total - 1):
        of = "" if total is None else f" of {total}"
        raise TransientError(
            f"the server sends {last + 1} bytes{of} though all of them were asked for"
        )
    if length is not None and length != last - first + 1:
        raise TransientError(
            f"the server says {length} bytes follow, and that they are the bytes "
            f"{first} to {last}"
        )
    return first, last - first + 1, total


def _length(response: requests.Response) -> int | None:
    header = response.headers
    codings = _words(header.get("Transfer-Encoding", ""))
    if set(codings) - {"chunked", "identity", ""}:
        raise PermanentError(f"the server sends it as {', '.join(codings)!r}, unasked.")
    text = header.get("Content-Length")
    if text is None:
        if "chunked" not in codings:
            _read_whole(response)
        return None
    found = set(_words(text))
    if len(found) != 1 or not _LENGTH.fullmatch(min(found)):
        raise TransientError(f"the server says that {text[:60]!r} bytes follow")
    return int(found.pop())


def _read_whole(response: requests.Response) -> None:
    """Raise unless the header was read to its end: it may have named a length."""
    message = getattr(getattr(response.raw, "_original_response", None), "msg", None)
    if message is None:
        return
    try:
        assert_header_parsing(message)
    except (HeaderParsingError, TypeError):
        broken = True
    else:
        broken = False
    if broken:
        raise TransientError("the header of the server's answer is broken")


def _encoding(response: requests.Response) -> str:
    codings = [
        word
        for word in _words(response.headers.get("Content-Encoding", ""))
        if word not in _AS_IT_IS
    ]
    if not codings:
        return ""
    if len(codings) > 1 or codings[0] not in _ZIPPED:
        raise PermanentError(
            f"the server sends it encoded as {', '.join(codings)[:60]!r}, though it "
            "was asked for the file as it is."
        )
    # Also sent for files that are compressed themselves, as a.nii.gz.
    path = re.split("[?#]", response.url)[0]
    return "" if _ZIPPED_NAMES.search(path) else codings[0]


def decoder(encoding: str):
    """Return a decompressor, whose ``eof`` says whether it has seen the end."""
    return zlib.decompressobj(31 if "gzip" in encoding else 15)


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",")]


def _checksums(header, whole: bool) -> dict[str, bytes]:
    """Return the checksums of the file that a header names, by names of hashlib."""
    named: list[tuple[str, str]] = []
    for key in ("Digest", "Repr-Digest", *(["Content-Digest"] if whole else [])):
        for part in header.get(key, "").split(","):
            name, _, value = part.strip().partition("=")
            named.append((name, value.strip(":")))
    if whole:
        named.append(("md5", header.get("Content-MD5", "")))
    for part in header.get("x-goog-hash", "").split(","):
        name, _, value = part.strip().partition("=")
        # The checksum is of the stored file, before it is decoded.
        if "x-goog-stored-content-encoding" not in header or (
            header["x-goog-stored-content-encoding"] == "identity"
        ):
            named.append((name, value))
    for name, key in (("sha-256", "sha256"), ("sha", "sha1")):
        named.append((name, header.get(f"x-amz-checksum-{key}", "")))
    found = {}
    for name, value in named:
        algorithm = _ALGORITHMS.get(name.lower())
        try:
            content = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue
        # Of parts put together there is one of another kind, with a number at its end.
        if algorithm and len(content) == _SIZES[algorithm]:
            found[algorithm] = content
    return found


def retry_after_s(text: str | None) -> float:
    """Return how long a server asks to wait, 0 if it says nothing that makes sense."""
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]+", text, re.A):
        return float(text[:12])
    try:
        when = email.utils.parsedate_tz(text)
        if when is None:
            return 0.0
        moment = calendar.timegm(when[:6]) - (when[9] or 0)
    except (ArithmeticError, IndexError, TypeError, ValueError):
        return 0.0
    return max(0.0, moment - time.time())
