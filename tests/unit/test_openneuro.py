"""OpenNeuro: its versions, the list of its bucket, and files as they were listed."""

import hashlib

import pytest

from brainsets.archives.openneuro import OpenNeuro, StoredFile, fetch_file, stored_files
from brainsets.archives.openneuro.bucket import is_there
from brainsets.archives.openneuro.datasets import description, version_of_doi
from brainsets.errors import DownloadError
from tests.helpers.openneuro_server import OpenNeuroServer

ODD = "sub-01/eeg/sub-01_task-ä b+c&d'e_eeg.edf"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0.01")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server(tmp_path):
    bucket = tmp_path / "bucket"
    for number in range(20):
        path = bucket / f"ds000001/sub-{number:02}/eeg/sub-{number:02}_eeg.edf"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes([number]) * (number + 1))
    (bucket / "ds000001" / ODD).write_bytes(b"odd")
    (bucket / "ds0000011").mkdir()
    (bucket / "ds0000011" / "other").write_bytes(b"of another dataset")
    with OpenNeuroServer(bucket) as server:
        server.versions = {"ds000001": ["1.0.0", "1.0.1"], "ds000002": []}
        yield server


def test_every_file_is_listed_over_all_pages(server):
    files = stored_files("ds000001", server.url)
    assert len(files) == 21 and sum(r.path == "list" for r in server.requests) == 3
    assert [file.path for file in files] == sorted(file.path for file in files)
    by_path = {file.path: file for file in files}
    assert by_path[ODD].md5 == hashlib.md5(b"odd").hexdigest()
    assert by_path["sub-04/eeg/sub-04_eeg.edf"].size == 5


def test_the_list_agrees_with_that_of_moto(tmp_path):
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    with_parts = tmp_path / "large"
    with_parts.write_bytes(bytes(6 << 20))
    s3 = moto.ThreadedMotoServer(port=0)
    s3.start()
    try:
        host, port = s3.get_host_and_port()
        url = f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="openneuro.org")
        for number in range(5):
            client.put_object(
                Bucket="openneuro.org", Key=f"ds000001/f{number} é+", Body=b"x" * number
            )
        config = boto3.s3.transfer.TransferConfig(
            multipart_threshold=5 << 20, multipart_chunksize=5 << 20
        )
        client.upload_file(
            str(with_parts), "openneuro.org", "ds000001/large", Config=config
        )
        files = stored_files("ds000001", f"{url}/openneuro.org/")
        assert [(file.path, file.size) for file in files] == [
            *((f"f{number} é+", number) for number in range(5)),
            ("large", 6 << 20),
        ]
        large = files[-1]
        assert large.md5 is None and large.etag.endswith("-2")
        path = fetch_file(large, "ds000001", tmp_path / "raw", f"{url}/openneuro.org/")
        assert path.read_bytes() == with_parts.read_bytes()
        assert is_there(large, tmp_path / "raw")
    finally:
        s3.stop()


@pytest.mark.parametrize(
    "dataset, words",
    [("ds000009", "no dataset 'ds000009'"), ("ds000002", "published no version")],
)
def test_datasets_without_versions_are_told(server, dataset, words):
    with pytest.raises(DownloadError, match=words):
        OpenNeuro(server.api_url).versions(dataset)


def test_versions_are_asked_for_until_there_is_an_answer(server):
    server.answer("api", 503, times=2)
    told = []
    archive = OpenNeuro(server.api_url, told.append)
    assert archive.versions("ds000001") == ["1.0.0", "1.0.1"]
    assert len(told) == 2
    server.answer("api", 403)
    with pytest.raises(DownloadError) as refused:
        archive.versions("ds000001")
    assert refused.value.status == 403


def test_what_is_no_list_and_what_is_not_there_are_told(server):
    with pytest.raises(DownloadError, match="no files of a dataset 'ds000005'"):
        stored_files("ds000005", server.url)
    with pytest.raises(DownloadError, match="no list of S3"):
        stored_files("ds000001", f"{server.url}ds000001/sub-00/eeg/sub-00_eeg.edf?")


@pytest.mark.parametrize(
    "key", ["../evil", "a/../../evil", "/evil", "a//evil", "a/./evil", "a/" + "n" * 300]
)
def test_paths_that_would_lead_out_of_a_folder_are_refused(server, key, monkeypatch):
    entry = server._entry("ds0000011/other").replace(
        "ds0000011/other", "ds000001/" + key
    )
    monkeypatch.setattr(type(server), "_entry", lambda *_: entry)
    with pytest.raises(DownloadError, match="cannot be a file of the dataset"):
        stored_files("ds000001", server.url)


def test_a_file_in_parts_is_fetched_again_if_it_is_another_of_the_same_size(
    server, tmp_path
):
    name = "ds000001/large"
    path = server.folder / name
    path.write_bytes(bytes(9 << 20))
    server.parts[name] = 8 << 20
    file = {f.path: f for f in stored_files("ds000001", server.url)}["large"]
    assert file.md5 is None
    raw = tmp_path / "raw"
    fetch_file(file, "ds000001", raw, server.url)
    assert is_there(file, raw)
    server.forget()
    fetch_file(file, "ds000001", raw, server.url)
    assert not server.requests
    (raw / "large").write_bytes(b"\1" * (9 << 20))
    assert not is_there(file, raw)
    fetch_file(file, "ds000001", raw, server.url)
    assert (raw / "large").read_bytes() == bytes(9 << 20)
    # The archive has changed it since it was listed.
    path.write_bytes(b"\2" * (9 << 20))
    (raw / "large").unlink()
    with pytest.raises(DownloadError, match="the dataset has changed") as changed:
        fetch_file(file, "ds000001", raw, server.url)
    assert changed.value.status == 412
    assert not (raw / "large").exists()


def test_parts_of_an_unusual_size_are_fetched_again(server, tmp_path):
    name = "ds000001/large"
    (server.folder / name).write_bytes(bytes(1000))
    server.parts[name] = 700
    file = {f.path: f for f in stored_files("ds000001", server.url)}["large"]
    for _ in range(2):
        server.forget()
        fetch_file(file, "ds000001", tmp_path / "raw", server.url)
        assert len(server.requests) == 1
    # Nothing of the other file is left where the size is right.
    other = StoredFile(file.path, file.size, "0" * 32 + "-2")
    with pytest.raises(DownloadError, match="has changed"):
        fetch_file(other, "ds000001", tmp_path / "raw", server.url)


def test_wrong_bytes_are_no_file(server, tmp_path):
    [file, *_] = stored_files("ds000001", server.url)
    server.flip(f"ds000001/{file.path}", at=0)
    with pytest.raises(DownloadError, match="the MD5 of what the server sends"):
        fetch_file(file, "ds000001", tmp_path / "raw", server.url)
    assert not (tmp_path / "raw" / file.path).exists()


@pytest.mark.parametrize(
    "doi, version",
    [
        ("doi:10.18112/openneuro.ds005555.v1.2.0", "1.2.0"),
        ("10.18112/OpenNeuro.ds005555.v1.2.10 ", "1.2.10"),
        ("10.18112/openneuro.ds005555", None),
        ("10.1038/s41597-022-01647-1", None),
        ("", None),
    ],
)
def test_the_version_is_in_the_doi(doi, version):
    assert version_of_doi(doi) == version


def test_what_a_dataset_says_of_itself(tmp_path):
    path = tmp_path / "dataset_description.json"
    path.write_text('{"Name": "N", "Authors": ["A B", "C"], "License": "CC0"}')
    assert description(path, "ds000001", "1.0.0") == {
        "source": "https://openneuro.org/datasets/ds000001/versions/1.0.0",
        "origin_version": "1.0.0",
        "dataset": "ds000001",
        "authors": "A B; C",
        "description": "N",
        "license": "CC0",
    }
    for content in ("[1]", "{", ""):
        path.write_text(content)
        assert {*description(path, "d", "1")} == {"source", "origin_version", "dataset"}
