"""A file of an archive: there whole and right, or not there under its name.

requests speaks to the server; how a download is taken up again after a cut, and what
is worth another try, is decided here. (pooch checks what it has fetched as well, but
starts over after a cut, and asks again for a file that does not exist.)
"""

import errno
import fcntl
import hashlib
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from brainsets.errors import DownloadError
from brainsets.shared.version import VERSION

__all__ = ["RETRIES", "download_file"]

RETRIES = 6
"""How often in a row a file is asked for again in vain before it counts as failed."""

_FIRST_WAIT = "BRAINSETS_RETRY_WAIT_S"
# With six retries and doubled waits, a file is given up after a minute or two.
_LONGEST_WAIT_S = 120.0
# To connect, and between two pieces of an answer.
_TIMEOUT_S = (20.0, 90.0)
# What has arrived of a piece when the connection is cut is lost with it.
_CHUNK_BYTES = 1 << 15
_REPORT_INTERVAL_S = 5.0
# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def download_file(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    again: bool = False,
    report: Callable[[str], object] | None = None,
) -> Path:
    """Fetch a file, unless it is there, and put it in place once it is whole.

    What arrives is written to ``<name>.part`` beside `path`, and moved when it is
    complete and its checksum is right. After a cut it is continued where it stopped, in
    this call or a later one, if `sha256` can tell whether the pieces fit; else it is
    started over. What may pass (no connection, a time-out, a cut, the statuses 429 and
    5xx) is tried again after 1, 2, 4, ... s, or later if the server says so
    (``Retry-After``); the environment variable ``BRAINSETS_RETRY_WAIT_S`` sets the
    first of these waits. All else is refused at once. Processes that want the same file
    wait for each other. Proxies are taken from the environment, passwords from
    ``~/.netrc``.

    Parameters
    ----------
    url : str
        Where the file is; http or https.
    path : Path
        Where it goes; its folder is made.
    sha256 : str, optional
        Its SHA-256 as 64 hexadecimal digits. A file at `path` that has another one is
        fetched anew.
    again : bool, optional
        Fetch it even if it is there; what is there stays until it is replaced.
    report : callable, optional
        Is given a status text every few seconds, and before each wait.

    Returns
    -------
    Path
        `path`, which is now there.

    Raises
    ------
    DownloadError
        The server refuses; or sends other bytes than `sha256` says, twice; or could not
        give the file `RETRIES` + 1 times in a row. Only in this last case, which may
        pass, it has a ``__cause__``.
    """
    report = report or (lambda status: None)
    sha256 = sha256 and sha256.lower()
    if not again and _is_there(path, sha256):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _part_of(path, report) as part:
        # Whoever was waited for has most likely fetched it.
        if not again and _is_there(path, sha256):
            _remove(part)
            return path
        try:
            _fill(part, url, sha256, report)
        except DownloadError as error:
            # What is refused, wrong or empty is nothing to be continued.
            if error.__cause__ is None or sha256 is None or not _size(part):
                _remove(part)
            raise
        part.flush()
        os.fsync(part.fileno())
        os.replace(part.name, path)
    return path


def _is_there(path: Path, sha256: str | None) -> bool:
    if sha256 is None or not path.is_file():
        return path.is_file()
    with open(path, "rb") as file:
        return _digest(file) == sha256


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _part_of(path: Path, report: Callable[[str], object]) -> Iterator[BinaryIO]:
    """Open the file that a download is written to, for this process alone."""
    part, is_shared = path.with_name(f"{path.name}.part"), True
    while True:
        # Appending: whatever is written goes to the end, also of a file that was cut.
        with open(part, "a+b") as file:
            if is_shared and not _lock(file, report):
                # Without locks, a name that no other process has keeps them apart.
                _remove(file)
                own = f"{path.name}.{socket.gethostname()}-{os.getpid()}.part"
                part, is_shared = path.with_name(own), False
                continue
            # Whoever had the lock before may have moved the file, or removed it.
            if not _is_same(file, part):
                continue
            try:
                yield file
            finally:
                if not is_shared:
                    _remove(file)
            return


def _lock(file: BinaryIO, report: Callable[[str], object]) -> bool:
    """Lock a file until it is closed; return False if there are no locks here."""
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"Waiting for another process that writes {Path(file.name).name}")
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_same(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def _remove(part: BinaryIO) -> None:
    Path(part.name).unlink(missing_ok=True)


def _size(part: BinaryIO) -> int:
    return part.seek(0, os.SEEK_END)


def _fill(part: BinaryIO, url: str, sha256: str | None, report: Callable) -> None:
    """Fill the part with the whole file and check it."""
    if sha256 is None:
        # Nothing could tell whether what is there and what comes are of one version.
        part.truncate(0)
    elif _size(part) and _digest(part) == sha256:
        return
    found = []
    with _session() as session:
        while len(found) < 2:
            _transfer(session, url, part, sha256 is not None, report)
            if sha256 is None:
                return
            found.append(_digest(part))
            if found[-1] == sha256:
                return
            # The first time it may be the fault of what was there, or of the way here.
            part.truncate(0)
    raise DownloadError(
        f"{url}: the SHA-256 of what the server sends is {found[-1]} instead of "
        f"{sha256}; its file is damaged, or was replaced since the checksum was "
        "published."
    )


def _session() -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = f"brainsets-workflow/{VERSION}"
    # Compressed on the way, a file has another length and other offsets.
    session.headers["Accept-Encoding"] = "identity"
    return session


@dataclass
class _Problem:
    """Why a server did not give a file this time, though it may the next."""

    reason: str
    error: requests.RequestException
    retry_after_s: float = 0.0


def _transfer(
    session: requests.Session, url: str, part: BinaryIO, resume: bool, report: Callable
) -> None:
    """Ask for a file until all of it is there, or it was in vain too often."""
    in_vain, furthest = 0, _size(part)
    while (problem := _receive(session, url, part, resume, report)) is not None:
        if (size := _size(part)) > furthest:
            in_vain, furthest = 0, size
        in_vain += 1
        if in_vain > RETRIES:
            raise DownloadError(
                f"{url}: {problem.reason}, {in_vain} times in a row; run it again to "
                "go on."
            ) from problem.error
        wait_s = min(_first_wait_s() * 2 ** (in_vain - 1), _LONGEST_WAIT_S)
        # A bit apart, so that many who were turned away do not come back at once.
        wait_s = max(wait_s * random.uniform(1, 1.5), problem.retry_after_s)
        if problem.retry_after_s > _LONGEST_WAIT_S:
            raise DownloadError(
                f"{url}: {problem.reason} and asks to come back in {wait_s:.0f} s; run "
                "it again then."
            ) from problem.error
        report(f"Waiting {wait_s:.1f} s: {problem.reason}")
        time.sleep(wait_s)


def _first_wait_s() -> float:
    text = os.environ.get(_FIRST_WAIT, "1")
    try:
        return float(text)
    except ValueError:
        raise DownloadError(
            f"{_FIRST_WAIT} is {text!r}; give a number of seconds, such as 1."
        ) from None


def _receive(
    session: requests.Session, url: str, part: BinaryIO, resume: bool, report: Callable
) -> _Problem | None:
    """Ask once for what is missing, and append it; return what went wrong, if it may
    pass."""
    start = _size(part) if resume else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with session.get(
            url, headers=headers, stream=True, timeout=_TIMEOUT_S
        ) as response:
            if start and not _continues(response, start):
                if response.status_code in (206, 416):
                    # It has another idea of the file's length: all of it, then.
                    part.truncate(0)
                    return _receive(session, url, part, resume, report)
                start = 0
            response.raise_for_status()
            if response.status_code not in (200, 206):
                raise requests.HTTPError(response=response)
            part.truncate(start)
            _append(response, part, report)
            return None
    except requests.RequestException as caught:
        error = caught
    # Outside of the handler: an error raised in it would carry this one as its context.
    if not _may_pass(error):
        raise DownloadError(f"{url}: {_refusal(error)}")
    return _Problem(_reason(error), error, _retry_after_s(error))


def _continues(response: requests.Response, start: int) -> bool:
    first = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status_code == 206 and first is not None and int(first[1]) == start


def _append(response: requests.Response, part: BinaryIO, report: Callable) -> None:
    size = _size(part)
    expected = None
    # Of a compressed answer the length is another one.
    if response.headers.get("Content-Encoding", "identity") == "identity":
        length = response.headers.get("Content-Length", "")
        expected = size + int(length) if length.isdecimal() else None
    total = "" if expected is None else f" of {expected / 1e6:.1f}"
    reported = time.monotonic()
    for chunk in response.iter_content(_CHUNK_BYTES):
        part.write(chunk)
        size += len(chunk)
        if time.monotonic() - reported >= _REPORT_INTERVAL_S:
            report(f"Downloading {Path(part.name).stem}: {size / 1e6:.1f}{total} MB")
            reported = time.monotonic()
    # Old versions of urllib3 do not notice.
    if expected is not None and size < expected:
        raise requests.exceptions.ChunkedEncodingError(
            f"{expected - size} bytes are missing"
        )


def _may_pass(error: requests.RequestException) -> bool:
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return status == 429 or status >= 500
    passing = (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
    )
    return isinstance(error, passing)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        return f"the server answers {_status(error)}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    first: BaseException = error
    while first.__cause__ or first.__context__:
        first = first.__cause__ or first.__context__
    return f"there is no connection ({first})"


def _refusal(error: requests.RequestException) -> str:
    if not isinstance(error, requests.HTTPError):
        return f"this cannot be fetched ({error})."
    hint = "the file was moved or removed, or the address is wrong."
    if error.response.status_code in (401, 403):
        hint = "it wants a name and a password from ~/.netrc, or gives no access to it."
    return f"the server answers {_status(error)}; {hint}"


def _status(error: requests.HTTPError) -> str:
    return f"{error.response.status_code} {error.response.reason or ''}".strip()


def _retry_after_s(error: requests.RequestException) -> float:
    """Return how long the server asks to wait, 0 if it does not say."""
    if not isinstance(error, requests.HTTPError):
        return 0.0
    try:
        return Retry().parse_retry_after(error.response.headers["Retry-After"])
    except (KeyError, InvalidHeader):
        return 0.0
