"""The public bucket of OpenNeuro: the files of each dataset's newest version.

Its interface is that of S3, ListObjectsV2 and plain requests, without a signature:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

from brainsets.archives.checksums import multipart_etag
from brainsets.archives.downloads import download_file, is_whole
from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError

__all__ = ["BUCKET", "StoredFile", "fetch_file", "has_etag", "is_there", "stored_files"]

BUCKET = "https://s3.amazonaws.com/openneuro.org/"
"""Its address."""

_MD5 = re.compile(r"[0-9a-f]{32}")
# A bucket may hold more; a list that never ends is none.
_MAX_PAGES = 5000
_MAX_NAME_BYTES = 255
# In which people and programs upload: that of the AWS command line first.
_PART_BYTES = [
    *(
        n << 20
        for n in (8, 5, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024)
    ),
    *(n * 10**6 for n in (5, 10, 50, 100, 500, 1000)),
]


@dataclass(frozen=True)
class StoredFile:
    """A file of a dataset.

    Parameters
    ----------
    path : str
        In the dataset, with ``/``; stays inside of a folder that it is put into.
    size : int
        Bytes.
    etag : str
        Of its content: the MD5, or, with a ``-``, of the parts it was uploaded in.
    """

    path: str
    size: int
    etag: str

    @property
    def md5(self) -> str | None:
        """Its MD5, None if the bucket does not know it."""
        return self.etag if _MD5.fullmatch(self.etag) else None


def stored_files(
    dataset: str,
    url: str = BUCKET,
    report: Callable[[str], object] | None = None,
) -> list[StoredFile]:
    """Return all files of a dataset, in the order of their paths.

    Parameters
    ----------
    dataset : str
        Its id, ``ds005555``.
    url : str
        The bucket's address, or a mirror's with the same interface.
    report : callable, optional
        Is given status texts, see `download_file`.

    Raises
    ------
    DownloadError
        The bucket has no such dataset, or cannot be asked.
    """
    found: dict[str, StoredFile] = {}
    token: str | None = None
    for _ in range(_MAX_PAGES):
        page = _page(dataset, url, token, report)
        for file in _files(page, f"{dataset}/", url):
            found[file.path] = file
        token = _text(page, "NextContinuationToken")
        if _text(page, "IsTruncated") != "true":
            break
        if not token:
            raise DownloadError(f"{shown(url)}: its list of {dataset} has no end.")
    else:
        raise DownloadError(f"{shown(url)}: its list of {dataset} never ends.")
    if not found:
        raise DownloadError(
            f"OpenNeuro has no files of a dataset {dataset!r}; its id is in its "
            "address, as in https://openneuro.org/datasets/ds005555, and it may not be "
            "public yet."
        )
    return [found[path] for path in sorted(found)]


def _page(
    dataset: str,
    url: str,
    token: str | None,
    report: Callable[[str], object] | None,
) -> ElementTree.Element:
    asked = {"list-type": "2", "prefix": f"{dataset}/", "encoding-type": "url"}
    if token:
        asked["continuation-token"] = token
    address = f"{url.rstrip('/')}/?{urlencode(asked)}"
    with tempfile.TemporaryDirectory() as folder:
        file = download_file(address, Path(folder, "answer.xml"), report=report)
        content = file.read_bytes()
    # A list declares no entities, which may be made to fill all memory.
    if b"<!DOCTYPE" not in content[:1000]:
        try:
            page = ElementTree.fromstring(content)
        except ElementTree.ParseError:
            pass
        else:
            if page.tag.rpartition("}")[2] == "ListBucketResult":
                return page
    raise DownloadError(f"{shown(url)} answers something that is no list of S3.")


def _files(page: ElementTree.Element, prefix: str, url: str) -> Iterator[StoredFile]:
    for entry in page:
        if entry.tag.rpartition("}")[2] != "Contents":
            continue
        key = unquote_plus(_text(entry, "Key") or "", errors="surrogateescape")
        size, etag = _text(entry, "Size") or "", _text(entry, "ETag") or ""
        path = key.removeprefix(prefix)
        if key.endswith("/") or not path:
            # In place of an empty folder.
            continue
        if key == path or not size.isdigit() or not _stays_inside(path):
            raise DownloadError(
                f"{shown(url)} lists {shown(repr(key))} of {shown(repr(size))} bytes, "
                "which cannot be a file of the dataset."
            )
        yield StoredFile(path, int(size), etag.strip('"').lower())


def _text(parent: ElementTree.Element, name: str) -> str | None:
    for child in parent:
        if child.tag.rpartition("}")[2] == name:
            return child.text
    return None


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    return not ({"", ".", ".."} & {*parts}) and all(
        len(part.encode("utf-8", "surrogateescape")) <= _MAX_NAME_BYTES
        and "\0" not in part
        for part in parts
    )


def fetch_file(
    file: StoredFile,
    dataset: str,
    folder: Path,
    url: str = BUCKET,
    *,
    again: bool = False,
    report: Callable[[str], object] | None = None,
) -> Path:
    """Fetch a file of a dataset to the same path below a folder, unless it is there.

    It is checked by its MD5. Where the bucket knows none, a file that is there is only
    taken if it gives the ETag in parts of a usual size, and the bucket is asked for the
    file of that ETag alone.

    Raises
    ------
    DownloadError
        It cannot be had, or is not what was listed.
    """
    if is_there(file, folder) and not (again and file.md5 is None):
        return folder / PurePosixPath(file.path)
    key = quote(f"{dataset}/{file.path}", errors="surrogateescape")
    address = f"{url.rstrip('/')}/{key}"
    try:
        return download_file(
            address,
            folder / PurePosixPath(file.path),
            md5=file.md5,
            size=file.size,
            headers=None if file.md5 else {"If-Match": f'"{file.etag}"'},
            again=True,
            report=report,
        )
    except DownloadError as error:
        if error.status not in (404, 412):
            raise
        changed = DownloadError(
            f"{file.path} of {dataset} is not what was listed (the server answers "
            f"{error.status}): the dataset has changed. List it again, with 'snakemake "
            "--forcerun write_manifest' or 'brainsets prepare' and --list."
        )
        changed.status = error.status
        raise changed from None


def is_there(file: StoredFile, folder: Path) -> bool:
    """Whether a file is there, and has the content that was listed."""
    path = folder / PurePosixPath(file.path)
    if not is_whole(path, md5=file.md5, size=file.size):
        return False
    return file.md5 is not None or has_etag(path, file.etag)


def has_etag(path: Path, etag: str) -> bool:
    """Whether a file gives an ETag of parts of one of the usual sizes.

    False does not say that it is another file.
    """
    count = etag.rpartition("-")[2]
    if not count.isdigit() or not int(count):
        return False
    size = path.stat().st_size
    with open(path, "rb") as file:
        return any(
            multipart_etag(file, part) == etag
            for part in _PART_BYTES
            if -(-size // part) == int(count)
        )
