"""The stand-ins of OpenNeuro and of S3 answer as the archives do."""

import json
import ssl
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import pytest

from tests.helpers.parity.openneuro import OpenNeuro
from tests.helpers.parity.s3 import s3_server
from tests.helpers.parity.stand_in import StandIn

KNOWN = {"ds1": {"latestSnapshot": {"tag": "1.0.0"}, "metadata": {"species": None}}}


@pytest.fixture
def openneuro(tmp_path, monkeypatch):
    # Of whoever runs the tests: they would lead around the stand-in.
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with StandIn(OpenNeuro(KNOWN).hosts, tmp_path) as stand_in:
        yield stand_in


def opener(stand_in, certificates=None):
    context = ssl.create_default_context(cafile=certificates)
    proxies = ProxyHandler({"https": stand_in.environment["HTTPS_PROXY"]})
    return build_opener(proxies, HTTPSHandler(context=context))


def ask(stand_in, query, dataset="ds1", path="/crn/graphql"):
    body = {"query": query, "variables": {"datasetId": dataset}}
    url = f"https://openneuro.org{path}"
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "text/json"})
    bundle = stand_in.environment["REQUESTS_CA_BUNDLE"]
    with opener(stand_in, bundle).open(request) as answer:
        return json.load(answer)


def test_openneuro_answers_what_is_asked(openneuro):
    query = "query D($datasetId: ID!) { dataset(id: $datasetId) { %s } }"
    tag = ask(openneuro, query % "latestSnapshot { tag }")
    assert tag == {"data": {"dataset": {"latestSnapshot": {"tag": "1.0.0"}}}}
    both = ask(openneuro, query % "metadata { species } latestSnapshot { tag }")
    assert both["data"]["dataset"] == KNOWN["ds1"]
    assert ask(openneuro, query % "metadata { species }", "ds2")["data"] == {
        "dataset": None
    }
    assert "nonsense" in ask(openneuro, query % "nonsense")["errors"][0]["message"]
    assert len(openneuro.requests) == 4
    with pytest.raises(HTTPError, match="404"):
        ask(openneuro, query % "metadata { species }", path="/elsewhere")


def test_openneuro_is_believed_only_with_its_certificate(openneuro, capfd):
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        opener(openneuro).open("https://openneuro.org/crn/graphql")
    assert openneuro.requests == []
    # Nor does it stop the stand-in, or fill what a failing test shows.
    assert ask(openneuro, "query D($datasetId: ID!) { dataset(id: $datasetId) }")
    assert capfd.readouterr().err == ""


def test_other_hosts_are_refused(openneuro):
    with pytest.raises(OSError, match="403"):
        opener(openneuro).open("https://example.org/")
    assert (openneuro.refused, openneuro.requests) == (["example.org"], [])


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
