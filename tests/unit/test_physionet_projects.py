"""Which recordings a project of PhysioNet has, and of whom."""

import json

import pytest

pytest.importorskip("requests", reason="PhysioNet is asked with requests")

from brainsets.archives.physionet import Listing
from brainsets.archives.physionet_projects import Project, recordings, subject_of
from brainsets.errors import DownloadError
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.physionet_projects import publish


def found(records, files, named=None):
    listing = Listing(records, {path: f"sum of {path}" for path in files.split()})
    kept, others, segments = recordings(listing, (named or {}).__getitem__)
    for one in kept:
        assert one.files == {path: f"sum of {path}" for path in one.files}
    return {(one.record, one.form): [*one.files] for one in kept}, others, segments


@pytest.mark.parametrize(
    ("records", "files", "expected"),
    [
        (["a/x.edf"], "a/x.edf", {("a/x.edf", "edf"): ["a/x.edf"]}),
        (["a/X.EDF"], "a/X.EDF", {("a/X.EDF", "edf"): ["a/X.EDF"]}),
        # Named without its ending, as records of WFDB are.
        (["x"], "x.edf x.txt", {("x.edf", "edf"): ["x.edf"]}),
        (["x"], "x.BDF", {("x.BDF", "edf"): ["x.BDF"]}),
        (["x"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        # Twice, by its name and by its header.
        (["x", "x.hea"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        (["x.hea", "x"], "x.hea x.dat", {("x", "wfdb"): ["x.hea", "x.dat"]}),
        (["x.edf"], "x.edf x.edf.seizures", {("x.edf", "edf"): 2}),
        (["a"], "a/1.hea a/b/2.edf", {("a/1", "wfdb"): 1, ("a/b/2.edf", "edf"): 1}),
        (["100"], "100/100.hea 100/100.atr", {("100/100", "wfdb"): 2}),
        (["x", "y.csv"], "x.hea y.csv", {("x", "wfdb"): 1}),
        (["."], "x.hea a/y.edf a/z.csv", {("x", "wfdb"): 1, ("a/y.edf", "edf"): 1}),
    ],
)
def test_records_are_found_however_they_are_named(records, files, expected):
    kept, others, segments = found(records, files)
    assert others == (["y.csv"] if "y.csv" in records else [])
    assert segments == [] and kept.keys() == expected.keys()
    for key, names in expected.items():
        count = names if isinstance(names, int) else len(names)
        assert len(kept[key]) == count
        assert isinstance(names, int) or kept[key] == names


@pytest.mark.parametrize("folder", ["a", "."])
def test_segments_are_no_recordings_beside_what_they_are_of(folder):
    names = "m m01 m02 32_layout 32_0001 other_0001 chb chb_03"
    files = " ".join(f"a/{name}.hea" for name in names.split())
    # Headers of these alone are asked for: others go on after their names.
    named = {"a/m": ["m01", "m02"], "a/chb": ["chb.dat"]}
    kept, _, segments = found([folder], files, named)
    assert {record for record, _ in kept} == {
        *("a/m", "a/32_layout", "a/other_0001", "a/chb", "a/chb_03")
    }
    assert segments == ["a/m01", "a/m02", "a/32_0001"]
    # What the project lists itself is a recording of it.
    kept, _, segments = found(["a/m", "a/m01"], files)
    assert len(kept) == 2 and segments == []


@pytest.mark.parametrize(
    ("record", "subject"),
    [
        ("S001/S001R03.edf", "S001"),
        ("chb01/chb01_03.edf", "chb01"),
        ("100", "100"),
        ("p00/p000020/p000020-2183-04-28", "p000020"),
        ("Subject00_1.edf", "Subject00"),
        ("rest.edf", "rest"),
        ("_.edf", ""),
    ],
)
def test_subject_is_guessed_from_the_name(record, subject):
    assert subject_of(record) == subject


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "archive").mkdir()
    with ArchiveServer(tmp_path / "archive") as server:
        yield server


@pytest.mark.parametrize("answer", ["[]", "{}", '{"results": []}', "[1]", None])
def test_project_that_is_not_there_is_told(server, answer):
    if answer is not None:
        folder = server.folder / "api/v1/projects/x/versions"
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(answer)
    with pytest.raises(DownloadError, match="PhysioNet has no project 'x'"):
        Project("x", server.url).versions()


def test_versions_are_in_their_order_in_pages_too(server):
    publish(server.folder, "x", ["1.10.0", "1.9", "2.0.0-odd"])
    assert Project("x", server.url).versions() == ["1.9", "1.10.0"]
    path = server.folder / "api/v1/projects/x/versions/index.json"
    path.write_text(json.dumps({"results": json.loads(path.read_text())}))
    assert Project("x", server.url).versions() == ["1.9", "1.10.0"]


def test_archive_is_asked_for_a_description_once(server, tmp_path):
    publish(server.folder, "x", ["1.0"])
    # Few questions an hour are answered to those who have not signed in.
    server.answer("api/v1/projects/x/versions/1.0/", 429, Retry_After="3000")
    reports = []
    project = Project("x", server.url, reports.append)
    said = project.fetch_description("1.0", tmp_path)
    assert said == {
        "source": "https://physionet.org/content/x/1.0/",
        "origin_version": "1.0",
        "project": "x",
    }
    assert project.total_bytes("1.0", tmp_path) is None
    assert "no description of the project" in reports[-1]
    assert "asks to come back in 3000 s" in reports[-1]
    server.mend()
    server.forget()
    assert project.fetch_description("1.0", tmp_path) == said
    assert server.requests == []
    said = project.fetch_description("1.0", tmp_path, again=True)
    assert (said["description"], said["doi"]) == ("Title", "10.13026/x")
    assert (said["license"], said["citation"]) == ("ODC-By", "A. 1.0")
    assert project.total_bytes("1.0", tmp_path) == 3_400_000_000
    assert len(server.requests) == 2
    assert project.fetch_description("1.0", tmp_path, again=True) == said
    assert len(server.requests) == 2
