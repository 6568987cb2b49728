"""A file as a raw server sends it, whole or in pieces, and what is made of that."""

import hashlib

from brainsets.archives.downloads import download_file
from brainsets.errors import DownloadError
from tests.helpers.raw_server import RawServer, answer

CONTENT = bytes(range(256)) * 4
LENGTH = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHORT = answer(CONTENT)[:-1]


def piece(text, body=CONTENT, *lines):
    line = f"Content-Range: {text}"
    return answer(body, line, *lines, status="206 Partial Content")


def moved(to, *lines, status="302 Found"):
    return answer(b"", f"Location: {to}", *lines, status=status)


def fetched(answers, path, **named):
    with RawServer(answers) as server:
        try:
            return download_file(f"{server.url}a.edf", path, **named), server
        except DownloadError as error:
            return error, server


def nothing_in(folder):
    return not folder.exists() or not list(folder.iterdir())


CUT = answer(CONTENT, 'ETag: "1"')[:-600]
START = LENGTH - 600


def rest(total=LENGTH, start=START, body=None, *lines):
    body = CONTENT[start:] if body is None else body
    return piece(f"bytes {start}-{start + len(body) - 1}/{total}", body, *lines)
