"""The stand-in of DANDI plays its hosts, and lets nothing out."""

import http.client
import json
import ssl
from urllib.parse import urlsplit

import pytest

from tests.helpers.parity.dandi import API, STORE, DandiArchive
from tests.helpers.parity.stand_in import StandIn

CONTENT = {"sub-a/x.nwb": b"12345", "sub-b/y.nwb": b"", "sub-c/z.nwb": b"9"}
ASSETS = "/api/dandisets/000001/versions/draft/assets/"


@pytest.fixture
def stand_in(tmp_path):
    for name, content in CONTENT.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    archive = DandiArchive("000001", "draft", tmp_path / "files")
    with StandIn(archive.hosts, tmp_path) as stand_in:
        yield stand_in


def get(stand_in, host, path):
    """Return status, headers and content, asked through the proxy."""
    environment = stand_in.environment
    context = ssl.create_default_context(cafile=environment["REQUESTS_CA_BUNDLE"])
    proxy = urlsplit(environment["HTTPS_PROXY"])
    connection = http.client.HTTPSConnection(
        proxy.hostname, proxy.port, context=context, timeout=30
    )
    connection.set_tunnel(host, 443)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_pages_lead_to_every_asset_and_each_asset_to_its_content(stand_in):
    found, path = {}, ASSETS
    while path:
        page = json.loads(get(stand_in, API, path)[2])
        assert page["count"] == len(CONTENT)
        for asset in page["results"]:
            download = f"/api/assets/{asset['asset_id']}/download/"
            status, headers, _ = get(stand_in, API, download)
            assert status == 302
            stored = urlsplit(headers["Location"])
            found[asset["path"]] = get(stand_in, stored.netloc, stored.path)[2]
            assert asset["size"] == len(found[asset["path"]])
        path = page["next"] and page["next"].partition(API)[2]
    assert found == CONTENT


@pytest.mark.parametrize(
    "host, path",
    [
        (API, "/api/dandisets/000002/versions/draft/assets/"),
        (API, "/api/dandisets/000001/versions/0.1.1/assets/"),
        (API, f"{ASSETS}?page=3"),
        (API, f"{ASSETS}no-such-asset/info/"),
        (STORE, "/blobs/000/000/no-such-blob"),
    ],
)
def test_what_is_not_there_is_not_found(stand_in, host, path):
    assert get(stand_in, host, path)[0] == 404


def test_other_hosts_are_refused(stand_in):
    with pytest.raises(OSError, match="403"):
        get(stand_in, "example.org", "/")
    assert stand_in.refused == ["example.org"]
    assert stand_in.requests == []
