"""A stand-in for hosts of archives, for programs whose addresses cannot be changed.

Programs that honour ``HTTPS_PROXY`` and ``REQUESTS_CA_BUNDLE``, as all do that use the
package requests, ask this proxy for a tunnel to a host. It plays that host itself, with
a certificate of its own, and lets nothing out: other hosts are refused, and noted.
"""

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

__all__ = ["Request", "Response", "StandIn"]


@dataclass(frozen=True)
class Request:
    """What a client asks a host for."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def url(self) -> str:
        """The address without its query."""
        return f"https://{self.host}{self.path}"


@dataclass(frozen=True)
class Response:
    """What a host answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class StandIn:
    """Plays some hosts, from ``with`` to the end of its block.

    Parameters
    ----------
    hosts
        For each host the function that answers its requests; several may run at once.
    folder
        Where the certificate is written that clients have to trust.

    Attributes
    ----------
    requests
        All requests so far, in order.
    refused
        The hosts that were asked for and are not played.
    """

    def __init__(
        self, hosts: Mapping[str, Callable[[Request], Response]], folder: Path
    ) -> None:
        self.hosts = hosts
        self.requests: list[Request] = []
        self.refused: list[str] = []
        authority = trustme.CA()
        self._certificate = folder / "stand-in.pem"
        authority.cert_pem.write_to_path(str(self._certificate))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*hosts).configure_cert(self.context)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Connection)
        self._server.stand_in = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )

    def __enter__(self) -> "StandIn":
        self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a program here instead of to the hosts."""
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        local = "127.0.0.1,localhost"
        return {
            "REQUESTS_CA_BUNDLE": str(self._certificate),
            # Both spellings: the small one wins where a machine has a proxy already.
            **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), local),
        }


class _Connection(BaseHTTPRequestHandler):
    """One connection: the request for a tunnel, then what comes through it."""

    protocol_version = "HTTP/1.1"
    # A client that says nothing any more must not keep the server from ending.
    timeout = 60
    host = ""

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        stand_in = self.server.stand_in
        if host not in stand_in.hosts:
            stand_in.refused.append(host)
            self.close_connection = True
            self.send_error(403, f"nothing stands in for {host}")
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.host = host
        try:
            self.request = self.connection = stand_in.context.wrap_socket(
                self.connection, server_side=True
            )
        except OSError:
            # The client does not believe the certificate.
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.close_connection = False

    def _answer(self) -> None:
        if not self.host:
            self.send_error(400, "ask for a tunnel first")
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            host=self.host,
            path=parts.path,
            query={k: v[-1] for k, v in parse_qs(parts.query).items()},
            headers=dict(self.headers.items()),
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        stand_in = self.server.stand_in
        stand_in.requests.append(request)
        response = stand_in.hosts[self.host](request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_HEAD = do_POST = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: `StandIn.requests` has it all."""
