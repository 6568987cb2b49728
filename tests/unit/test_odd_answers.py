"""Whatever a server answers: the file as it is named, or one kind of error."""

import base64
import gzip
import hashlib
import itertools
import time
import zlib

import pytest

pytest.importorskip("requests", reason="downloads are done with requests")

from hypothesis import given, settings
from hypothesis import strategies as st

from brainsets.archives.downloads import RETRIES, download_file
from brainsets.archives.responses import retry_after_s
from brainsets.errors import DownloadError
from brainsets.supervision.failures import failure_from_exception
from tests.helpers.raw_answers import (
    CONTENT,
    CUT,
    LENGTH,
    SHA256,
    SHORT,
    START,
    fetched,
    moved,
    nothing_in,
    piece,
    rest,
)
from tests.helpers.raw_server import RawServer, answer

pytestmark = pytest.mark.usefixtures("unhurried")

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def chunked(*chunks, end=b"0\r\n\r\n"):
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return answer(body, "Transfer-Encoding: chunked", length=False)


def digest_of(name, content=CONTENT):
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


def packed(content=CONTENT, coding="gzip", body=None):
    body = gzip.compress(content) if body is None else body
    return answer(body, f"Content-Encoding: {coding}")


WRONG_MD5 = digest_of("md5", b"another file")
WHOLE = f"bytes 0-{LENGTH - 1}/{LENGTH}"
GOOD = {
    "as it should be": answer(CONTENT),
    "chunked": chunked(CONTENT[:10], CONTENT[10:]),
    "length twice": answer(CONTENT, f"Content-Length: {LENGTH}"),
    "until it closes": answer(CONTENT, length=False),
    "unasked piece that is all": piece(WHOLE),
    "gzip": packed(),
    "gzip of two parts": packed(
        body=gzip.compress(CONTENT[:9]) + gzip.compress(CONTENT[9:])
    ),
    "deflate": packed(coding="deflate", body=zlib.compress(CONTENT)),
    "a coding that is none": answer(CONTENT, "Content-Encoding: UTF-8"),
    "its MD5": answer(CONTENT, f"Content-MD5: {digest_of('md5')}"),
    "its digest": answer(CONTENT, f"Repr-Digest: sha-256=:{digest_of('sha256')}:"),
    "a digest of parts": answer(CONTENT, f"x-amz-checksum-sha256: {WRONG_MD5}-7"),
    "a line that is none": answer(CONTENT, "X-A: b", "nothing: of this", "X: \x07"),
    "100 first": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(CONTENT),
    "another case": answer(CONTENT).replace(b"Content-Length", b"cOnTENT-lENGTH"),
}
MAY_PASS = {
    "unasked piece": piece(f"bytes 0-{LENGTH - 1}/1000000"),
    "unasked piece of what": piece(f"bytes 0-{LENGTH - 1}/*"),
    "unasked piece of the middle": piece(f"bytes 5-{LENGTH + 4}/{LENGTH + 5}"),
    "piece without a place": answer(CONTENT, status="206 Partial Content"),
    "piece of another unit": piece(f"lines 0-{LENGTH - 1}/{LENGTH}"),
    "piece of another length": piece("bytes 0-9/10"),
    "pieces": answer(
        CONTENT, "Content-Type: multipart/byteranges", status="206 Partial Content"
    ),
    "short": SHORT,
    "short of a range": answer(CONTENT, f"Content-Range: bytes 0-9/{LENGTH + 5}"),
    "length twice, other": answer(CONTENT, "Content-Length: 7"),
    "length that is negative": answer(CONTENT, "Content-Length: -1", length=False),
    "length that is none": answer(CONTENT, "Content-Length: many", length=False),
    "length beyond all": answer(CONTENT, "Content-Length: " + "9" * 5000, length=False),
    "nothing at all": answer(b"", length=False),
    "nothing, by chunks": chunked(),
    "chunks that were cut": chunked(CONTENT[:500], end=b""),
    "chunk that was cut": chunked(CONTENT)[:-20],
    "chunk without a length": chunked(CONTENT[:9], end=b"some\r\n"),
    "chunk below zero": chunked(CONTENT[:9], end=b"-5\r\nabcde\r\n0\r\n\r\n"),
    "gzip that was cut": packed(body=gzip.compress(CONTENT)[:-9]),
    "gzip without its sum": packed(body=gzip.compress(CONTENT)[:-1]),
    "gzip that is none": packed(body=CONTENT),
    "gzip of nothing": packed(body=b""),
    "no HTTP": b"220 ftp.example.org FTP server ready\r\n" * 3,
    "nothing": b"",
    "zeros": b"\0" * 9000,
    "status that is none": b"HTTP/1.1 abc\r\n\r\n",
    "many lines": answer(CONTENT, *(f"X-{n}: 1" for n in range(200))),
    "endless line": answer(CONTENT, "X: " + "y" * 100_000),
    "header that stops": b"HTTP/1.1 200 OK\r\nContent-Le",
    "header that ends early": answer(CONTENT, "X: 1", "garbage", length=True),
    "timeout": answer(b"", status="408 Request Timeout"),
    "busy for 99999 years": answer(
        b"", "Retry-After: Fri, 31 Dec 99999 23:59:59 GMT", status="503 Busy"
    ),
    "busy since": answer(
        b"", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", status="429 Slow"
    ),
    "busy for less than nothing": answer(b"", "Retry-After: -7", status="503 Busy"),
    "busy for what": answer(b"", "Retry-After: \xff\xfe", status="503 \xe9"),
}


REFUSED = {
    "moved nowhere": answer(b"", status="302 Found"),
    "moved in a circle": moved("/b"),
    "moved to no address": moved("http://[::bad/"),
    "moved to a long name": moved(f"http://{'a' * 70}.invalid/"),
    "moved to an odd name": moved("http://\xff\xfe.inv\xc3\xa9/..%00"),
    "moved to no host": moved("http:///x"),
    "moved to a port beyond": moved("http://127.0.0.1:99999/"),
    "moved to a port": moved("http://127.0.0.1:x/"),
    "moved to a file": moved("file:///etc/passwd"),
    "moved to ftp": moved("ftp://127.0.0.1/a"),
    "moved to data": moved("data:text/plain,hello"),
    "nothing new": answer(b"", status="304 Not Modified", length=False),
    "no content": answer(b"", status="204 No Content", length=False),
    "early": answer(CONTENT, status="103 Early Hints"),
    "of no kind": answer(CONTENT, status="999 What"),
    "accepted": answer(CONTENT, status="202 Accepted"),
    "range": answer(b"", status="416 Range"),
    "packed in another way": answer(CONTENT, "Content-Encoding: br"),
    "packed twice": answer(CONTENT, "Content-Encoding: gzip, gzip"),
    "packed for the way": answer(CONTENT, "Transfer-Encoding: gzip", length=False),
    "a web page": answer(PAGE, "Content-Type: text/html; charset=utf-8"),
    "another MD5": answer(CONTENT, f"Content-MD5: {WRONG_MD5}"),
    "another digest": answer(
        CONTENT, f"Digest: unixsum=5, SHA-256={digest_of('sha256', b'other')}"
    ),
    "another sum of S3": answer(
        CONTENT, f"x-amz-checksum-sha1: {digest_of('sha1', b'other')}"
    ),
    "another sum of Google": answer(
        CONTENT, f"x-goog-hash: crc32c=AAAAAA==,md5={WRONG_MD5}"
    ),
}
# An address without a host is taken for one on the same.
ROUND = ("moved in a circle", "moved to no host")


@pytest.mark.parametrize("named", [{}, {"sha256": SHA256, "size": LENGTH}], ids=str)
@pytest.mark.parametrize("kind", GOOD)
def test_file_that_is_sent_in_whatever_form_is_had(path, kind, named):
    got, server = fetched([GOOD[kind]], path, **named)
    assert got == path, got
    assert path.read_bytes() == CONTENT and len(server.requests) == 1


@pytest.mark.parametrize("kind", MAY_PASS)
def test_what_an_answer_names_and_does_not_keep_is_tried_again(path, kind):
    waits = []
    got, server = fetched([MAY_PASS[kind]], path, report=waits.append)
    assert isinstance(got, DownloadError), path.read_bytes()
    assert failure_from_exception(got)["transient"] and got.__cause__ is not None
    assert len(server.requests) == RETRIES + 1 and len(waits) == RETRIES
    assert str(got).isprintable() and len(str(got)) < 500
    assert nothing_in(path.parent)
    got, server = fetched([MAY_PASS[kind], GOOD["as it should be"]], path)
    assert got == path and path.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", REFUSED)
def test_what_will_not_be_the_file_is_refused(path, kind):
    got, server = fetched([REFUSED[kind]], path)
    assert isinstance(got, DownloadError), path.read_bytes()
    assert got.__cause__ is None and not failure_from_exception(got)["transient"]
    assert len(server.requests) <= (21 if kind in ROUND else 2)
    assert str(got).isprintable() and len(str(got)) < 500
    assert nothing_in(path.parent)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_packed_file_is_had_as_it_is(tmp_path, coding):
    body = gzip.compress(CONTENT)
    path = tmp_path / "a.nii.gz"
    with RawServer([answer(body, f"Content-Encoding: {coding}")]) as server:
        download_file(f"{server.url}a.nii.gz?x=1", path)
    assert path.read_bytes() == body


def test_web_page_is_fetched_where_one_is_wanted(tmp_path):
    page = answer(PAGE, "Content-Type: text/html")
    for name in ("list.html", "list"):
        fetched([page], tmp_path / name)
        assert (tmp_path / name).read_bytes() == PAGE


def test_page_in_place_of_a_file_with_a_checksum_is_told(path):
    got, _ = fetched([answer(PAGE)], path, sha256=SHA256)
    assert "(a web page) instead of" in str(got)


@pytest.mark.parametrize(
    "given", [answer(CONTENT[:-1]), answer(CONTENT + b"x"), chunked(CONTENT[:-1])]
)
def test_length_that_the_caller_knows_is_kept_to(path, given):
    got, server = fetched([given], path, size=LENGTH)
    assert f"{LENGTH}" in str(got) and got.__cause__ is None
    assert len(server.requests) == 2 and nothing_in(path.parent)
    # Where the server names none, a cut looks like an end.
    cut = answer(CONTENT[:-1], length=False)
    got, _ = fetched([cut, answer(CONTENT)], path, size=float(LENGTH))
    assert got == path and path.read_bytes() == CONTENT
    path.write_bytes(CONTENT[:7])
    assert fetched([answer(CONTENT)], path, size=LENGTH)[0] == path
    assert path.read_bytes() == CONTENT


def test_stream_without_an_end_is_left_when_it_is_too_long(path):
    start, more = answer(length=False), itertools.repeat(CONTENT)
    endless = [itertools.chain([start], more) for _ in range(2)]
    got, _ = fetched(endless, path, size=LENGTH)
    assert f"more than {LENGTH} bytes" in str(got)


@pytest.mark.parametrize(
    "second, requests",
    [
        (rest(), 2),
        (rest(LENGTH, START, None, 'ETag: "1"'), 2),
        (rest("*"), 2),
        # The file is another one by now, or another part of it comes.
        (rest(LENGTH + 1), 3),
        (rest(LENGTH, START, None, 'ETag: "2"'), 3),
        (rest(LENGTH, START - 1), 3),
        (rest(LENGTH, 0, CONTENT[:-1]), 3),
        (answer(b"", f"Content-Range: bytes */{LENGTH}", status="416 Range"), 3),
        (answer(CONTENT, 'ETag: "2"'), 2),
        (rest(LENGTH, START, gzip.compress(CONTENT)[5:], "Content-Encoding: gzip"), 3),
        # Less than asked for: the rest of it is asked for.
        (rest(LENGTH, START, CONTENT[START : START + 100]), 3),
    ],
)
def test_piece_that_does_not_fit_is_not_put_together(path, second, requests):
    third = answer(CONTENT, 'ETag: "2"')
    if requests == 3 and f"-{START + 99}/".encode() in second:
        third = rest(LENGTH, START + 100)
    got, server = fetched([CUT, second, third], path, sha256=SHA256)
    assert got == path and path.read_bytes() == CONTENT
    assert len(server.requests) == requests
    assert f"Range: bytes={START}-".encode() in server.requests[1]
    assert b'If-Range: "1"' in server.requests[1]


def test_server_that_compares_in_its_own_way_is_not_asked_to_for_ever(path):
    # Each of its machines calls the file by another name.
    other = answer(CONTENT, 'ETag: "2"')[:-300]
    last = rest(LENGTH, LENGTH - 300, None, 'ETag: "3"')
    got, server = fetched([CUT, other, last], path, sha256=SHA256)
    assert got == path and path.read_bytes() == CONTENT
    assert b"If-Range" not in server.requests[2]


def dripping(start, piece=b"x", wait_s=0.02):
    yield start
    while True:
        time.sleep(wait_s)
        yield piece


DRIPS = {
    "body": answer(b"", "Content-Length: 1000000", length=False),
    "chunks": answer(b"", "Transfer-Encoding: chunked", length=False),
    "header": b"HTTP/1.1 200 OK\r\nX: ",
    "status": b"HTTP/1.1 200 ",
    "endless body": answer(b"", length=False),
}


@pytest.mark.parametrize("kind", DRIPS)
def test_server_that_drips_is_left(path, kind, monkeypatch):
    monkeypatch.setenv("BRAINSETS_STALL_S", "0.5")
    monkeypatch.setattr("brainsets.archives.downloads.RETRIES", 1)
    told = []
    drip = b"1\r\nx\r\n" if kind == "chunks" else b"x"
    wait_s = 0.09 if kind == "chunks" else 0.02
    answers = [dripping(DRIPS[kind], drip, wait_s) for _ in range(2)]
    got, _ = fetched(answers, path, sha256=SHA256, report=told.append)
    assert "less than 100 bytes arrive in a second" in str(got)
    assert "less than 100 bytes" in told[0] and failure_from_exception(got)["transient"]


def test_server_that_says_nothing_more_is_left(path, monkeypatch):
    monkeypatch.setenv("BRAINSETS_STALL_S", "0.1")
    monkeypatch.setattr("brainsets.archives.downloads.RETRIES", 1)
    silent = [itertools.islice(dripping(CUT, b"", 0.8), 2) for _ in range(2)]
    got, _ = fetched(silent, path)
    assert isinstance(got, DownloadError) and failure_from_exception(got)["transient"]


def test_slow_server_that_goes_on_is_waited_for(path, monkeypatch):
    monkeypatch.setenv("BRAINSETS_STALL_S", "0.1")
    body = (CONTENT[at : at + 32] for at in range(0, LENGTH, 32))

    def slow():
        yield answer(CONTENT)[:-LENGTH]
        for part in body:
            time.sleep(0.02)
            yield part

    got, server = fetched([slow()], path)
    assert got == path and len(server.requests) == 1


def test_header_without_an_end_is_left(path, monkeypatch):
    monkeypatch.setattr("brainsets.archives.downloads.RETRIES", 0)
    endless = itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    got, _ = fetched([endless], path)
    assert isinstance(got, DownloadError) and failure_from_exception(got)["transient"]


def test_byte_a_try_is_no_progress(path):
    bytewise = [answer(CONTENT)[: -LENGTH + 1]]
    bytewise += [rest(LENGTH, n, CONTENT[n : n + 1]) for n in range(1, 30)]
    got, server = fetched(bytewise, path, sha256=SHA256)
    assert len(server.requests) == RETRIES + 1
    assert failure_from_exception(got)["transient"]


@given(st.text() | st.integers().map(str) | st.datetimes().map(str))
def test_time_to_come_back_is_read_or_not_there(text):
    assert 0 <= retry_after_s(text) < 1e13


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_no_bytes_end_in_another_error(tmp_path_factory, pieces, is_http):
    start = b"HTTP/1.1 200 OK\r\n" if is_http else b""
    path = tmp_path_factory.mktemp("raw") / "a.edf"
    got, _ = fetched([start + b"\r\n".join(pieces)], path)
    assert got == path or isinstance(got, DownloadError)
