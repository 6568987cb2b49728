"""Odd addresses, sums and times are told, and no secret of an address is."""

import pytest

pytest.importorskip("requests", reason="downloads are done with requests")


from brainsets.archives.downloads import download_file
from brainsets.errors import DownloadError
from tests.helpers.raw_answers import (
    CONTENT,
    CUT,
    SHA256,
    SHORT,
    fetched,
    moved,
    nothing_in,
    rest,
)
from tests.helpers.raw_server import RawServer, answer

pytestmark = pytest.mark.usefixtures("unhurried")


@pytest.mark.parametrize(
    "url", [None, 5, b"http://h/", "", "a.edf", "file:///etc/passwd", "//h/a", "http:"]
)
def test_address_that_is_none_is_told(path, url):
    with pytest.raises(DownloadError, match="this cannot be fetched") as refusal:
        download_file(url, path)
    assert refusal.value.__cause__ is None and nothing_in(path.parent)


@pytest.mark.parametrize(
    "url",
    [
        "http://h\u00e4:p@[::1",
        "http://\ud800/",
        "http://a:1e9/",
        "http://-\u2603.invalid:99999/",
    ],
)
def test_address_that_nobody_can_read_is_told(path, url):
    with pytest.raises(DownloadError):
        download_file(url, path)


@pytest.mark.parametrize("sha256", ["", "abc", SHA256[:-1], float("nan"), 5])
def test_checksum_that_is_none_is_told(path, sha256):
    with pytest.raises(DownloadError, match="give 64 hexadecimal digits"):
        download_file("http://127.0.0.1/", path, sha256=sha256)


@pytest.mark.parametrize("size", [-1, "5", float("nan"), 1.5])
def test_size_that_is_none_is_told(path, size):
    with pytest.raises(DownloadError, match="give a number of bytes"):
        download_file("http://127.0.0.1/", path, size=size)


@pytest.mark.parametrize("text", ["nan", "-1", "soon", "inf"])
@pytest.mark.parametrize("name", ["BRAINSETS_RETRY_WAIT_S", "BRAINSETS_STALL_S"])
def test_time_that_is_none_is_told(path, monkeypatch, name, text):
    monkeypatch.setenv(name, text)
    got, _ = fetched([SHORT], path)
    assert str(got).startswith(f"{name} is {text!r}")


# What must not be seen, where it is in the address.
SECRET = "hunter2XY"
ADDRESSES = [
    f"http://user:{SECRET}@{{host}}/a.edf",
    f"http://{SECRET}@{{host}}/a.edf",
    f"http://{{host}}/a.edf?X-Amz-Signature={SECRET}&b=1",
    f"http://{{host}}/a.edf?token={SECRET}",
    f"http://user:{SECRET}@{{host}}:99999/a.edf",
    f"http://user:{SECRET}@[::bad/a.edf",
    f"ftp://user:{SECRET}@{{host}}/a.edf",
]


@pytest.mark.parametrize("kind", ["404", "503", "short", "moved", "digest", "gone"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_secret_of_an_address_is_told_nobody(path, address, kind):
    answers = {
        "404": answer(status="404 Not Found"),
        "503": answer(status="503 Busy"),
        "short": SHORT,
        "moved": moved(f"http://user:{SECRET}@127.0.0.1:1/?sig={SECRET}"),
        "digest": answer(CONTENT + b"x"),
        "gone": b"",
    }
    told = []
    with RawServer([answers[kind]]) as server:
        host = server.url.removeprefix("http://").rstrip("/")
        with pytest.raises(DownloadError) as error:
            url = address.replace("{host}", host)
            download_file(url, path, sha256=SHA256, report=told.append)
    seen = [error.value]
    while behind := seen[-1].__cause__ or seen[-1].__context__:
        seen.append(behind)
    assert SECRET not in "".join(f"{each} {each!r}" for each in [*seen, *told])


def test_password_goes_to_the_server_that_it_is_for(path, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine localhost login me password pw\n")
    with RawServer([answer(CONTENT)]) as other, RawServer([moved(other.url)]) as first:
        url = first.url.replace("127.0.0.1", "localhost")
        download_file(f"{url}a.edf", path)
    assert b"Authorization: Basic" in first.requests[0]
    assert b"Authorization" not in other.requests[0]


def test_moved_file_is_followed_with_what_is_asked_of_it(path):
    with RawServer([CUT, rest()]) as other:
        with RawServer([moved(f"{other.url}x", status="307 There")]) as first:
            download_file(f"{first.url}a.edf", path, sha256=SHA256)
    assert b"Range: bytes=" in other.requests[1]
