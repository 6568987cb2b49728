"""Dandisets: what the API of DANDI tells of them, and their files.

Its paths and answers are those of https://api.dandiarchive.org/swagger/ and of the
code of dandi/dandi-archive. The environment says which instance is asked, and with
which key, see `brainsets.archives.dandi.instances`.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from brainsets.archives.dandi.instances import VARIABLE, chosen_instance
from brainsets.archives.downloads import download_file
from brainsets.archives.remote_file import RemoteFile
from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError

__all__ = ["DRAFT", "Asset", "DandiArchive", "Dandiset", "local_path"]

DRAFT = "draft"
"""The version of a dandiset that may still change."""

# A page with the metadata of its assets has some kB for each.
_PAGE_SIZE = 200
_MAX_LISTINGS = 3
# With what is added to it while it is fetched, and a letter may have four bytes.
_MAX_NAME_BYTES = 200
_KEPT_LETTERS = 40
T = TypeVar("T")


@dataclass(frozen=True)
class Dandiset:
    """A dandiset.

    Parameters
    ----------
    id : str
        Six digits.
    newest : str or None
        Its newest published version, None if it was never published.
    is_open : bool
        Whether it is for everybody to read, and not embargoed.
    """

    id: str
    newest: str | None
    is_open: bool


@dataclass(frozen=True)
class Asset:
    """A file of a dandiset, or a folder that DANDI stores as one (Zarr).

    Parameters
    ----------
    path : str
        In the dandiset, with ``/``. Checked to stay inside of a folder it is put into.
    id : str
        Names this state of it; another one after any change, also of its metadata.
    size : int
        Bytes.
    sha256, etag : str or None
        Its checksums. DANDI works out the SHA-256 after an upload, the dandi-etag at
        once; a folder has neither.
    modified : str
        When its record was changed last, as ISO 8601; also where its data were not.
    is_folder : bool
        Whether it is a Zarr.
    subject, session : str
        As its metadata name them; empty if they do not.
    """

    path: str
    id: str
    size: int
    sha256: str | None
    etag: str | None
    modified: str
    is_folder: bool
    subject: str
    session: str


class DandiArchive:
    """An instance of DANDI, asked through its API.

    Parameters
    ----------
    report : callable, optional
        Is given status texts, see `download_file`.

    Attributes
    ----------
    url : str
        The address of its API.

    Raises
    ------
    DownloadError
        The environment names no instance, or has a key that cannot be one or should not
        be sent there. All methods raise it where DANDI does not give what is asked for.
    """

    def __init__(self, report: Callable[[str], object] | None = None) -> None:
        self._report = report
        self._instance = chosen_instance()
        self.url, self._headers = self._instance.url, self._instance.headers

    def dandiset(self, id: str) -> Dandiset:
        """Return what is known of a dandiset."""
        record = self._json(f"dandisets/{quote(id)}/", f"dandiset {id}")
        newest = record.get("most_recent_published_version")
        if newest is not None:
            newest = self._field(newest, "version", str)
        status = record.get("embargo_status", "OPEN")
        return Dandiset(id, newest, status == "OPEN")

    def versions(self, id: str) -> list[str]:
        """Return the versions of a dandiset in the order in which they were made."""
        what = f"versions of dandiset {id}"
        path = f"dandisets/{quote(id)}/versions/"
        return self._listed(path, {}, what, lambda r: self._field(r, "version", str))

    def metadata(self, id: str, version: str) -> dict[str, Any]:
        """Return what a version says of itself: name, licence, citation and more.

        Its form is that of the schema of dandi/schema; ``version`` says of which
        version it is.
        """
        path = f"dandisets/{quote(id)}/versions/{quote(version)}/"
        try:
            return self._json(path, f"version {version} of dandiset {id}")
        except DownloadError as error:
            if error.status != 404:
                raise
        versions = self.versions(id)
        raise DownloadError(
            f"dandiset {id} has no version {version!r}; it has "
            f"{', '.join(versions) or 'none'}."
        )

    def assets(self, id: str, version: str, pattern: str = "*") -> list[Asset]:
        """Return the assets of a version by their paths.

        Parameters
        ----------
        pattern : str
            What a path has to be like; ``*`` stands for anything, ``/`` included.
            Capital letters do not matter.
        """
        path = f"dandisets/{quote(id)}/versions/{quote(version)}/assets/"
        query = {"metadata": "true", "order": "path"}
        if pattern != "*":
            query["glob"] = pattern
        what = f"assets of version {version} of dandiset {id}"
        fits = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.I | re.S)
        # Servers that know no patterns give everything.
        found = self._listed(path, query, what, self._asset)
        return sorted(
            (asset for asset in found if fits.fullmatch(asset.path)),
            key=lambda asset: asset.path,
        )

    def asset(self, id: str, version: str, path: str) -> Asset:
        """Return the asset that a version has at a path."""
        folder = f"dandisets/{quote(id)}/versions/{quote(version)}/assets/"
        what = f"assets of version {version} of dandiset {id}"
        query = {"metadata": "true", "path": path}
        # All that begin with it, and capital letters do not matter.
        for asset in self._listed(folder, query, what, self._asset):
            if asset.path == path:
                return asset
        raise DownloadError(
            f"version {version} of dandiset {id} has no asset {shown(repr(path))} any "
            "more; list it again."
        )

    def asset_url(self, asset: Asset) -> str:
        """Return the address that leads to the bytes of an asset."""
        return f"{self.url}/assets/{quote(asset.id)}/download/"

    def download(
        self,
        asset: Asset,
        folder: Path,
        *,
        again: bool = False,
        report: Callable[[str], object] | None = None,
    ) -> Path:
        """Fetch an asset to its `local_path`, checked; return where it is.

        See `download_file`, also for what is raised.
        """
        if asset.is_folder:
            raise DownloadError(
                f"{shown(asset.path)} is a Zarr, a folder of many files, and cannot be "
                "fetched as one."
            )
        return self._refusals(
            lambda: download_file(
                self.asset_url(asset),
                local_path(folder, asset.path),
                sha256=asset.sha256,
                dandi_etag=asset.etag,
                size=asset.size,
                headers=self._headers,
                again=again,
                report=report or self._report,
            ),
            shown(asset.path),
        )

    def opened(
        self, asset: Asset, report: Callable[[str], object] | None = None
    ) -> RemoteFile:
        """Return an asset as a file that is read by range requests.

        Its size is checked, its checksum cannot be.
        """
        url = self.asset_url(asset)
        return RemoteFile(url, asset.size, self._headers, report or self._report)

    def _listed(
        self, path: str, query: dict[str, str], what: str, read: Callable[[Any], T]
    ) -> list[T]:
        """Return what is read of the records on all pages of a list."""
        for _ in range(_MAX_LISTINGS):
            found: list[T] = []
            count = None
            for page in self._pages(path, query, what):
                # Newer servers count on the first page alone.
                count = page.get("count") if count is None else count
                found += map(read, self._field(page, "results", list))
            if count in (None, len(found)) and len(set(found)) == len(found):
                return found
        raise DownloadError(
            f"{what}: {count} are said to be there, and {len(set(found))} are listed, "
            f"{_MAX_LISTINGS} times; they change while they are listed, try later."
        )

    def _pages(
        self, path: str, query: dict[str, str], what: str
    ) -> Iterator[dict[str, Any]]:
        number = 1
        while True:
            named = {**query, "page_size": str(_PAGE_SIZE), "page": str(number)}
            page = self._json(f"{path}?{urlencode(named)}", what)
            yield page
            # Not followed: the key must not be sent to wherever it may lead.
            if not page.get("next") or not page.get("results"):
                return
            number += 1

    def _asset(self, record: Any) -> Asset:
        path = self._field(record, "path", str)
        if not _is_inside(path):
            raise DownloadError(
                f"{shown(self.url)} lists the path {shown(repr(path))}, which is none "
                "inside of a dandiset."
            )
        metadata = _mapping(record.get("metadata"))
        is_folder = bool(record.get("zarr"))
        if not is_folder and not metadata.get("digest"):
            id = self._field(record, "asset_id", str)
            metadata = self._json(f"assets/{quote(id)}/", f"asset {shown(path)}")
        digest = _mapping(metadata.get("digest"))
        return Asset(
            path=path,
            id=self._field(record, "asset_id", str),
            size=self._field(record, "size", int),
            sha256=_text(digest.get("dandi:sha2-256")) or None,
            etag=None if is_folder else _text(digest.get("dandi:dandi-etag")) or None,
            modified=_text(record.get("modified")),
            is_folder=is_folder,
            subject=_named(metadata.get("wasAttributedTo"), "Participant"),
            session=_named(metadata.get("wasGeneratedBy"), "Session"),
        )

    def _field(self, record: Any, key: str, type: type) -> Any:
        value = record.get(key) if isinstance(record, dict) else None
        if not isinstance(value, type) or isinstance(value, bool):
            raise self._no_dandi(f"it has no {key!r} where DANDI has one")
        return value

    def _no_dandi(self, why: str) -> DownloadError:
        return DownloadError(
            f"{shown(self.url)} does not answer as DANDI's API does ({why}); is this "
            f"the address of an API? {VARIABLE} may set another."
        )

    def _json(self, path: str, what: str) -> dict[str, Any]:
        """Return what the API answers; `what` says what was asked for."""
        with tempfile.TemporaryDirectory(prefix="dandi-") as folder:
            file = self._refusals(
                lambda: download_file(
                    f"{self.url}/{path}",
                    Path(folder, "answer.json"),
                    headers={"Accept": "application/json", **self._headers},
                    report=self._report,
                ),
                what,
            )
            try:
                answer = json.loads(file.read_bytes())
            except ValueError:
                answer = None
        if not isinstance(answer, dict):
            raise self._no_dandi("what it sends is no JSON of an object")
        return answer

    def _refusals(self, call: Callable[[], Path], what: str) -> Path:
        """Return what a call returns; say of a refusal what it is about."""
        try:
            return call()
        except DownloadError as error:
            refusal = self._instance.refusal(error, what)
        raise refusal


def local_path(folder: Path, path: str) -> Path:
    """Return where an asset is put below a folder: at its path in the dandiset.

    Names that are too long for a file, of which DANDI knows nothing, are cut, and a
    part of their SHA-256 tells them apart.
    """
    return folder.joinpath(*map(_short, path.split("/")))


def _short(name: str) -> str:
    content = name.encode("utf-8", "surrogatepass")
    if len(content) <= _MAX_NAME_BYTES:
        return name
    _, dot, suffix = name.rpartition(".")
    suffix = f".{suffix}" if dot and len(suffix) <= 8 else ""
    digest = hashlib.sha256(content).hexdigest()[:16]
    return f"{name[:_KEPT_LETTERS]}~{digest}{suffix}"


def _is_inside(path: str) -> bool:
    """Whether a path stays below where it is put, on any machine."""
    parts = path.split("/")
    return not ({"", ".", ".."} & set(parts) or re.search(r"[\x00-\x1f\x7f\\]", path))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _named(records: Any, kind: str) -> str:
    """Return the identifier of the first record of a kind, empty if there is none."""
    for record in records if isinstance(records, list) else []:
        if isinstance(record, dict) and record.get("schemaKey") == kind:
            name = record.get("identifier") or record.get("name")
            return str(name) if isinstance(name, (str, int)) else ""
    return ""
