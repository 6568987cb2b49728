"""Download a file: whole and checked, or not there under its name.

requests speaks to the server; how a download is taken up again after a cut, and what
is worth another try, is decided here. (pooch checks what it has fetched as well, but
starts over after a cut, and asks again for a file that does not exist.)
"""

import errno
import operator
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brainsets.archives.checksums import Checksum
from brainsets.archives.connections import seconds
from brainsets.archives.partial_file import Part, part_of
from brainsets.archives.responses import PermanentError, TransientError, WrongBytes
from brainsets.archives.transfer import Source, shown
from brainsets.errors import DownloadError

__all__ = ["RETRIES", "download_file", "is_whole", "wait_to_retry"]

RETRIES = 6
"""How often in a row a file is asked for again in vain before it counts as failed."""

_FIRST_WAIT = "BRAINSETS_RETRY_WAIT_S"
# With six retries and doubled waits, a file is given up after a minute or two.
_MAX_WAIT_S = 120.0
# Less than this is no progress: a server may send a byte each time, for ever.
_PROGRESS_BYTES = 1 << 14
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html[\s>])", re.I)
_WEB_PAGES = ("", ".htm", ".html", ".xhtml", ".php", ".asp", ".aspx", ".jsp")


def download_file(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    dandi_etag: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    again: bool = False,
    report: Callable[[str], object] | None = None,
) -> Path:
    """Fetch a file, unless it is there, and put it in place once it is whole.

    What arrives is written to ``<name>.part`` beside `path`, and moved when it is
    complete and its checksum is right. After a cut it is continued where it stopped, in
    this call or a later one, if a checksum can tell whether the pieces fit; else it is
    started over. What the server names is kept to as well: lengths, places of pieces,
    and, without a checksum of the caller's, those in its header. A file that it sends
    as gzip, though asked for it as it is, is unpacked, unless its name ends as that of
    a packed file.

    What may pass (no connection, a time-out, a cut, an answer that contradicts itself,
    the statuses 408, 425, 429 and 5xx) is tried again after 1, 2, 4, ... s, or later if
    the server says so (``Retry-After``); the environment variable
    ``BRAINSETS_RETRY_WAIT_S`` sets the first of these waits. So is an answer of which
    less than 100 bytes a second arrive, on average of the 60 s that
    ``BRAINSETS_STALL_S`` sets, or nothing for 1.5 times as long. All else is refused at
    once, also a web page in place of another kind of file, where no checksum tells.

    Processes that want the same file wait for each other. Links are replaced by what
    was fetched, at `path` and at ``<name>.part``; nothing is written through them.
    Proxies are taken from the environment, passwords from ``~/.netrc``; errors and
    status texts do not show what looks like a secret in an address.

    Parameters
    ----------
    url : str
        Where the file is; http or https.
    path : Path
        Where it goes; its folder is made.
    sha256 : str, optional
        Its SHA-256 as 64 hexadecimal digits. A file at `path` that has another one is
        fetched anew.
    dandi_etag : str, optional
        Its checksum as DANDI makes it at once, `brainsets.archives.checksums`. It
        counts where `sha256` is not known.
    md5 : str, optional
        Its MD5 as 32 hexadecimal digits, as S3 has it; counts where neither is known.
    size : int, optional
        Its length in bytes. A file at `path` that has another one is fetched anew.
    headers : mapping, optional
        More to send with each request, such as a token; to the server of `url` alone,
        and not to those that it leads to.
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
        The server refuses, and the error's ``status`` is what it answers; or it sends
        other bytes than the checksum, `size` or itself says, twice; or could not give
        the file `RETRIES` + 1 times in a row. Only in this last case, which may pass,
        the error has a ``__cause__``.
    OSError
        The disk does not take it: it is full, the folder is not for us to write to,
        a name is too long, or `path` is a folder.
    """
    report = report or (lambda status: None)
    path = Path(path)
    checksum, size = _checksum(url, sha256, dandi_etag, md5), _length(url, size)
    if "\0" in str(path):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not again and _is_there(path, checksum, size):
        return path
    if not isinstance(url, str) or not re.match("https?:", url, re.I):
        raise DownloadError(
            f"{shown(url)}: this cannot be fetched; give an address that begins with "
            "https:// or http://."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_of(path, report) as part:
        # The process that held the lock has most likely fetched it.
        if not again and _is_there(path, checksum, size):
            part.remove()
            return path
        try:
            with Source(
                url, checksum is not None, size, report, headers or {}
            ) as source:
                _fill(part, path, source, checksum, report)
        except DownloadError as error:
            # A refused, wrong or empty file cannot be continued.
            if error.__cause__ is None or checksum is None or not part.size:
                part.remove()
            raise
        except OSError:
            # A part that cannot be continued need not fill a disk that is full.
            if checksum is None:
                part.remove()
            raise
        part.move_to(path)
    return path


def _checksum(
    url: str, sha256: Any, dandi_etag: Any, md5: Any = None
) -> Checksum | None:
    if sha256 is not None:
        checksum, pattern = Checksum("SHA-256", sha256), "[0-9a-fA-F]{64}"
        form = "64 hexadecimal digits"
    elif dandi_etag is not None:
        checksum, pattern = (
            Checksum("dandi-etag", dandi_etag),
            "[0-9a-f]{32}-[0-9]{1,5}",
        )
        form = "32 hexadecimal digits and a number"
    elif md5 is not None:
        checksum, pattern = Checksum("MD5", md5), "[0-9a-fA-F]{32}"
        form = "32 hexadecimal digits"
    else:
        return None
    if not isinstance(checksum.value, str) or not re.fullmatch(pattern, checksum.value):
        raise DownloadError(
            f"{shown(url)}: its {checksum.kind} is said to be "
            f"{shown(repr(checksum.value))}; give {form}, or None where it is not "
            "known."
        )
    return Checksum(checksum.kind, checksum.value.lower())


def _length(url: str, size: Any) -> int | None:
    if size is None:
        return None
    # A column with a value missing has its numbers as floats.
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    try:
        length = operator.index(size)
    except TypeError:
        length = -1
    if length < 0:
        raise DownloadError(
            f"{shown(url)}: its size is said to be {shown(repr(size))}; give a number "
            "of bytes, or None where it is not known."
        )
    return length


def _is_there(path: Path, checksum: Checksum | None, size: int | None) -> bool:
    if not path.is_file() or (size is not None and path.stat().st_size != size):
        return False
    if checksum is None:
        return True
    with open(path, "rb") as file:
        return checksum.fits(file)


def is_whole(
    path: Path,
    *,
    sha256: str | None = None,
    dandi_etag: str | None = None,
    md5: str | None = None,
    size: int | None = None,
) -> bool:
    """Whether `download_file` would leave what is at `path` as it is."""
    url = str(path)
    checksum = _checksum(url, sha256, dandi_etag, md5)
    return _is_there(Path(path), checksum, _length(url, size))


def _fill(
    part: Part,
    path: Path,
    source: Source,
    checksum: Checksum | None,
    report: Callable,
) -> None:
    """Fill the part with the whole file and check it."""
    if checksum is None:
        # Without a checksum, the part may be of another version of the file.
        part.truncate()
    elif part.size and checksum.fits(part.file):
        return
    for _ in range(2):
        wrong = _transfer(source, part, report)
        if wrong is None:
            if checksum is None:
                return _refuse_web_page(source, part, path)
            found = checksum.found_in(part.file)
            if found == checksum.value:
                return
            wrong = _sentence(part, found, checksum)
        # The first time, the part that was there may be wrong, or the transfer.
        part.truncate()
    raise DownloadError(f"{shown(source.url)}: {wrong}")


def _sentence(part: Part, found: str, checksum: Checksum) -> str:
    if _WEB_PAGE.match(part.begins_with(512)):
        found += " (a web page)"
    return (
        f"the {checksum.kind} of what the server sends is {found} instead of "
        f"{checksum.value}; its file is damaged, or was replaced since the checksum "
        "was published."
    )


def _refuse_web_page(source: Source, part: Part, path: Path) -> None:
    is_page = source.is_html and _WEB_PAGE.match(part.begins_with(512))
    if is_page and path.suffix.lower() not in _WEB_PAGES:
        raise DownloadError(
            f"{shown(source.url)}: the server sends a web page instead of the file; "
            "does it want a name and a password, or is the address that of a page?"
        )


def _transfer(source: Source, part: Part, report: Callable) -> str | None:
    """Ask for a file until all of it is there, or it was in vain too often.

    Returns what is wrong with the bytes, if all have come.
    """
    in_vain, furthest = 0, part.size
    while (problem := source.receive(part)) is not None:
        if isinstance(problem, WrongBytes):
            return f"{problem}; its file is damaged, or was replaced."
        if isinstance(problem, PermanentError):
            refusal = DownloadError(f"{shown(source.url)}: {problem}")
            refusal.status = problem.status
            raise refusal
        if part.size >= furthest + _PROGRESS_BYTES and not problem.is_slow:
            in_vain, furthest = 0, part.size
        in_vain += 1
        wait_to_retry(source.url, problem, in_vain, report)
    return None


def wait_to_retry(
    url: str, problem: TransientError, in_vain: int, report: Callable
) -> None:
    """Wait until what was asked for `in_vain` times may be asked for again.

    Raises
    ------
    DownloadError
        It was asked for often enough, or the server wants to be left alone for long.
    """
    if in_vain > RETRIES:
        raise _failure(
            url, problem, f"{in_vain} times in a row; run it again to go on."
        )
    wait_s = min(seconds(_FIRST_WAIT, 1) * 2 ** (in_vain - 1), _MAX_WAIT_S)
    # With a random part, so that many clients do not come back at once.
    wait_s = max(wait_s * random.uniform(1, 1.5), problem.retry_after_s)
    if problem.retry_after_s > _MAX_WAIT_S:
        asked = f"and asks to come back in {wait_s:.0f} s; run it again then."
        raise _failure(url, problem, asked, joined=" ")
    report(f"Waiting {wait_s:.1f} s: {problem}")
    time.sleep(wait_s)


def _failure(
    url: str, problem: TransientError, rest: str, joined: str = ", "
) -> DownloadError:
    failure = DownloadError(f"{shown(url)}: {problem}{joined}{rest}")
    failure.__cause__ = problem.error
    return failure
