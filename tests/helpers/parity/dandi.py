"""The part of the DANDI archive that its client needs to list and fetch recordings.

The paths, and the fields of the answers, are those that version 0.74.0 of the package
``dandi`` asks for and reads; see https://api.dandiarchive.org/swagger/.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.helpers.parity.stand_in import Request, Response

__all__ = ["DandiArchive"]

API = "api.dandiarchive.org"
STORE = "dandiarchive.s3.amazonaws.com"
# The client asks for as many as the server likes to give. So few that there are pages.
PAGE_SIZE = 2
_TIME = "2024-01-31T12:00:00.000000Z"
_ETAG_PART_BYTES = 64 * 2**20
_VERSION = r"/api/dandisets/(?P<dandiset>\d{6})/versions/(?P<version>[\w.]+)"


class DandiArchive:
    """One version of one dandiset, with the files of a folder as its assets.

    Parameters
    ----------
    dandiset, version
        As in ``DANDI:000688/draft``.
    folder
        Each file below it is an asset, named by its path in the folder.
    """

    def __init__(self, dandiset: str, version: str, folder: Path) -> None:
        self.dandiset, self.version = dandiset, version
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self._ids = {_identifier("asset", name): name for name in self._files}
        self._blobs = {_identifier("blob", name): name for name in self._files}

    @property
    def hosts(self) -> dict[str, Callable[[Request], Response]]:
        """The hosts of the archive: its API, and the store that the API points to."""
        return {API: self._api, STORE: self._store}

    def _api(self, request: Request) -> Response:
        routes = {
            r"/api/info/": self._info,
            rf"{_VERSION}/assets/": self._assets,
            rf"{_VERSION}/assets/(?P<asset>[^/]+)/info/": self._asset_info,
            r"/api/assets/(?P<asset>[^/]+)/download/": self._download,
            r"/api/dandisets/(?P<dandiset>\d{6})/": self._dandiset,
        }
        for pattern, answer in routes.items():
            found = re.fullmatch(pattern, request.path)
            if found and self._has(**found.groupdict()):
                return answer(request, **found.groupdict())
        return _json({"detail": "Not found."}, 404)

    def _has(
        self,
        dandiset: str | None = None,
        version: str | None = None,
        asset: str | None = None,
    ) -> bool:
        return (
            dandiset in (None, self.dandiset)
            and version in (None, self.version)
            and (asset is None or asset in self._ids)
        )

    def _info(self, request: Request) -> Response:
        return _json(
            {
                "schema_version": "0.6.10",
                "version": "0.4.0",
                "cli-minimal-version": "0.60.0",
                "cli-bad-versions": [],
                "services": {
                    "api": {"url": f"https://{API}/api"},
                    "webui": {"url": "https://dandiarchive.org"},
                },
            }
        )

    def _dandiset(self, request: Request, dandiset: str) -> Response:
        version = {
            "version": self.version,
            "name": "stand-in",
            "asset_count": len(self._files),
            "size": sum(path.stat().st_size for path in self._files.values()),
            "created": _TIME,
            "modified": _TIME,
            "status": "Valid",
        }
        return _json(
            {
                "identifier": self.dandiset,
                "created": _TIME,
                "modified": _TIME,
                "contact_person": "",
                "embargo_status": "OPEN",
                "most_recent_published_version": None,
                "draft_version": version,
            }
        )

    def _assets(self, request: Request, **_: str) -> Response:
        page = int(request.query.get("page", 1))
        size = int(request.query.get("page_size", PAGE_SIZE))
        listed = list(self._ids)[(page - 1) * size : page * size]
        if not listed and page > 1:
            return _json({"detail": "Invalid page."}, 404)

        def url(number: int) -> str | None:
            first, last = 1, -(-len(self._ids) // size)
            return f"{request.url}?page={number}" if first <= number <= last else None

        return _json(
            {
                "count": len(self._ids),
                "next": url(page + 1),
                "previous": url(page - 1),
                "results": [self._record(asset) for asset in listed],
            }
        )

    def _asset_info(self, request: Request, asset: str, **_: str) -> Response:
        return _json({**self._record(asset), "metadata": self._described(asset)})

    def _record(self, asset: str) -> dict[str, Any]:
        name = self._ids[asset]
        return {
            "asset_id": asset,
            "blob": _identifier("blob", name),
            "zarr": None,
            "path": name,
            "size": self._files[name].stat().st_size,
            "created": _TIME,
            "modified": _TIME,
        }

    def _described(self, asset: str) -> dict[str, Any]:
        name = self._ids[asset]
        content = self._files[name].read_bytes()
        return {
            "id": f"dandiasset:{asset}",
            "identifier": asset,
            "path": name,
            "contentSize": len(content),
            "contentUrl": [
                f"https://{API}/api/assets/{asset}/download/",
                self._stored(name),
            ],
            "encodingFormat": "application/x-nwb",
            "blobDateModified": _TIME,
            "digest": {
                "dandi:dandi-etag": _etag(content),
                "dandi:sha2-256": hashlib.sha256(content).hexdigest(),
            },
        }

    def _download(self, request: Request, asset: str) -> Response:
        return Response(302, headers={"Location": self._stored(self._ids[asset])})

    def _stored(self, name: str) -> str:
        blob = _identifier("blob", name)
        return f"https://{STORE}/blobs/{blob[:3]}/{blob[3:6]}/{blob}"

    def _store(self, request: Request) -> Response:
        name = self._blobs.get(request.path.rpartition("/")[2])
        if name is None:
            return Response(404)
        return Response(body=self._files[name].read_bytes())


def _identifier(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{name}"))


def _etag(content: bytes) -> str:
    """Return a file's dandi-etag: the one of an S3 upload in parts."""
    if len(content) > _ETAG_PART_BYTES:
        raise ValueError("the size of the parts of larger files is not known here")
    part = hashlib.md5(content).digest()
    return f"{hashlib.md5(part).hexdigest()}-1"


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    body = json.dumps(content).encode()
    return Response(status, body, {"Content-Type": "application/json"})
