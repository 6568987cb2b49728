"""A file that stays on its server is read as if it were here, and it alone."""

import hashlib
import io
import random

import pytest

pytest.importorskip("requests", reason="archives are asked with requests")

from brainsets.archives import remote_file
from brainsets.archives.remote_file import RemoteFile
from brainsets.errors import DownloadError
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.raw_answers import moved, piece
from tests.helpers.raw_server import RawServer

CONTENT = random.Random(17).randbytes(300_001)
BLOCK = 4096


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(remote_file, "_BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(remote_file, "_MAX_CACHED_BLOCKS", 8)
    monkeypatch.setattr(remote_file, "_MAX_BLOCKS_AHEAD", 4)
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0.001")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    (tmp_path / "a.nwb").write_bytes(CONTENT)
    with ArchiveServer(tmp_path, etags=True) as server:
        yield server


def opened(server, size=None, **named):
    return RemoteFile(f"{server.url}a.nwb", size or len(CONTENT), **named)


def test_all_that_is_read_is_what_the_file_has(server):
    here, there = io.BytesIO(CONTENT), opened(server)
    chance = random.Random(3)
    for _ in range(200):
        offset = chance.choice([0, 1, 5, 4096, 299_000, chance.randrange(310_000)])
        count = chance.choice([0, 1, 100, 4096, 4097, 20_000])
        assert there.seek(offset) == here.seek(offset)
        assert there.read(count) == here.read(count)
        assert there.tell() == min(here.tell(), max(offset, len(CONTENT)))
    there.seek(0)
    assert there.readall() == CONTENT
    assert there.seek(-1, 2) == len(CONTENT) - 1
    assert there.read(9) == CONTENT[-1:]


def test_little_is_fetched_where_little_is_read(server):
    file = opened(server)
    file.seek(100_000)
    assert file.read(10) == CONTENT[100_000:100_010]
    assert file.read(10) == CONTENT[100_010:100_020]
    assert len(server.requests) == 1 and file.received == BLOCK


def test_pieces_grow_while_a_file_is_read_in_order(server):
    file = opened(server)
    for start in range(0, 20 * BLOCK, 100):
        assert file.read(100) == CONTENT[start : start + 100]
    sizes = [request.sent // BLOCK for request in server.requests]
    assert sizes == [1, 2, 4, 4, 4, 4, 4][: len(sizes)] and sum(sizes) >= 20


def test_h5py_reads_through_it(tmp_path, server):
    h5py = pytest.importorskip("h5py", reason="the file is HDF5")
    path = tmp_path / "b.h5"
    with h5py.File(path, "w") as file:
        file["large"] = list(range(100_000))
        file["small"] = [1.5, 2.5]
    remote = RemoteFile(f"{server.url}b.h5", path.stat().st_size)
    with h5py.File(remote, "r") as file:
        assert file["small"][:].tolist() == [1.5, 2.5]
        assert remote.received < path.stat().st_size / 4
        assert file["large"][77_777] == 77_777


def test_cuts_and_busy_servers_are_waited_for(server):
    server.answer("a.nwb", 503, times=2)
    server.cut("a.nwb", after=1000, times=2)
    waits = []
    file = opened(server, report=waits.append)
    assert file.read(3000) == CONTENT[:3000]
    assert len(waits) == 4 and len(server.requests) == 5


def failure(file, offset=0):
    file.seek(offset)
    with pytest.raises(DownloadError) as caught:
        file.read(10)
    assert file.failure is caught.value
    # Nothing more is asked for.
    with pytest.raises(DownloadError):
        file.read(10)
    return str(caught.value)


def test_file_that_changes_meanwhile_is_refused(server, tmp_path):
    file = opened(server)
    file.read(10)
    (tmp_path / "a.nwb").write_bytes(CONTENT[::-1])
    assert "it was replaced while it was read" in failure(file, 200_000)
    assert "has 300001 bytes instead of 300000" in failure(opened(server, 300_000))


def test_server_that_gives_no_pieces_is_told(tmp_path):
    (tmp_path / "a.nwb").write_bytes(CONTENT)
    with ArchiveServer(tmp_path, ranges=False) as server:
        assert "does not give pieces" in failure(opened(server))


def test_refusal_keeps_its_status_and_trouble_its_cause(server):
    server.answer("a.nwb", 403)
    file = opened(server)
    assert "answers 403" in failure(file) and file.failure.status == 403
    server.answer("a.nwb", 500)
    file = opened(server)
    assert "500" in failure(file) and file.failure.__cause__ is not None


def test_piece_that_was_not_asked_for_is_refused():
    other = piece("bytes 1-10/300001", CONTENT[1:11])
    with RawServer([other]) as server:
        assert "was not asked for, 7 times" in failure(opened(server))


def test_header_goes_to_the_first_server_alone(server):
    with RawServer([moved(f"{server.url}a.nwb")]) as first:
        file = RemoteFile(f"{first.url}x", len(CONTENT), {"Authorization": "token abc"})
        assert hashlib.md5(file.readall()).digest() == hashlib.md5(CONTENT).digest()
        [asked] = first.requests
        assert b"Authorization: token abc" in asked
    assert not [r for r in server.requests if "Authorization" in r.headers]


def test_address_that_was_led_to_is_asked_for_again_once_it_has_expired(tmp_path):
    (tmp_path / "a.nwb").write_bytes(CONTENT)
    valid = ["1"]

    def expired(url, headers):
        return None if url.endswith(f"X-Amz-Signature={valid[0]}") else 403

    with ArchiveServer(tmp_path, etags=True, guard=expired) as store:
        addresses = [f"{store.url}a.nwb?X-Amz-Signature={n}" for n in (1, 2)]
        with RawServer([moved(address) for address in addresses]) as api:
            file = RemoteFile(f"{api.url}x", len(CONTENT))
            assert file.read(10) == CONTENT[:10]
            file.seek(100_000)
            assert file.read(10) == CONTENT[100_000:100_010]
            assert len(api.requests) == 1
            valid[0] = "2"
            file.seek(200_000)
            assert file.read(10) == CONTENT[200_000:200_010]
            assert len(api.requests) == 2
            valid[0] = "3"
            file.seek(0, 2)
            sentence = failure(file, 290_000)
            assert "answers 403" in sentence and "Signature" not in sentence
