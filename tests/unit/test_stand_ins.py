"""The stand-ins of archives answer as the archives do."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import pytest
import trustme
from parity.openneuro import openneuro_proxy
from parity.s3 import s3_server

KNOWN = {"ds1": {"latestSnapshot": {"tag": "1.0.0"}, "metadata": {"species": None}}}


@pytest.fixture
def proxy(tmp_path, monkeypatch):
    # Of whoever runs the tests: they would lead around the proxy.
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with openneuro_proxy(KNOWN, tmp_path) as (variables, asked):
        yield variables, asked


def opener(variables, certificates=None):
    context = ssl.create_default_context(cafile=certificates)
    proxies = ProxyHandler({"https": variables["HTTPS_PROXY"]})
    return build_opener(proxies, HTTPSHandler(context=context))


def ask(proxy, query, dataset="ds1", path="/crn/graphql"):
    variables, _ = proxy
    body = {"query": query, "variables": {"datasetId": dataset}}
    url = f"https://openneuro.org{path}"
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "text/json"})
    with opener(variables, variables["REQUESTS_CA_BUNDLE"]).open(request) as answer:
        return json.load(answer)


def test_openneuro_answers_what_is_asked(proxy):
    query = "query D($datasetId: ID!) { dataset(id: $datasetId) { %s } }"
    tag = ask(proxy, query % "latestSnapshot { tag }")
    assert tag == {"data": {"dataset": {"latestSnapshot": {"tag": "1.0.0"}}}}
    both = ask(proxy, query % "metadata { species } latestSnapshot { tag }")
    assert both["data"]["dataset"] == KNOWN["ds1"]
    assert ask(proxy, query % "metadata { species }", "ds2")["data"] == {
        "dataset": None
    }
    assert "nonsense" in ask(proxy, query % "nonsense")["errors"][0]["message"]
    assert len(proxy[1]) == 4
    with pytest.raises(HTTPError, match="404"):
        ask(proxy, query % "metadata { species }", path="/elsewhere")


def test_openneuro_is_believed_only_with_its_certificate(proxy):
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        opener(proxy[0]).open("https://openneuro.org/crn/graphql")


def test_other_hosts_are_passed_on(proxy, tmp_path):
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello " * 50_000)

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "other.pem")
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}/"
        with opener(proxy[0], tmp_path / "other.pem").open(url) as answer:
            assert answer.read() == b"hello " * 50_000
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    with pytest.raises(OSError, match="502"):
        opener(proxy[0]).open(f"https://127.0.0.1:{server.server_port}/")
    assert proxy[1] == []


def test_bucket_is_read_without_a_signature(tmp_path):
    (tmp_path / "sub 1").mkdir()
    (tmp_path / "sub 1" / "a.edf").write_bytes(b"\x00\xff")
    plain = build_opener(ProxyHandler({}))
    with s3_server({"open": tmp_path}) as variables:
        endpoint = variables["AWS_ENDPOINT_URL"]
        with plain.open(f"{endpoint}/open/sub%201/a.edf") as answer:
            assert answer.read() == b"\x00\xff"
        with plain.open(f"{endpoint}/open?list-type=2&prefix=sub") as answer:
            assert b"<Key>sub 1/a.edf</Key>" in answer.read()
        with pytest.raises(HTTPError, match="404"):
            plain.open(f"{endpoint}/open/missing")
    with pytest.raises(URLError):
        plain.open(f"{endpoint}/open/sub%201/a.edf")
