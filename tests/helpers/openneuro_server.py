"""OpenNeuro on this machine: its bucket, as S3 lists it, and its GraphQL interface.

    with OpenNeuroServer(folder) as server:
        put_dataset(folder, "ds000001", SHARED_DATA / "bids" / "gripforce")
        server.versions["ds000001"] = ["1.0.0"]
        ...

The bucket is the folder; all trouble that `ArchiveServer` can make is there as well.
"""

import hashlib
import json
import shutil
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlsplit
from xml.sax.saxutils import escape

from tests.helpers.archive_server import ArchiveServer

__all__ = ["OpenNeuroServer", "put_dataset"]

_API = "/crn/graphql"


class OpenNeuroServer(ArchiveServer):
    """Serves datasets.

    Parameters
    ----------
    folder : Path
        Has a folder for each dataset.
    page : int
        How many files a page of a list has at most.
    """

    def __init__(self, folder: Path, page: int = 7) -> None:
        super().__init__(folder, etags=True)
        self.page = page
        self.versions: dict[str, list[str]] = {}
        """Of each dataset, the newest last."""
        self.parts: dict[str, int] = {}
        """In parts of which size files were uploaded, by their paths in the bucket."""

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{_API}"

    @property
    def arguments(self) -> list[str]:
        """What a pipeline is told to find it."""
        return ["--base-url", self.url, "--api-url", self.api_url]

    def etag(self, path: str, content: bytes) -> str:
        size = self.parts.get(path)
        if size is None:
            return super().etag(path, content)
        sums = [
            hashlib.md5(content[i : i + size], usedforsecurity=False).digest()
            for i in range(0, len(content), size)
        ]
        whole = hashlib.md5(b"".join(sums), usedforsecurity=False).hexdigest()
        return f"{whole}-{len(sums)}"

    def listed(self, query: dict[str, str]) -> bytes:
        """Return a page of the list of all files below a prefix."""
        prefix, after = query["prefix"], query.get("continuation-token", "")
        keys = sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        )
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        page, left = keys[: self.page], keys[self.page :]
        entries = "".join(map(self._entry, page))
        more = (
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
            if left
            else ""
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Prefix>{quote_plus(prefix, safe='/')}</Prefix>"
            f"<IsTruncated>{'true' if left else 'false'}</IsTruncated>"
            f"{entries}{more}</ListBucketResult>"
        ).encode()

    def _entry(self, key: str) -> str:
        content = (self.folder / key).read_bytes()
        return (
            f"<Contents><Key>{quote_plus(key, safe='/')}</Key>"
            f"<ETag>&quot;{self.etag(key, content)}&quot;</ETag>"
            f"<Size>{len(content)}</Size></Contents>"
        )

    def told(self, asked: dict) -> dict:
        """Return what the interface answers to a query for versions."""
        if "latestSnapshot" not in asked["query"]:
            return {"errors": [{"message": "Cannot query that"}], "data": None}
        versions = self.versions.get(asked["variables"]["id"])
        if versions is None:
            return {"data": {"dataset": None}}
        tags = [{"tag": tag} for tag in versions]
        newest = tags[-1] if tags else None
        return {"data": {"dataset": {"latestSnapshot": newest, "snapshots": tags}}}


class _Handler(ArchiveServer.handler):
    owner: OpenNeuroServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        trouble = self.owner._due(self.owner._answers, "list")
        if query.get("list-type") != "2":
            super().do_GET()
        elif trouble is not None:
            self._send("list", 0, *trouble, b"")
        else:
            kind = {"Content-Type": "application/xml"}
            self._send("list", 0, 200, kind, self.owner.listed(query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        trouble = self.owner._due(self.owner._answers, "api")
        if trouble is not None:
            self._send("api", 0, *trouble, b"")
        elif urlsplit(self.path).path != _API:
            self._send("api", 0, 404, {}, b"")
        else:
            answer = json.dumps(self.owner.told(json.loads(body))).encode()
            self._send("api", 0, 200, {"Content-Type": "application/json"}, answer)


OpenNeuroServer.handler: type[BaseHTTPRequestHandler] = _Handler


def put_dataset(folder: Path, dataset: str, source: Path) -> Path:
    """Copy a BIDS tree into the bucket as a dataset, and return where it is."""
    target = folder / dataset
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target
