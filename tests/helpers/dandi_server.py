"""DANDI on this machine: its API, and the store that the API leads to.

It answers as the views of dandi/dandi-archive do, from the state it is given::

    with DandiServer(folder) as dandi:
        dandi.put("000001", "sub-a/sub-a.nwb", content)
        version = dandi.publish("000001", "0.240131.1200")
        ...
        dandi.store.cut(dandi.blob("000001", "sub-a/sub-a.nwb"), after=1000)

Clients find it by ``dandi.environment``.
"""

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.helpers.archive_server import FOREVER, ArchiveServer
from tests.helpers.local_server import LocalServer

__all__ = ["KEY", "OTHER_KEY", "DandiServer"]

# Of somebody who may read everything, and of somebody who may not.
KEY = "0123456789abcdef0123456789abcdef01234567"
OTHER_KEY = "fedcba9876543210fedcba9876543210fedcba98"

_TIME = "2024-01-31T12:00:00.000000Z"
_ETAG_PART_BYTES = 64 << 20
_MAX_PAGE_SIZE = 1000
_DANDISET = r"/api/dandisets/(?P<dandiset>\d{6})/"
_VERSION = rf"{_DANDISET}versions/(?P<version>[^/]+)/"


@dataclass
class _Asset:
    path: str
    id: str
    blob: str | None
    """Where the store has it, None for a Zarr."""
    size: int
    metadata: dict[str, Any]


@dataclass
class _Dandiset:
    embargo_status: str = "OPEN"
    # From version to path to asset; the draft is always there.
    versions: dict[str, dict[str, _Asset]] = field(
        default_factory=lambda: {"draft": {}}
    )
    described: dict[str, Any] = field(default_factory=dict)


class DandiServer(LocalServer):
    """Both servers, from ``with`` to the end of its block.

    Parameters
    ----------
    folder : Path
        Where the store keeps what it is given.
    page_size : int
        Never more than so many records are sent at once.

    Attributes
    ----------
    store : ArchiveServer
        The store; can be told to misbehave, also between requests.
    asked : list of (str, int)
        Address and status of each answer of the API.
    """

    def __init__(self, folder: Path, page_size: int = _MAX_PAGE_SIZE) -> None:
        self.store = ArchiveServer(folder, etags=True, guard=self._refusal_of_store)
        self.page_size = page_size
        self.dandisets: dict[str, _Dandiset] = {}
        self.asked: list[tuple[str, int]] = []
        self.has_sha256 = True
        self._troubles: list[list] = []
        self._lock = threading.Lock()
        self._count = 0

    def __enter__(self) -> "DandiServer":
        self.store.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.store.__exit__(*exception)

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a client here."""
        return {
            "DANDI_INSTANCE": self.url,
            "BRAINSETS_RETRY_WAIT_S": "0.01",
            "no_proxy": "127.0.0.1",
        }

    def put(
        self, dandiset: str, path: str, content: bytes | None, **metadata: Any
    ) -> str:
        """Put a file, or a Zarr (None), into the draft; return the asset's id."""
        self._count += 1
        blob = None
        if content is not None:
            # The same bytes are kept once, as DANDI does.
            name = str(uuid.uuid5(uuid.NAMESPACE_URL, hashlib.md5(content).hexdigest()))
            blob = f"blobs/{name[:3]}/{name[3:6]}/{name}"
            file = self.store.folder / blob
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{dandiset} {path} {self._count}"))
        made = _Asset(path, id, blob, len(content or b""), metadata)
        self._dandiset(dandiset).versions["draft"][path] = made
        return id

    def remove(self, dandiset: str, path: str) -> None:
        """Take a file out of the draft."""
        del self.dandisets[dandiset].versions["draft"][path]

    def publish(self, dandiset: str, version: str) -> str:
        """Make a version of what the draft has."""
        versions = self.dandisets[dandiset].versions
        versions[version] = dict(versions["draft"])
        return version

    def embargo(self, dandiset: str) -> None:
        """Show it to the owner of `KEY` alone."""
        self._dandiset(dandiset).embargo_status = "EMBARGOED"

    def describe(self, dandiset: str, **metadata: Any) -> None:
        """Set what its versions say of themselves."""
        self._dandiset(dandiset).described.update(metadata)

    def blob(self, dandiset: str, path: str, version: str = "draft") -> str:
        """Return where the store has a file."""
        return self.dandisets[dandiset].versions[version][path].blob

    def answer(
        self, pattern: str, status: int, body: bytes = b"", times: int = FOREVER
    ) -> None:
        """Answer so what the API is asked for at addresses like a pattern."""
        self._troubles.append([times, re.compile(pattern), status, body])

    def mend(self) -> None:
        """Answer as a server should from now on."""
        self._troubles = []
        self.store.mend()

    def forget(self) -> None:
        """Forget what was asked so far."""
        self.asked.clear()
        self.store.forget()

    def _dandiset(self, id: str) -> _Dandiset:
        return self.dandisets.setdefault(id, _Dandiset())

    def _refusal_of_store(self, url: str, headers: Any) -> int | None:
        if headers.get("Authorization"):
            # S3: only one way to be known is allowed.
            return 400
        blob = urlsplit(url).path.removeprefix("/")
        embargoed = any(
            dandiset.embargo_status != "OPEN"
            for dandiset in self.dandisets.values()
            for assets in dandiset.versions.values()
            for asset in assets.values()
            if asset.blob == blob
        )
        signed = "X-Amz-Signature" in parse_qs(urlsplit(url).query)
        return 403 if embargoed and not signed else None

    def _answered(self, url: str, key: str | None) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            for trouble in self._troubles:
                if trouble[0] and trouble[1].search(url):
                    trouble[0] -= 1
                    return trouble[2], trouble[3], {}
        if key not in (None, f"token {KEY}", f"token {OTHER_KEY}"):
            return 401, {"detail": "Invalid token."}, {}
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        routes = {
            r"(?:/api)?/info/": self._of_server,
            _DANDISET: self._of_dandiset,
            rf"{_DANDISET}versions/": self._of_versions,
            _VERSION: self._of_version,
            rf"{_VERSION}assets/": self._of_assets,
            rf"(?:/api/|{_VERSION})assets/(?P<asset>[^/]+)/": self._of_asset,
            rf"(?:/api/|{_VERSION})assets/(?P<asset>[^/]+)/download/": (
                self._of_download
            ),
        }
        for pattern, view in routes.items():
            if found := re.fullmatch(pattern, path):
                named = {key: values[-1] for key, values in query.items()}
                try:
                    self._check_access(found.groupdict(), key)
                    return view(named, **found.groupdict())
                except KeyError:
                    break
                except PermissionError as error:
                    return error.args[0], {"detail": "no access"}, {}
        return 404, {"detail": "Not found."}, {}

    def _check_access(self, named: dict[str, str], key: str | None) -> None:
        ids = [named["dandiset"]] if named.get("dandiset") else []
        if named.get("asset"):
            ids += [
                id for id, asset in self._everywhere() if asset.id == named["asset"]
            ]
        for id in ids:
            if self.dandisets[id].embargo_status != "OPEN" and key != f"token {KEY}":
                raise PermissionError(401 if key is None else 403)

    def _everywhere(self) -> Iterator[tuple[str, _Asset]]:
        for id, dandiset in self.dandisets.items():
            for assets in dandiset.versions.values():
                for asset in assets.values():
                    yield id, asset

    def _found(self, asset: str) -> _Asset:
        for _, made in self._everywhere():
            if made.id == asset:
                return made
        raise KeyError(asset)

    def _of_server(self, query: dict):
        """What the published client wants to know first."""
        services = {"api": {"url": self.url}}
        answer = {"schema_version": "0.6.10", "version": "0.4.0", "services": services}
        answer |= {"cli-minimal-version": "0.60.0", "cli-bad-versions": []}
        return 200, answer, {}

    def _of_dandiset(self, query: dict, dandiset: str):
        made = self.dandisets[dandiset]
        published = [version for version in made.versions if version != "draft"]
        newest = self._summary(dandiset, published[-1]) if published else None
        answer = {
            "identifier": dandiset,
            "created": _TIME,
            "modified": _TIME,
            "contact_person": "",
            "embargo_status": made.embargo_status,
            "most_recent_published_version": newest,
            "draft_version": self._summary(dandiset, "draft"),
        }
        return 200, answer, {}

    def _summary(self, dandiset: str, version: str) -> dict[str, Any]:
        assets = self.dandisets[dandiset].versions[version]
        return {
            "version": version,
            "name": "stand-in",
            "asset_count": len(assets),
            "size": sum(asset.size for asset in assets.values()),
            "status": "Valid",
            "created": _TIME,
            "modified": _TIME,
        }

    def _of_versions(self, query: dict, dandiset: str):
        versions = self.dandisets[dandiset].versions
        records = [self._summary(dandiset, version) for version in versions]
        return self._page(f"/dandisets/{dandiset}/versions/", records, query)

    def _of_version(self, query: dict, dandiset: str, version: str):
        made = self.dandisets[dandiset]
        summary = self._summary(dandiset, version)
        answer = {
            "identifier": f"DANDI:{dandiset}",
            "version": version,
            "assetsSummary": {"numberOfFiles": summary["asset_count"]},
            **made.described,
        }
        return 200, answer, {}

    def _of_assets(self, query: dict, dandiset: str, version: str):
        assets = [*self.dandisets[dandiset].versions[version].values()]
        if "glob" in query:
            glob = re.escape(query["glob"]).replace(r"\*", ".*")
            assets = [a for a in assets if re.fullmatch(glob, a.path, re.I)]
        begin = query.get("path", "").lower()
        assets = [a for a in assets if a.path.lower().startswith(begin)]
        if query.get("order") == "path":
            assets.sort(key=lambda asset: asset.path)
        shows = query.get("metadata") == "true"
        records = [self._record(asset, shows) for asset in assets]
        path = f"/dandisets/{dandiset}/versions/{version}/assets/"
        return self._page(path, records, query)

    def _page(self, path: str, records: list, query: dict):
        number = int(query.get("page", 1))
        size = min(int(query.get("page_size", 100)), self.page_size)
        first, last = (number - 1) * size, number * size
        if number > 1 and first >= len(records):
            return 404, {"detail": "Invalid page."}, {}
        more = urlencode({**query, "page": number + 1})
        answer = {
            "count": len(records) if number == 1 else None,
            "next": f"{self.url}{path}?{more}" if last < len(records) else None,
            "previous": None,
            "results": records[first:last],
        }
        return 200, answer, {}

    def _record(self, asset: _Asset, shows_metadata: bool) -> dict[str, Any]:
        record = {
            "asset_id": asset.id,
            "blob": asset.blob and asset.blob.rpartition("/")[2],
            "zarr": None if asset.blob else str(uuid.uuid5(uuid.NAMESPACE_URL, "z")),
            "path": asset.path,
            "size": asset.size,
            "created": _TIME,
            "modified": _TIME,
        }
        if shows_metadata:
            record["metadata"] = self._described(asset)
        return record

    def _described(self, asset: _Asset) -> dict[str, Any]:
        described = {
            "id": f"dandiasset:{asset.id}",
            "identifier": asset.id,
            "path": asset.path,
            "contentSize": asset.size,
            "contentUrl": [f"{self.url}/assets/{asset.id}/download/"],
            "encodingFormat": "application/x-nwb",
            **asset.metadata,
        }
        if asset.blob is None:
            described["digest"] = {"dandi:dandi-zarr-checksum": f"{'0' * 32}-3--{9}"}
        else:
            content = (self.store.folder / asset.blob).read_bytes()
            if len(content) > _ETAG_PART_BYTES:
                raise ValueError("the parts of larger files are not known here")
            part = hashlib.md5(content).digest()
            etag = f"{hashlib.md5(part).hexdigest()}-1"
            described["digest"] = {"dandi:dandi-etag": etag}
            if self.has_sha256:
                sha256 = hashlib.sha256(content).hexdigest()
                described["digest"]["dandi:sha2-256"] = sha256
        return described

    def _of_asset(self, query: dict, asset: str, **_: str):
        return 200, self._described(self._found(asset)), {}

    def _of_download(self, query: dict, asset: str, **_: str):
        found = self._found(asset)
        if found.blob is None:
            return 400, "Unable to provide download link for zarr assets.", {}
        self._count += 1
        signature = {"X-Amz-Expires": "3600", "X-Amz-Signature": f"{self._count:064x}"}
        url = f"{self.store.url}{found.blob}?{urlencode(signature)}"
        return 302, "", {"Location": url}


class _Handler(BaseHTTPRequestHandler):
    owner: DandiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        key = self.headers.get("Authorization")
        status, answer, headers = self.owner._answered(self.path, key)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.owner.asked.append((self.path, status))
        self.send_response(status)
        headers = {"Content-Type": "application/json", **headers}
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing; `DandiServer.asked` has it all."""


DandiServer.handler = _Handler
