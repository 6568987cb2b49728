"""Dandisets are listed and fetched as DANDI has them, and what cannot be is told."""

import hashlib
import json

import pytest

pytest.importorskip("requests", reason="DANDI is asked with requests")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainsets.archives.dandi import DandiArchive
from brainsets.archives.dandi import archive as module
from brainsets.archives.dandi.instances import INSTANCES, chosen_instance
from brainsets.errors import DownloadError
from tests.helpers.dandi_server import KEY, OTHER_KEY, DandiServer

ID = "000140"
FILES = {
    "sub-b/sub-b_ses-1.nwb": b"b" * 5000,
    "sub-a/sub-a_ses-1_behavior.nwb": b"a" * 70_000,
    "sub-a/sub-a_ses-2.NWB": b"",
    "sub-a/video.mp4": b"0",
}
PATH = "sub-a/sub-a_ses-1_behavior.nwb"
VERSION = "0.220113.0408"


@pytest.fixture
def server(tmp_path, monkeypatch):
    with DandiServer(tmp_path / "store") as server:
        for path, content in FILES.items():
            server.put(ID, path, content)
        server.publish(ID, VERSION)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DANDI_API_KEY", raising=False)
        yield server


def test_newest_published_version_is_named(server):
    assert DandiArchive().dandiset(ID) == module.Dandiset(ID, VERSION, True)
    server.publish(ID, "0.230101.0000")
    assert DandiArchive().dandiset(ID).newest == "0.230101.0000"
    assert DandiArchive().versions(ID) == ["draft", VERSION, "0.230101.0000"]
    server.put("000002", "a.nwb", b"1")
    assert DandiArchive().dandiset("000002").newest is None


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_assets_of_all_pages_are_listed_with_checksums(server, page_size):
    server.page_size = page_size
    assets = DandiArchive().assets(ID, VERSION)
    assert [asset.path for asset in assets] == sorted(FILES)
    for asset in assets:
        content = FILES[asset.path]
        assert asset.size == len(content)
        assert asset.sha256 == hashlib.sha256(content).hexdigest()
        assert asset.etag and not asset.is_folder


@pytest.mark.parametrize(
    ("pattern", "count"), [("*.nwb*", 3), ("SUB-A/*", 3), ("sub-?/*", 0), ("*[a]*", 0)]
)
def test_pattern_holds_whether_or_not_the_server_knows_it(server, pattern, count):
    assert len(DandiArchive().assets(ID, VERSION, pattern)) == count
    server.dandisets[ID].versions[VERSION] = dict(
        server.dandisets[ID].versions["draft"]
    )
    known = server._of_assets
    server._of_assets = lambda query, **named: known(
        {k: v for k, v in query.items() if k != "glob"}, **named
    )
    assert len(DandiArchive().assets(ID, VERSION, pattern)) == count


def test_subject_and_session_are_those_of_the_metadata(server):
    server.put(
        ID,
        "c.nwb",
        b"c",
        wasAttributedTo=[
            {"schemaKey": "Agent", "identifier": "x"},
            {"schemaKey": "Participant", "identifier": "Rat 1"},
        ],
        wasGeneratedBy=[{"schemaKey": "Session", "name": "day 2"}],
    )
    asset = DandiArchive().asset(ID, "draft", "c.nwb")
    assert (asset.subject, asset.session) == ("Rat 1", "day 2")
    assert DandiArchive().asset(ID, "draft", PATH).subject == ""


@pytest.mark.parametrize("has_sha256", [True, False])
def test_file_is_fetched_and_checked(server, tmp_path, has_sha256):
    server.has_sha256 = has_sha256
    asset = DandiArchive().asset(ID, VERSION, PATH)
    assert (asset.sha256 is not None) == has_sha256
    server.store.cut(server.blob(ID, PATH), after=40_000, times=1)
    path = DandiArchive().download(asset, tmp_path / "raw")
    assert path == tmp_path / "raw" / PATH
    assert path.read_bytes() == FILES[PATH]
    # The rest alone, by an address with another signature.
    assert [request.start for request in server.store.requests] == [0, 40_000]
    server.store.flip(server.blob(ID, PATH), at=9)
    with pytest.raises(DownloadError, match="instead of"):
        DandiArchive().download(asset, tmp_path / "raw", again=True)


def test_file_is_read_in_pieces_with_the_key_for_the_api_alone(server, monkeypatch):
    server.embargo(ID)
    monkeypatch.setenv("DANDI_API_KEY", KEY)
    archive = DandiArchive()
    with archive.opened(archive.asset(ID, VERSION, PATH)) as file:
        assert file.readall() == FILES[PATH]
    assert not [r for r in server.store.requests if "Authorization" in r.headers]


def test_asset_without_checksums_in_the_list_is_asked_for_by_itself(server):
    whole = server._record
    server._record = lambda asset, shows: whole(asset, False)
    asset = DandiArchive().asset(ID, VERSION, PATH)
    assert asset.sha256 == hashlib.sha256(FILES[PATH]).hexdigest()


def test_zarr_is_listed_and_not_fetched(server, tmp_path):
    server.put(ID, "sub-z/z.nwb.zarr", None)
    asset = DandiArchive().asset(ID, "draft", "sub-z/z.nwb.zarr")
    assert asset.is_folder and asset.etag is None
    with pytest.raises(DownloadError, match="z.nwb.zarr is a Zarr, a folder"):
        DandiArchive().download(asset, tmp_path)


def refusal(call):
    with pytest.raises(DownloadError) as caught:
        call()
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    assert not any(key in sentence for key in (KEY, OTHER_KEY))
    return sentence


def test_what_is_not_there_is_told_with_what_is(server):
    archive = DandiArchive()
    assert refusal(lambda: archive.dandiset("999999")) == (
        f"{server.url} has no dandiset 999999."
    )
    assert refusal(lambda: archive.metadata(ID, "0.1.1")) == (
        f"dandiset {ID} has no version '0.1.1'; it has draft, {VERSION}."
    )
    assert refusal(lambda: archive.metadata("999999", "0.1.1")) == (
        f"{server.url} has no versions of dandiset 999999."
    )
    assert refusal(lambda: archive.assets(ID, "0.1.1")) == (
        f"{server.url} has no assets of version 0.1.1 of dandiset {ID}."
    )
    assert "has no asset 'x.nwb' any more; list" in refusal(
        lambda: archive.asset(ID, VERSION, "x.nwb")
    )
    server.answer("dandisets/000140/$", 410)
    assert "has no dandiset 000140 any more" in refusal(lambda: archive.dandiset(ID))


def test_embargoed_needs_the_key_of_who_may_read_it(server, tmp_path, monkeypatch):
    server.embargo(ID)

    def everything():
        archive = DandiArchive()
        archive.dandiset(ID)
        return archive.download(archive.asset(ID, VERSION, PATH), tmp_path / "raw")

    assert "set the environment variable DANDI_API_KEY to" in refusal(everything)
    monkeypatch.setenv("DANDI_API_KEY", "0" * 40)
    assert "does not accept the key in DANDI_API_KEY" in refusal(everything)
    monkeypatch.setenv("DANDI_API_KEY", OTHER_KEY)
    assert "to the account of the key in DANDI_API_KEY" in refusal(everything)
    monkeypatch.setenv("DANDI_API_KEY", f" {KEY}\n")
    assert everything().read_bytes() == FILES[PATH]
    [request] = server.store.requests
    assert "Authorization" not in request.headers


def test_key_counts_though_netrc_has_a_password(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2XY\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("DANDI_API_KEY", KEY)
    server.embargo(ID)
    assert not DandiArchive().dandiset(ID).is_open


def test_key_is_not_sent_where_a_page_or_an_answer_leads(server, tmp_path, monkeypatch):
    monkeypatch.setenv("DANDI_API_KEY", KEY)
    with DandiServer(tmp_path / "other") as other:
        keys = []
        other._answered = lambda url, key: (keys.append(key), (404, {}, {}))[1]
        server.answer(
            "assets/.*page=1",
            200,
            b'{"count": null, "results": [], "next": "%s/"}' % other.url.encode(),
        )
        assert DandiArchive().assets(ID, VERSION) == []
        assert keys == []
        real = server._answered
        server._answered = lambda url, key: (302, "", {"Location": f"{other.url}/x"})
        refusal(lambda: DandiArchive().dandiset(ID))
        assert keys == [None]
        server._answered = real


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("dandy", None, "DANDI_INSTANCE is 'dandy'; give one of dandi, dandi-sandbox,"),
        ("ftp://x.org/api", None, "address of an API that begins with https://"),
        ("https://x.org/api?a=b", None, "address of an API"),
        ("http://x.org/api", KEY, "the key is not sent there"),
        ("https://x.org/api", "two words", "DANDI_API_KEY holds what is no key"),
        ("https://x.org/api", "sch\u00f6n", "DANDI_API_KEY holds what is no key"),
    ],
)
def test_environment_that_cannot_be_meant_is_refused(monkeypatch, url, key, sentence):
    monkeypatch.setenv("DANDI_INSTANCE", url)
    monkeypatch.setenv("DANDI_API_KEY", key or "")
    assert sentence in refusal(DandiArchive)


def test_instances_have_keys_of_their_own(monkeypatch):
    for name, variable in {
        "": "DANDI_API_KEY",
        "dandi": "DANDI_API_KEY",
        "ember-dandi-sandbox": "EMBER_DANDI_SANDBOX_API_KEY",
        "https://dandi.example.org/api/": "DANDI_API_KEY",
    }.items():
        monkeypatch.setenv("DANDI_INSTANCE", name)
        instance = chosen_instance()
        assert instance.key_variable == variable
        assert instance.url == INSTANCES.get(name or "dandi", name.rstrip("/"))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "is no JSON of an object"),
        (b"[]", "is no JSON of an object"),
        (b"{}", "it has no 'results' where DANDI has one"),
        (b'{"count": 1, "results": [3], "next": null}', "it has no 'path'"),
        (
            b'{"count": 1, "results": [{"path": "a", "zarr": "1", "asset_id": "1", '
            b'"size": true}], "next": null}',
            "it has no 'size'",
        ),
        (
            b'{"results": [{"path": "../../a", "zarr": "1"}], "next": null}',
            "lists the path '../../a', which is none inside of a dandiset",
        ),
    ],
)
def test_answer_of_another_form_is_told(server, body, sentence):
    server.answer("/assets/", 200, body)
    assert sentence in refusal(lambda: DandiArchive().assets(ID, VERSION))


RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "path": st.sampled_from(["a.nwb", "../a", 3]),
        "asset_id": st.sampled_from(["1", None]),
        "size": st.sampled_from([1, -1, 1.5, "1"]),
        "zarr": st.sampled_from([None, "1"]),
        "version": st.sampled_from(["draft", None]),
        "metadata": st.sampled_from(
            [None, [], {"digest": []}, {"digest": {"dandi:sha2-256": 3}}]
        ),
    },
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "count": st.sampled_from([None, 0, 1, "1"]),
        "next": st.sampled_from([None, "https://x.org", 3]),
        "results": st.none() | st.lists(RECORDS, max_size=2) | st.just([3]),
        "most_recent_published_version": RECORDS | st.just("1"),
        "embargo_status": st.sampled_from([None, "OPEN", 3]),
    },
)


@given(answer=ANSWERS | st.sampled_from([None, [], "x", 3]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_answer_of_any_form_is_read_or_told(server, answer):
    server.mend()
    server.answer("", 200, json.dumps(answer).encode())
    archive = DandiArchive()
    for call in (
        lambda: archive.dandiset(ID),
        lambda: archive.versions(ID),
        lambda: archive.metadata(ID, VERSION),
        lambda: archive.assets(ID, VERSION),
        lambda: archive.asset(ID, VERSION, "a.nwb"),
    ):
        try:
            call()
        except DownloadError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("path", ["/etc/passwd", "a/../b", "a//b", "a\\b", "a\nb", ""])
def test_path_that_leads_elsewhere_is_refused(server, path):
    server.put(ID, path, b"1")
    assert "which is none inside" in refusal(lambda: DandiArchive().assets(ID, "draft"))


def test_list_that_changes_meanwhile_is_read_again(server):
    server.page_size = 2
    known, changes = server._of_assets, []

    def changing(query, **named):
        if query["page"] == "2" and not changes:
            changes.append(1)
            server.remove(ID, "sub-a/sub-a_ses-1_behavior.nwb")
        return known(query, **named)

    server._of_assets = changing
    assert len(DandiArchive().assets(ID, "draft")) == len(FILES) - 1
    server.answer("page=1", 200, b'{"count": 7, "results": [], "next": null}')
    assert "7 are said to be there, and 0 are listed, 3 times" in refusal(
        lambda: DandiArchive().assets(ID, "draft")
    )


def test_busy_server_is_asked_again_and_one_that_is_down_is_told(server):
    server.answer(f"{ID}/$", 503, times=2)
    assert DandiArchive().dandiset(ID).newest == VERSION
    assert [status for _, status in server.asked] == [503, 503, 200]
    server.answer(f"{ID}/$", 500)
    with pytest.raises(DownloadError, match="500.*7 times in a row") as caught:
        DandiArchive().dandiset(ID)
    assert caught.value.__cause__ is not None


def test_archive_that_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setenv("DANDI_INSTANCE", "http://127.0.0.1:9/api")
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0")
    monkeypatch.delenv("DANDI_API_KEY", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DownloadError, match="there is no connection .*refused"):
        DandiArchive().dandiset(ID)


def test_names_that_are_too_long_for_a_file_are_cut(server, tmp_path):
    names = ["x" * 300 + f"{number}.nwb" for number in (1, 2)]
    for name in (*names, "\u00e9" * 150 + ".nwb"):
        server.put(ID, f"sub-{name}/{name}", name.encode())
        asset = DandiArchive().asset(ID, "draft", f"sub-{name}/{name}")
        path = DandiArchive().download(asset, tmp_path / "raw")
        assert path.suffix == ".nwb" and path.read_bytes() == name.encode()
        assert path == module.local_path(tmp_path / "raw", asset.path)
    files = [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
    assert len(files) == 3
