"""What a project on PhysioNet lists of itself.

Each has a file ``SHA256SUMS.txt`` (a line ``<sha256> <path>`` for every file), and
projects of recordings have a file ``RECORDS`` (a path on each line).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from brainsets.archives.downloads import download_file
from brainsets.errors import DownloadError

__all__ = ["Listing", "file_url", "read_listing"]

_CHECKSUMS = "SHA256SUMS.txt"
_RECORDS = "RECORDS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]?(?:\./)?(.+)")


@dataclass(frozen=True)
class Listing:
    """The records of a project in its own order, and the SHA-256 of each of its files.

    All are paths as they stand below the project's address.
    """

    records: list[str]
    sha256: dict[str, str]


def file_url(base_url: str, path: str) -> str:
    """Return the address of a file of a project; the project's may end with a slash."""
    return f"{base_url.rstrip('/')}/{quote(path)}"


def read_listing(
    base_url: str, folder: Path, report: Callable[[str], object] | None = None
) -> Listing:
    """Fetch and read what a project lists.

    Parameters
    ----------
    base_url : str
        The project's address, such as ``https://physionet.org/files/eegmat/1.0.0/``, or
        that of a mirror.
    folder : Path
        Where its two files are put, under their own names. They are fetched each time.
    report : callable, optional
        Is given status texts, see `download_file`.

    Raises
    ------
    DownloadError
        A list cannot be fetched or read, or a record has no checksum or a path that
        leads out of the project.
    """
    url = file_url(base_url, _CHECKSUMS)
    path = download_file(url, folder / _CHECKSUMS, again=True, report=report)
    sha256 = {}
    for number, line in enumerate(_lines(path, url), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise DownloadError(
                f"{url}, line {number}: {line[:80]!r} is no SHA-256 and path; is this "
                "the address of a project on PhysioNet?"
            )
        sha256[found[2]] = found[1].lower()
    url = file_url(base_url, _RECORDS)
    path = download_file(
        url, folder / _RECORDS, sha256=sha256.get(_RECORDS), again=True, report=report
    )
    records = _lines(path, url)
    for record in records:
        if record not in sha256:
            raise DownloadError(
                f"{url} names {record!r}, for which {_CHECKSUMS} has no checksum."
            )
        if PurePosixPath(record).is_absolute() or ".." in PurePosixPath(record).parts:
            raise DownloadError(f"{url} names {record!r}, which is not in the project.")
    return Listing(records, sha256)


def _lines(path: Path, url: str) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DownloadError(f"{url} is no text ({error}).") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
