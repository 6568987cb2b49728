"""A downloaded file is whole and right, or is not there; servers here are real ones."""

import errno
import fcntl
import hashlib
import random
import socket
import subprocess
import sys
import textwrap
from email.utils import format_datetime

import pytest

from tests.helpers.archive_server import ArchiveServer

pytest.importorskip("requests", reason="downloads are done with requests")

from brainsets.archives.downloads import RETRIES, download_file
from brainsets.archives.physionet import file_url, read_listing
from brainsets.errors import DownloadError
from brainsets.supervision.failures import failure_from_exception
from tests.helpers.workspace import ROOT

pytestmark = pytest.mark.usefixtures("unhurried")

CONTENT = random.Random(7).randbytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.edf").write_bytes(CONTENT)
    return folder


@pytest.fixture
def server(archive):
    with ArchiveServer(archive) as server:
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "raw é" / "sub" / "a.edf"


def is_transient(error):
    """Whether the job's FAILED sentinel would say that it may pass."""
    return failure_from_exception(error)["transient"]


def nothing_in(folder):
    return not folder.exists() or not list(folder.iterdir())


def test_file_is_put_in_place_once_whole_and_not_asked_for_again(server, path):
    url = f"{server.url}a.edf"
    assert download_file(url, path, sha256=SHA256.upper()) == path
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["a.edf"]
    download_file(url, path, sha256=SHA256)
    download_file(url, path)
    assert server.asked == {"a.edf": 1}
    assert server.requests[0].user_agent.startswith("brainsets-workflow/")


def test_again_fetches_what_is_there(server, path):
    url = f"{server.url}a.edf"
    for expected in (1, 2, 3):
        download_file(url, path, sha256=SHA256, again=True)
        assert server.asked["a.edf"] == expected
    assert path.read_bytes() == CONTENT


def test_file_with_another_checksum_is_fetched_anew(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("missing", [404, 410, 401, 403, 400])
def test_refusal_is_told_at_once_and_is_permanent(server, path, missing):
    server.answer("a.edf", missing)
    url = f"{server.url}a.edf"
    with pytest.raises(DownloadError, match=f"answers {missing} ") as refusal:
        download_file(url, path, sha256=SHA256)
    assert str(refusal.value).startswith(f"{url}: ")
    assert "\n" not in str(refusal.value)
    assert ("~/.netrc" in str(refusal.value)) == (missing in (401, 403))
    assert server.asked == {"a.edf": 1}
    assert not is_transient(refusal.value)
    assert nothing_in(path.parent)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/a", "a.edf", "http://[::1/a", "http:"]
)
def test_address_that_is_none_is_refused_at_once(path, url):
    with pytest.raises(DownloadError, match="cannot be fetched") as refusal:
        download_file(url, path)
    assert not is_transient(refusal.value)
    assert nothing_in(path.parent)


@pytest.mark.parametrize("busy", [429, 500, 502, 503, 504])
def test_busy_server_is_asked_again(server, path, busy):
    server.answer("a.edf", busy, times=2)
    waits = []
    download_file(f"{server.url}a.edf", path, sha256=SHA256, report=waits.append)
    assert path.read_bytes() == CONTENT
    assert [r.status for r in server.requests] == [busy, busy, 200]
    assert len(waits) == 2 and all(f"answers {busy} " in text for text in waits)


def test_server_that_stays_busy_is_a_transient_failure(server, path):
    server.answer("a.edf", 503)
    with pytest.raises(DownloadError, match="answers 503 ") as failure:
        download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert f"{RETRIES + 1} times in a row" in str(failure.value)
    assert server.asked["a.edf"] == RETRIES + 1
    assert is_transient(failure.value)
    assert nothing_in(path.parent)


def test_server_that_is_not_there_is_a_transient_failure(path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(DownloadError, match="there is no connection") as failure:
        download_file(f"http://127.0.0.1:{port}/a.edf", path)
    assert "refused" in str(failure.value)
    assert is_transient(failure.value)
    assert nothing_in(path.parent)


@pytest.fixture
def waited(monkeypatch):
    """How long is waited, instead of waiting."""
    waits = []
    monkeypatch.setattr("brainsets.archives.downloads.time.sleep", waits.append)
    return waits


def test_waits_grow_from_what_the_environment_says(server, path, waited, monkeypatch):
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0.5")
    server.answer("a.edf", 503)
    with pytest.raises(DownloadError):
        download_file(f"{server.url}a.edf", path)
    assert len(waited) == RETRIES
    for number, wait_s in enumerate(waited):
        assert 0.5 * 2**number <= wait_s <= 1.5 * 0.5 * 2**number


def test_wait_that_is_no_number_is_told(server, path, monkeypatch):
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "soon")
    server.answer("a.edf", 503)
    with pytest.raises(DownloadError, match="BRAINSETS_RETRY_WAIT_S is 'soon'"):
        download_file(f"{server.url}a.edf", path)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_server_that_says_when_is_asked_then(server, path, waited, form):
    from datetime import datetime, timedelta, timezone

    then = datetime.now(timezone.utc) + timedelta(seconds=100)
    text = "100" if form == "seconds" else format_datetime(then, usegmt=True)
    server.answer("a.edf", 429, times=1, Retry_After=text)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert len(waited) == 1 and 50 < waited[0] <= 101


def test_nobody_waits_for_hours(server, path, waited):
    server.answer("a.edf", 503, Retry_After="3600")
    with pytest.raises(DownloadError, match="come back in 3600 s") as failure:
        download_file(f"{server.url}a.edf", path)
    assert waited == [] and server.asked["a.edf"] == 1
    assert is_transient(failure.value)


def test_cut_download_goes_on_where_it_stopped(server, path):
    server.cut("a.edf", after=300_000, times=3)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    starts = [request.start for request in server.requests]
    assert len(starts) == 4 and starts[0] == 0
    assert starts == sorted(set(starts)) and 800_000 < starts[-1] <= 900_000


def test_progress_counts_anew_how_often_it_was_in_vain(server, path):
    cuts = RETRIES + 3
    server.cut("a.edf", after=100_000, times=cuts)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked["a.edf"] == cuts + 1


def test_server_without_ranges_is_asked_for_all_of_it(archive, path):
    with ArchiveServer(archive, ranges=False) as server:
        server.cut("a.edf", after=300_000, times=2)
        download_file(f"{server.url}a.edf", path, sha256=SHA256)
        assert [request.status for request in server.requests] == [200, 200, 200]
        assert path.read_bytes() == CONTENT
        server.cut("a.edf", after=300_000)
        with pytest.raises(DownloadError, match="connection was cut") as failure:
            download_file(f"{server.url}a.edf", path, sha256=SHA256, again=True)
    assert is_transient(failure.value)
    # What had been fetched before is still there.
    assert path.read_bytes() == CONTENT


def test_later_call_continues_what_an_earlier_one_left(server, path):
    server.cut("a.edf", after=300_000, times=1)
    server.answer("a.edf", 503)
    part = path.with_name("a.edf.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:400_000])
    with pytest.raises(DownloadError):
        download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert part.read_bytes() == CONTENT[:400_000] and not path.exists()
    server.mend()
    server.forget()
    download_file(f"{server.url}a.edf", path, sha256=SHA256, again=True)
    assert [request.start for request in server.requests] == [400_000]
    assert path.read_bytes() == CONTENT and not part.exists()


@pytest.mark.parametrize(
    "left, asked",
    [
        (CONTENT, []),
        (b"of an earlier version", [206, 200]),
        (CONTENT + b"more", [416, 200]),
    ],
)
def test_whatever_an_earlier_call_left_the_file_is_right(server, path, left, asked):
    path.parent.mkdir(parents=True)
    path.with_name("a.edf.part").write_bytes(left)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert [request.status for request in server.requests] == asked
    assert [p.name for p in path.parent.iterdir()] == ["a.edf"]


def test_without_a_checksum_nothing_is_pieced_together(server, path):
    path.parent.mkdir(parents=True)
    path.with_name("a.edf.part").write_bytes(b"of an earlier version")
    server.cut("a.edf", after=300_000, times=2)
    download_file(f"{server.url}a.edf", path)
    assert path.read_bytes() == CONTENT
    assert [request.start for request in server.requests] == [0, 0, 0]


def test_wrong_bytes_are_asked_for_once_more_and_never_kept(server, path):
    server.flip("a.edf", at=123, times=1)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.forget()
    server.flip("a.edf", at=123)
    with pytest.raises(DownloadError, match="SHA-256") as failure:
        download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert SHA256 in str(failure.value) and server.url in str(failure.value)
    assert server.asked["a.edf"] == 2
    assert not is_transient(failure.value)
    assert nothing_in(path.parent)


FETCH = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from brainsets.archives.downloads import download_file
    reports = []
    sys.stdin.readline()
    for again in (False, True, True):
        path = download_file(
            sys.argv[2], Path(sys.argv[3]), sha256=sys.argv[4], again=again,
            report=reports.append,
        )
        assert path.stat().st_size == 1_000_000, path.stat()
    print(len(reports))
"""


def test_processes_that_share_a_file_do_no_harm(server, path):
    command = [sys.executable, "-c", textwrap.dedent(FETCH), str(ROOT)]
    command += [f"{server.url}a.edf", str(path), SHA256]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    # Cut now and then, so that one goes on in the middle of another's.
    server.cut("a.edf", after=400_000, times=5)
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0, 0]
    for process in processes:
        process.communicate()
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["a.edf"]
    # The first of them fetched it for all, then each did so twice.
    assert sum(r.start == 0 for r in server.requests) == 1 + 2 * 4


def test_file_systems_without_locks_will_do(server, path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    server.cut("a.edf", after=300_000, times=1)
    download_file(f"{server.url}a.edf", path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    server.answer("a.edf", 503)
    with pytest.raises(DownloadError):
        download_file(f"{server.url}a.edf", path, sha256=SHA256, again=True)
    assert [p.name for p in path.parent.iterdir()] == ["a.edf"]


def test_what_the_disk_refuses_is_told_as_it_is(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        download_file(f"{server.url}a.edf", tmp_path / "file" / "a.edf")


@pytest.fixture
def project(archive):
    """A project of two records as PhysioNet publishes them."""
    (archive / "RECORDS").write_text("a.edf\nsub ject/b#1.edf\n\n")
    (archive / "sub ject").mkdir()
    (archive / "sub ject" / "b#1.edf").write_bytes(b"b")
    paths = ["RECORDS", "a.edf", "sub ject/b#1.edf"]
    sums = {p: hashlib.sha256((archive / p).read_bytes()).hexdigest() for p in paths}
    text = "".join(f"{value}  {name}\n" for name, value in sums.items())
    (archive / "SHA256SUMS.txt").write_text(text)
    return sums


def test_listing_of_a_project_is_read_as_it_stands(server, project, tmp_path):
    listing = read_listing(server.url, tmp_path / "raw")
    assert listing.records == ["a.edf", "sub ject/b#1.edf"]
    assert listing.sha256 == project
    for record in listing.records:
        download_file(
            file_url(server.url, record),
            tmp_path / "raw" / record,
            sha256=listing.sha256[record],
        )
    assert sorted(server.asked) == ["RECORDS", "SHA256SUMS.txt", *listing.records]
    # The address may end without a slash; the lists are asked for each time.
    assert read_listing(server.url.rstrip("/"), tmp_path / "raw") == listing
    assert server.asked["RECORDS"] == server.asked["SHA256SUMS.txt"] == 2


def rewrite(archive, name, text):
    (archive / name).write_text(text)


@pytest.mark.parametrize(
    "sums, records, sentence",
    [
        ("<html>\n", None, "SHA256SUMS.txt, line 1: '<html>' is no SHA-256 and path"),
        (f"{SHA256}  a.edf\n", "a.edf\nb.edf\n", "RECORDS names 'b.edf', for which"),
        (f"{SHA256} *../a\n", "../a\n", "RECORDS names '../a', which is not in the"),
        (f"{SHA256} /a\n", "/a\n", "RECORDS names '/a', which is not in the project"),
        (f"{SHA256} ./a.edf\n", "a.edf\n", None),
    ],
)
def test_listing_that_makes_no_sense_is_refused(
    server, archive, tmp_path, sums, records, sentence
):
    (archive / "SHA256SUMS.txt").write_text(sums)
    if records is not None:
        (archive / "RECORDS").write_text(records)
    if sentence is None:
        assert read_listing(server.url, tmp_path / "raw").records == ["a.edf"]
        return
    with pytest.raises(DownloadError) as refusal:
        read_listing(server.url, tmp_path / "raw")
    assert sentence in str(refusal.value)


def test_project_that_is_not_there_is_named(server, tmp_path):
    with pytest.raises(DownloadError, match="SHA256SUMS.txt: the server answers 404"):
        read_listing(server.url, tmp_path / "raw")
