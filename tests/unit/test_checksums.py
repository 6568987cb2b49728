"""Checksums are those that archives publish.

The numbers are what dandischema 0.12 (`PartGenerator`, `DandiETag`) says of such files.
"""

import hashlib
import io

import pytest

pytest.importorskip("requests", reason="archives are asked with requests")

from brainsets.archives.checksums import Checksum, dandi_etag, part_size
from brainsets.archives.downloads import download_file
from brainsets.errors import DownloadError
from tests.helpers.archive_server import ArchiveServer

MIB = 1 << 20
CONTENT = bytes(range(256)) * 4
ETAG = "adacf3dc11750dddfc928815fd7157ae-1"


@pytest.mark.parametrize(
    ("size", "parts", "each"),
    [
        (1, 1, 64 * MIB),
        (64 * MIB, 1, 64 * MIB),
        (64 * MIB + 1, 2, 64 * MIB),
        (64 * MIB * 9999, 9999, 64 * MIB),
        (64 * MIB * 9999 + 1, 10_000, 67_102_154),
        (64 * MIB * 10_000, 10_000, 64 * MIB),
        (64 * MIB * 10_000 + 1, 10_000, 67_108_865),
        (1 << 40, 10_000, 109_951_163),
        (5 << 40, 10_000, 549_755_814),
    ],
)
def test_parts_are_as_large_as_dandi_makes_them(size, parts, each):
    assert part_size(size) == each
    assert -(-size // part_size(size)) == parts


@pytest.mark.parametrize(
    ("content", "etag"),
    [
        (b"", "d41d8cd98f00b204e9800998ecf8427e-0"),
        (b"x", "9affad555af89da9b0bfcd5e45bc93da-1"),
        (CONTENT, ETAG),
    ],
)
def test_etag_of_small_files_is_the_one_of_dandi(content, etag):
    assert dandi_etag(io.BytesIO(content)) == etag


@pytest.mark.parametrize(
    ("size", "etag"),
    [
        (64 * MIB, "a78211a9709e5a28de9e2fd6eda275f2-1"),
        (64 * MIB + 1, "d4b4f6056a5f5a23cda477d1895a2bbd-2"),
        (128 * MIB, "300deb1607d7381255df85975d6490b1-2"),
        (150 * MIB + 7, "d3dc5574d49c25998193568c8f1d6f19-3"),
    ],
)
def test_etag_of_files_of_several_parts_is_the_one_of_dandi(tmp_path, size, etag):
    with open(tmp_path / "sparse", "w+b") as file:
        file.truncate(size)
        assert dandi_etag(file) == etag


def test_checksum_fits_its_file_alone():
    for checksum in (
        Checksum("SHA-256", hashlib.sha256(CONTENT).hexdigest()),
        Checksum("dandi-etag", ETAG),
    ):
        assert checksum.fits(io.BytesIO(CONTENT))
        assert not checksum.fits(io.BytesIO(CONTENT[:-1]))


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0.001")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.nwb").write_bytes(CONTENT)
    with ArchiveServer(tmp_path / "archive") as server:
        yield server


def test_download_is_continued_and_checked_by_an_etag(server, tmp_path):
    server.cut("a.nwb", after=700, times=1)
    path = download_file(f"{server.url}a.nwb", tmp_path / "a.nwb", dandi_etag=ETAG)
    assert path.read_bytes() == CONTENT
    assert [request.start for request in server.requests] == [0, 700]
    download_file(f"{server.url}a.nwb", path, dandi_etag=ETAG)
    assert len(server.requests) == 2


def test_other_bytes_than_an_etag_says_are_refused(server, tmp_path):
    server.flip("a.nwb", at=3)
    with pytest.raises(DownloadError, match=f"the dandi-etag .* instead of {ETAG}"):
        download_file(f"{server.url}a.nwb", tmp_path / "a.nwb", dandi_etag=ETAG)
    assert [*tmp_path.iterdir()] == [tmp_path / "archive"]


@pytest.mark.parametrize("etag", ["", ETAG[:-2], f"{ETAG}x", 3, ETAG.upper()])
def test_what_is_no_etag_is_refused(tmp_path, etag):
    with pytest.raises(DownloadError, match="dandi-etag is said to be .* a number, or"):
        download_file("https://x.org/a", tmp_path / "a", dandi_etag=etag)
