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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brainsets.archives.connections import seconds
from brainsets.archives.partial_file import Part, digest, part_of
from brainsets.archives.responses import PermanentError, TransientError, WrongBytes
from brainsets.archives.transfer import Source, shown
from brainsets.errors import DownloadError

__all__ = ["RETRIES", "download_file"]

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
    size: int | None = None,
    again: bool = False,
    report: Callable[[str], object] | None = None,
) -> Path:
    """Fetch a file, unless it is there, and put it in place once it is whole.

    What arrives is written to ``<name>.part`` beside `path`, and moved when it is
    complete and its checksum is right. After a cut it is continued where it stopped, in
    this call or a later one, if `sha256` can tell whether the pieces fit; else it is
    started over. What the server names is kept to as well: lengths, places of pieces,
    and, without `sha256`, checksums in its header. A file that it sends as gzip,
    though asked for it as it is, is unpacked, unless its name ends as that of a packed
    file.

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
    size : int, optional
        Its length in bytes. A file at `path` that has another one is fetched anew.
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
        The server refuses; or sends other bytes than `sha256`, `size` or itself says,
        twice; or could not give the file `RETRIES` + 1 times in a row. Only in this
        last case, which may pass, it has a ``__cause__``.
    OSError
        The disk does not take it: it is full, the folder is not for us to write to,
        a name is too long, or `path` is a folder.
    """
    report = report or (lambda status: None)
    path = Path(path)
    sha256, size = _checksum(url, sha256), _length(url, size)
    if "\0" in str(path):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not again and _is_there(path, sha256, size):
        return path
    if not isinstance(url, str) or not re.match("https?:", url, re.I):
        raise DownloadError(
            f"{shown(url)}: this cannot be fetched; give an address that begins with "
            "https:// or http://."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_of(path, report) as part:
        # The process that held the lock has most likely fetched it.
        if not again and _is_there(path, sha256, size):
            part.remove()
            return path
        try:
            _fill(part, path, url, sha256, size, report)
        except DownloadError as error:
            # A refused, wrong or empty file cannot be continued.
            if error.__cause__ is None or sha256 is None or not part.size:
                part.remove()
            raise
        except OSError:
            # A part that cannot be continued need not fill a disk that is full.
            if sha256 is None:
                part.remove()
            raise
        part.move_to(path)
    return path


def _checksum(url: str, sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise DownloadError(
            f"{shown(url)}: its SHA-256 is said to be {shown(repr(sha256))}; give 64 "
            "hexadecimal digits, or None where it is not known."
        )
    return sha256.lower()


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


def _is_there(path: Path, sha256: str | None, size: int | None) -> bool:
    if not path.is_file() or (size is not None and path.stat().st_size != size):
        return False
    if sha256 is None:
        return True
    with open(path, "rb") as file:
        return digest(file) == sha256


def _fill(
    part: Part,
    path: Path,
    url: str,
    sha256: str | None,
    size: int | None,
    report: Callable,
) -> None:
    """Fill the part with the whole file and check it."""
    if sha256 is None:
        # Without a checksum, the part may be of another version of the file.
        part.truncate()
    elif part.size and part.sha256() == sha256:
        return
    with Source(url, sha256 is not None, size, report) as source:
        for _ in range(2):
            wrong = _transfer(source, part, report)
            if wrong is None:
                if sha256 is None:
                    return _refuse_web_page(source, part, path)
                found = part.sha256()
                if found == sha256:
                    return
                wrong = _sentence(part, found, sha256)
            # The first time, the part that was there may be wrong, or the transfer.
            part.truncate()
    raise DownloadError(f"{shown(url)}: {wrong}")


def _sentence(part: Part, found: str, sha256: str) -> str:
    if _WEB_PAGE.match(part.begins_with(512)):
        found += " (a web page)"
    return (
        f"the SHA-256 of what the server sends is {found} instead of {sha256}; its "
        "file is damaged, or was replaced since the checksum was published."
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
            raise DownloadError(f"{shown(source.url)}: {problem}")
        if part.size >= furthest + _PROGRESS_BYTES and not problem.is_slow:
            in_vain, furthest = 0, part.size
        in_vain += 1
        if in_vain > RETRIES:
            raise _failure(
                source, problem, f"{in_vain} times in a row; run it again to go on."
            )
        wait_s = min(seconds(_FIRST_WAIT, 1) * 2 ** (in_vain - 1), _MAX_WAIT_S)
        # With a random part, so that many clients do not come back at once.
        wait_s = max(wait_s * random.uniform(1, 1.5), problem.retry_after_s)
        if problem.retry_after_s > _MAX_WAIT_S:
            asked = f"and asks to come back in {wait_s:.0f} s; run it again then."
            raise _failure(source, problem, asked, joined=" ")
        report(f"Waiting {wait_s:.1f} s: {problem}")
        time.sleep(wait_s)
    return None


def _failure(
    source: Source, problem: TransientError, rest: str, joined: str = ", "
) -> DownloadError:
    failure = DownloadError(f"{shown(source.url)}: {problem}{joined}{rest}")
    failure.__cause__ = problem.error
    return failure
