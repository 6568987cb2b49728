"""A stand-in of OpenNeuro's GraphQL service, behind a proxy for ``https``.

The address of the service is fixed in the published code. So what a user behind a
company's proxy would do is done here: ``HTTPS_PROXY`` names the proxy, and
``REQUESTS_CA_BUNDLE`` the authority that signed its certificates. The proxy answers for
openneuro.org itself and passes all other connections on.
"""

import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

HOST = "openneuro.org"
GRAPHQL_PATH = "/crn/graphql"


@contextmanager
def openneuro_proxy(
    datasets: Mapping[str, Mapping[str, Any]], folder: Path
) -> Iterator[tuple[dict[str, str], list[dict]]]:
    """Serve what OpenNeuro knows of datasets, by their ids.

    Parameters
    ----------
    datasets
        The object ``dataset`` of the GraphQL schema for each id.
    folder
        Where the authority's certificate is written.

    Yields
    ------
    The environment variables that lead ``requests`` here, and the list of the
    GraphQL requests that were made so far.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(bundle)

    asked: list[dict] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    server.daemon_threads = True
    server.context, server.datasets, server.asked = context, datasets, asked
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield (
            {
                "HTTPS_PROXY": address,
                "https_proxy": address,
                "NO_PROXY": "127.0.0.1,localhost",
                "no_proxy": "127.0.0.1,localhost",
                "REQUESTS_CA_BUNDLE": str(bundle),
            },
            asked,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Proxy(BaseHTTPRequestHandler):
    """Answers CONNECT: for OpenNeuro by speaking to the client, else by a tunnel."""

    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        self.close_connection = True
        host, _, port = self.path.rpartition(":")
        if host != HOST:
            self._tunnel(host, int(port))
            return
        self.send_response(200)
        self.end_headers()
        try:
            inner = self.server.context.wrap_socket(self.connection, server_side=True)
        except OSError:
            # The client does not believe the certificate.
            return
        with inner:
            _GraphQL(inner, self.client_address, self.server)

    def _tunnel(self, host: str, port: int) -> None:
        try:
            remote = socket.create_connection((host, port), timeout=30)
        except OSError as error:
            self.send_error(502, str(error))
            return
        self.send_response(200)
        self.end_headers()
        with remote:
            back = threading.Thread(
                target=_copy, args=(remote, self.connection), daemon=True
            )
            back.start()
            _copy(self.connection, remote)
            back.join()

    def log_message(self, *_):
        pass


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # Either side is gone: the other one is told by its own end of file.
        pass


class _GraphQL(BaseHTTPRequestHandler):
    """The service itself: one query about one dataset for each request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != GRAPHQL_PATH:
            self.send_error(404)
            return
        request = json.loads(body)
        self.server.asked.append(request)
        answer = json.dumps(_answer(request, self.server.datasets)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def _answer(request: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict:
    # Arguments are one id, given as a variable.
    wanted = _selection(re.sub(r"\([^)]*\)", "", request["query"]))
    root = {"dataset": datasets.get(request["variables"]["datasetId"])}
    try:
        return {"data": _select(root, wanted)}
    except KeyError as error:
        return {"errors": [{"message": f"Cannot query field {error}"}], "data": None}


def _selection(query: str) -> dict:
    """Return the fields of a query, each with those it is asked for: ``{"a": {}}``."""
    stack = [{}]
    name = None
    for token in re.findall(r"\w+|[{}]", query[query.index("{") :]):
        if token == "{":
            stack.append(stack[-1][name] if name else stack[-1])
        elif token == "}":
            stack.pop()
        else:
            name = token
            stack[-1][name] = {}
    return stack[0]


def _select(value: Any, wanted: Mapping[str, Any]) -> Any:
    if not wanted or value is None:
        return value
    return {name: _select(value[name], inner) for name, inner in wanted.items()}
