"""A failure looks transient when another attempt may succeed."""

import json

import pytest

from tests.helpers.supervised_scripts import Script

TRANSIENT = {
    "raise ConnectionError('reset')": True,
    "raise ConnectionResetError(104, 'reset by peer')": True,
    "raise BrokenPipeError": True,
    "raise TimeoutError('timed out')": True,
    "import socket; raise socket.gaierror(-3, 'name resolution')": True,
    "import http.client; raise http.client.RemoteDisconnected('gone')": True,
    "import http.client; raise http.client.IncompleteRead(b'')": True,
    "raise urllib_error(404)": False,
    "raise urllib_error(403)": False,
    "raise urllib_error(429)": True,
    "raise urllib_error(500)": True,
    "raise urllib_error(503)": True,
    "raise RequestsError(404)": False,
    "raise RequestsError(429)": True,
    "raise RequestsError(502)": True,
    "raise BotocoreError(404)": False,
    "raise BotocoreError(503)": True,
    "raise ReadTimeout('like that of requests')": True,
    "urllib.request.urlopen('http://127.0.0.1:1/')": True,
    "raise ValueError('no session') from ConnectionError('reset')": True,
    "raise ValueError('no session') from urllib_error(404)": False,
    "while_handling(ConnectionError('reset'), ValueError('nothing'))": True,
    "while_handling(ValueError('nothing'), urllib_error(503))": True,
    "raise RuntimeError('503')": False,
    "raise ValueError('connection reset')": False,
    "raise FileNotFoundError('x')": False,
    "raise OSError(28, 'No space left on device')": False,
    "raise PermissionError('x')": False,
    "raise MemoryError": False,
    "raise KeyError('x')": False,
    "sys.exit(1)": False,
    "circular()": False,
    "os._exit(1)": False,
    "os.kill(os.getpid(), 9)": False,
}
ERRORS = """
import sys, urllib.error, urllib.request
from types import SimpleNamespace


def urllib_error(status):
    return urllib.error.HTTPError("http://x", status, "message", {}, None)


class RequestsError(IOError):
    def __init__(self, status):
        self.response = SimpleNamespace(status_code=status)


class BotocoreError(Exception):
    def __init__(self, status):
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class ReadTimeout(IOError):
    pass


def while_handling(first, second):
    try:
        raise first
    except Exception:
        raise second


def circular():
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    raise one


found = {}
for statement in json.loads((here / "statements.json").read_text()):
    found[statement] = run_supervised(lambda: exec(statement)).failure["transient"]
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Whether each of the failures looks transient; all in one script, for speed."""
    folder = tmp_path_factory.mktemp("transient")
    (folder / "statements.json").write_text(json.dumps(list(TRANSIENT)))
    script = Script(folder, "return found", before=ERRORS)
    return script.end()["result"]


@pytest.mark.parametrize("statement", TRANSIENT)
def test_a_failure_looks_transient_when_another_attempt_may_succeed(judged, statement):
    assert judged[statement] is TRANSIENT[statement]
