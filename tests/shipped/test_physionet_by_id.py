"""Projects of PhysioNet by their names, in whole runs."""

import base64
import json

import h5py
import pytest
from temporaldata import Data

from brainsets.conversion.checking import problems
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.physionet_projects import lists, publish, put
from tests.helpers.workspace import SHARED_DATA

RUNS = [f"S001/S001R0{number}.edf" for number in (3, 4, 5)]


@pytest.fixture
def archive(tmp_path):
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    return tmp_path / "archive"


@pytest.fixture
def server(archive, workspace):
    workspace.environment = {"BRAINSETS_RETRY_WAIT_S": "0.01", "no_proxy": "127.0.0.1"}
    archive.mkdir()
    with ArchiveServer(archive) as server:
        yield server


def entry(server, name, *args):
    words = ["--base-url", server.url, *args]
    return {"pipeline": f"physionet:{name}", "args": words, "environment": "active"}


def states(workspace, brainset):
    folder = workspace.folder(brainset)
    found = {}
    for path in folder.status.glob("*.*"):
        asset, _, state = path.name.rpartition(".")
        record = json.loads(path.read_text())
        if state in ("DONE", "FAILED"):
            found[asset] = record.get("skipped") or state
    return found


def test_project_is_prepared_and_stays_at_its_version(server, workspace, archive):
    put(archive, "eegmmidb", "1.0.0", [*RUNS, "S900/S900R01.edf"])
    publish(archive, "eegmmidb", ["1.0.0", "0.9.0"])
    files = "files/eegmmidb/1.0.0"
    server.cut(f"{files}/S001/S001R03.edf", after=600_000, times=3)
    server.answer(f"{files}/S001/S001R04.edf", 503, times=2)
    server.flip(f"{files}/S001/S001R05.edf", at=1_000_000)
    brainset = "physionet_eegmmidb"
    run = workspace.run([entry(server, "eegmmidb")], cores=2)
    assert run.returncode == 1 and "Traceback" not in run.stdout, run.stdout
    assert (
        "1 record is left out, listed in RECORDS and not in the project" in run.stdout
    )
    assert "all files of the project are 3,400.0 MB" in run.stdout
    found = states(workspace, brainset)
    assert found == {"S001R03": "DONE", "S001R04": "DONE", "S001R05": "FAILED"}
    server.mend()
    publish(archive, "eegmmidb", ["1.0.0", "0.9.0", "1.10.0", "1.9.0"])
    again = "--forcerun", "write_manifest"
    run = workspace.run([entry(server, "eegmmidb")], *again, cores=2)
    assert run.returncode == 0, run.stdout
    assert "stays at version 1.0.0" in run.stdout
    assert "name physionet:eegmmidb@1.10.0 to take it" in run.stdout
    assert {*states(workspace, brainset).values()} == {"DONE"}
    server.forget()
    run = workspace.run([entry(server, "eegmmidb")], cores=2)
    assert run.returncode == 0 and not server.requests, run.stdout
    path = workspace.processed_dir / brainset / "S001R05.h5"
    assert problems(path) == []
    with h5py.File(path) as file:
        data = Data.from_hdf5(file, lazy=False)
    assert data.eeg.signal.shape == (20000, 64)
    assert data.brainset.origin_version == "1.0.0"
    assert data.brainset.doi == "10.13026/x"
    assert data.brainset.citation == "A. 1.0.0"
    assert (data.subject.id, data.session.source_path) == ("S001", RUNS[2])
    assert data.train_domain.end[-1] < data.test_domain.start[0]


def test_parts_of_a_record_come_whole_or_it_fails_and_says_which(
    server, workspace, archive
):
    records = ["wfdb/100", "wfdb/100_3chan", "wfdb/a103l", "zoo/v102s"]
    put(archive, "mixed", "2.0", records)
    publish(archive, "mixed", ["2.0"])
    files = "files/mixed/2.0"
    server.answer(f"{files}/wfdb/100.hea", 503, times=2)
    server.cut(f"{files}/wfdb/100.dat", after=500_000, times=3)
    server.flip(f"{files}/wfdb/100_3chan.dat", at=1000)
    server.answer(f"{files}/wfdb/a103l.mat", 404)
    server.answer(f"{files}/zoo/v102s.dat", 503)
    brainset = "physionet_mixed"
    run = workspace.run([entry(server, "mixed")], cores=2)
    assert run.returncode == 1 and "Traceback" not in run.stdout, run.stdout
    found = states(workspace, brainset)
    assert found.pop("100") == "DONE" and {*found.values()} == {"FAILED"}
    logs = workspace.folder(brainset)
    texts = {id: logs.log("download_asset", id).read_text() for id in found}
    assert "sha256" in texts["100_3chan"].lower().replace("-", "")
    assert "100_3chan.dat" in texts["100_3chan"]
    assert "404" in texts["a103l"] and "a103l.mat" in texts["a103l"]
    assert "503" in texts["v102s"] and "v102s.dat" in texts["v102s"]
    server.mend()
    server.forget()
    run = workspace.run([entry(server, "mixed")], cores=2)
    assert run.returncode == 0, run.stdout
    assert {*states(workspace, brainset).values()} == {"DONE"}
    asked = {path.rpartition("/")[2] for path in server.asked}
    assert "100.dat" not in asked and {"a103l.mat", "v102s.dat"} < asked


def test_project_without_records_is_all_that_it_has(server, workspace, archive):
    target = put(archive, "mixed", "2.0", None)
    publish(archive, "mixed", ["2.0"])
    settings = [entry(server, "mixed", "--split", "subject")]
    run = workspace.run(settings, "--until", "write_manifest")
    assert run.returncode == 0, run.stdout
    text = " ".join(run.stdout.split())
    assert "4 records are left out, segments of others" in text
    assert "subjects are guessed from the names of files" in text
    [manifest] = workspace.raw_dir.parent.rglob("manifest.tsv")
    rows = manifest.read_text().splitlines()
    headers = [p.stem for p in target.rglob("*.hea")]
    signals = [p for p in target.rglob("*.*df")]
    segments = ["3269321_0001", "3269321_0002", "041s01", "041s02"]
    assert {*segments} < {*headers}
    assert len(rows) == 1 + len(headers) + len(signals) - len(segments)


def test_project_that_is_not_for_everybody_takes_name_and_password(workspace, archive):
    word = base64.b64encode(b"ann:secret-word").decode()

    def guard(path, headers):
        is_known = headers.get("Authorization") == f"Basic {word}"
        return 401 if path.startswith("/files/") and not is_known else None

    archive.mkdir()
    put(archive, "eegmat", "1.0.0", ["Subject00_2.edf"])
    publish(archive, "eegmat", ["1.0.0"])
    netrc = workspace.root / "netrc"
    workspace.environment = {"no_proxy": "127.0.0.1", "NETRC": str(netrc)}
    with ArchiveServer(archive, guard=guard) as server:
        run = workspace.run([entry(server, "eegmat")])
        assert run.returncode == 1
        text = " ".join(run.stdout.split())
        assert "is not for everybody (the server answers 401)" in text
        netrc.write_text("machine 127.0.0.1 login ann password secret-word\n")
        run = workspace.run([entry(server, "eegmat")])
        assert run.returncode == 0, run.stdout
    assert states(workspace, "physionet_eegmat") == {"Subject00_2": "DONE"}
    for path in workspace.root.rglob("*"):
        if path.is_file() and path != netrc:
            content = path.read_bytes()
            assert b"secret-word" not in content and word.encode() not in content


def test_records_can_be_folders(server, workspace, archive):
    target = put(archive, "mixed", "2.0", ["motor/", "zoo/v102s"])
    (target / "motor/RECORDS").write_text("S001R03.edf\nS001R99.edf\n")
    lists(target)
    publish(archive, "mixed", ["2.0"])
    run = workspace.run([entry(server, "mixed")], cores=2)
    assert run.returncode == 0, run.stdout
    assert "the first is 'motor/S001R99.edf'" in " ".join(run.stdout.split())
    assert states(workspace, "physionet_mixed") == {"S001R03": "DONE", "v102s": "DONE"}


@pytest.mark.parametrize(
    "name, status, words",
    [
        ("nothing", None, "PhysioNet has no project 'nothing'"),
        ("eegmat@9.9", None, "no files of version 9.9 of a project 'eegmat'"),
        ("eegmat", 403, "is not for everybody (the server answers 403)"),
    ],
)
def test_what_cannot_be_had_is_told(server, workspace, archive, name, status, words):
    publish(archive, "eegmat", ["1.0.0"])
    if status:
        server.answer("files/eegmat/1.0.0/SHA256SUMS.txt", status)
    run = workspace.run([entry(server, name)])
    assert run.returncode == 1 and "Traceback" not in run.stdout
    assert words in run.stdout.replace("\n", " "), run.stdout


def test_records_of_all_forms_are_done_or_skipped_with_a_reason(
    server, workspace, archive
):
    records = [
        *(f"edf/{path.name}" for path in (SHARED_DATA / "zoo/physionet/edf").iterdir()),
        *("wfdb/100", "wfdb/100_3chan", "wfdb/a103l", "wfdb/310derive"),
        *("wfdb/multi-segment/041s/041s", "wfdb/100skew"),
        "wfdb/multi-segment/p000878/p000878-2137-10-26-16-57",
        *(
            "zoo/12726",
            "zoo/n16",
            "zoo/binformats",
            "zoo/test01_00s_frame",
            "zoo/v102s",
        ),
        *("motor/S001R03.edf", "chb05/chb05_01.edf", "chb05/chb05-summary.txt"),
    ]
    put(archive, "mixed", "2.0", records)
    publish(archive, "mixed", ["2.0"])
    run = workspace.run([entry(server, "mixed")], cores=2)
    assert run.returncode == 0, run.stdout
    assert "1 record is left out, neither EDF, BDF nor WFDB" in run.stdout
    found = states(workspace, "physionet_mixed")
    skipped = {asset: why for asset, why in found.items() if why != "DONE"}
    assert skipped.keys() == {
        *("zero-data-records", "p000878-2137-10-26-16-57", "12726", "n16")
    }
    assert "it holds no data records" in skipped["zero-data-records"]
    assert "n16.dat, which its header names" in skipped["n16"]
    assert len(found) == len(records) - 1
    folder = workspace.processed_dir / "physionet_mixed"
    for asset in found.keys() - skipped.keys():
        assert problems(folder / f"{asset}.h5") == []
    with h5py.File(folder / "100.h5") as file:
        data = Data.from_hdf5(file, lazy=False)
    assert len(data.annotations_atr) == 2274 and data.ecg.signal.shape == (650000, 2)
    with h5py.File(folder / "S001R03.h5") as file:
        data = Data.from_hdf5(file, lazy=False)
    assert (len(data.annotations), len(data.annotations_event)) == (30, 30)


@pytest.mark.parametrize("asset, signals", [("S001R03", 65), ("041s", 7)])
def test_look_tells_of_signals(server, workspace, archive, asset, signals):
    put(archive, "mixed", "2.0", ["motor/S001R03.edf", "wfdb/multi-segment/041s/041s"])
    publish(archive, "mixed", ["2.0"])
    folders = ["--raw-dir", workspace.raw_dir]
    folders += ["--processed-dir", workspace.processed_dir]
    run = workspace.brainsets(
        *("look", "physionet:mixed", "--use-active-env", *folders),
        *("-s", asset, "--json", "--base-url", server.url),
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count('"rate"') == signals
    assert not any(".dat" in request.path for request in server.requests)
