"""Datasets of OpenNeuro by their ids, in whole runs; and all archives in one run."""

import csv
import json

import h5py
import numpy as np
import pytest
from temporaldata import Data

from brainsets.conversion.checking import problems
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.dandi_server import DandiServer
from tests.helpers.openneuro_server import OpenNeuroServer, put_dataset
from tests.helpers.physionet_projects import publish, put
from tests.helpers.workspace import SHARED_DATA

pytest.importorskip("mne", reason="the pipeline openneuro runs in this interpreter")

TREES = {
    "ds000101": "bids/gripforce",
    "ds000102": "zoo/bids/tiny_bids",
    "ds000103": "zoo/bids/ieeg_bids",
    "ds000104": "zoo/bids/emg_ConcurrentIndependentUnits",
    "ds000105": "zoo/bids/eeg_ds003645s_hed_demo",
    "ds000106": "zoo/bids/ds000117",
    "ds000107": "bids/eeg_matchingpennies",
    "ds000108": "bids/emg_Multimodal",
    "ds000109": "bids/eeg_cbm",
}
GRIP = "sub-testsub_ses-EphysMedOff_task-gripforce_run-0_ieeg"
TINY = "sub-01_ses-eeg_task-rest_eeg"


@pytest.fixture
def server(tmp_path, workspace):
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    workspace.environment = {"BRAINSETS_RETRY_WAIT_S": "0.01", "no_proxy": "127.0.0.1"}
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    with OpenNeuroServer(bucket, page=20) as server:
        yield server


def entry(server, dataset, *args, **settings):
    spec = f"openneuro:{dataset}"
    words = [*server.arguments, *args]
    return {"pipeline": spec, "args": words, "environment": "active", **settings}


def states(workspace, brainset):
    folder = workspace.folder(brainset)
    found = {}
    for path in folder.status.glob("*.*"):
        asset, _, state = path.name.rpartition(".")
        record = json.loads(path.read_text())
        if state in ("DONE", "FAILED"):
            found[asset] = record.get("skipped") or state
    # A recording that is skipped before it is fetched has no DONE.
    for path in folder.status.glob("*.DOWNLOADED"):
        record = json.loads(path.read_text())
        if record.get("skipped"):
            found[path.stem] = record["skipped"]
    return found


def opened(path):
    with h5py.File(path) as file:
        return Data.from_hdf5(file, lazy=False)


def test_dataset_is_prepared_though_much_goes_wrong(server, workspace):
    root = put_dataset(server.folder, "ds000101", SHARED_DATA / TREES["ds000101"])
    server.versions["ds000101"] = ["0.9.0", "1.0.0"]
    brainset = "openneuro_ds000101"
    [data] = [p.relative_to(server.folder).as_posix() for p in root.rglob("*_ieeg.eeg")]
    server.answer("list", 503, times=1)
    server.answer("api", 503, times=1)
    server.cut(data, after=100_000, times=3)
    run = workspace.run([entry(server, "ds000101")], cores=2)
    assert run.returncode == 0 and "Traceback" not in run.stdout, run.stdout
    assert states(workspace, brainset) == {GRIP: "DONE"}
    path = workspace.processed_dir / brainset / f"{GRIP}.h5"
    assert problems(path) == []
    found = opened(path)
    assert found.brainset.origin_version == "1.0.0"
    assert found.brainset.source.endswith("/ds000101/versions/1.0.0")
    assert (found.subject.id, found.session.source_check) == (
        *("testsub", "fetched whole, and checked by MD5"),
    )
    assert {"ecog", "ieeg", "seeg", "misc", "force"} & {*found.keys()}
    # Nothing is asked for, and nothing is done, when there is nothing to do.
    server.forget()
    run = workspace.run([entry(server, "ds000101")], cores=2)
    assert run.returncode == 0 and not server.requests, run.stdout


def test_a_changed_table_makes_its_recordings_anew(server, workspace):
    root = put_dataset(server.folder, "ds000102", SHARED_DATA / TREES["ds000102"])
    server.versions["ds000102"] = ["1.0.0"]
    again = "--forcerun", "write_manifest"
    brainset = "openneuro_ds000102"
    run = workspace.run([entry(server, "ds000102")], cores=2)
    assert run.returncode == 0, run.stdout
    path = workspace.processed_dir / brainset / f"{TINY}.h5"
    before = opened(path)
    assert len(before.events) == 2
    [events] = root.rglob("*_events.tsv")
    events.write_text(events.read_text() + "1.5\t0.1\tlater\t9\t7500\n")
    run = workspace.run([entry(server, "ds000102")], *again, cores=2)
    assert run.returncode == 0, run.stdout
    after = opened(path)
    assert len(after.events) == 3 and after.events.trial_type[-1] == "later"
    np.testing.assert_array_equal(after.eeg.signal, before.eeg.signal)
    # A newer version is told, and not taken until it is named.
    server.versions["ds000102"] = ["1.0.0", "1.1.0"]
    run = workspace.run([entry(server, "ds000102")], *again, cores=2)
    assert run.returncode == 1, run.stdout
    assert "was listed at version 1.0.0 before" in run.stdout.replace("\n", " ")
    assert "name openneuro:ds000102@1.1.0" in run.stdout.replace("\n", " ")
    assert states(workspace, brainset) == {TINY: "DONE"}
    run = workspace.run([entry(server, "ds000102@1.1.0")], cores=2)
    assert run.returncode == 0, run.stdout
    assert opened(path).brainset.origin_version == "1.1.0"


def test_a_bucket_that_is_behind_is_not_taken_for_the_newest(server, workspace):
    root = put_dataset(server.folder, "ds000103", SHARED_DATA / TREES["ds000103"])
    said = root / "dataset_description.json"
    doi = "doi:10.18112/openneuro.ds000103.v1.0.0"
    said.write_text(json.dumps({**json.loads(said.read_text()), "DatasetDOI": doi}))
    server.versions["ds000103"] = ["1.0.0", "1.1.0"]
    run = workspace.run([entry(server, "ds000103")], cores=2)
    text = run.stdout.replace("\n", " ")
    assert run.returncode == 0, text
    assert "is 1.1.0, but OpenNeuro's bucket still has the files of 1.0.0" in text
    [path] = (workspace.processed_dir / "openneuro_ds000103").glob("*.h5")
    assert opened(path).brainset.origin_version == "1.0.0"
    run = workspace.run([entry(server, "ds000103@1.1.0")], cores=2)
    assert run.returncode == 1
    assert "one version alone, which is 1.0.0" in run.stdout.replace("\n", " ")
    assert opened(path).brainset.origin_version == "1.0.0"


def test_events_are_those_of_the_table(server, workspace):
    put_dataset(server.folder, "ds000104", SHARED_DATA / TREES["ds000104"])
    server.versions["ds000104"] = ["1.0.0"]
    run = workspace.run([entry(server, "ds000104")], cores=2)
    assert run.returncode == 0, run.stdout
    folder = workspace.processed_dir / "openneuro_ds000104"
    [table] = (SHARED_DATA / TREES["ds000104"]).rglob("*_events.tsv")
    rows = [*csv.DictReader(table.open(encoding="utf-8-sig"), delimiter="\t")]
    paths = sorted(folder.glob("*.h5"))
    assert len(paths) == 2
    for path in paths:
        assert problems(path) == []
        found = opened(path)
        np.testing.assert_allclose(
            found.events.start, [float(row["onset"]) for row in rows]
        )
        assert [*found.events.trial_type] == [row["trial_type"] for row in rows]


@pytest.mark.parametrize(
    "dataset, reasons",
    [
        ("ds000105", {"is empty"}),
        ("ds000106", {"is empty"}),
        ("ds000107", {"is empty"}),
        ("ds000108", {"its header is damaged"}),
        ("ds000109", {"is empty"}),
    ],
)
def test_recordings_without_data_are_skipped_with_the_reason(
    server, workspace, dataset, reasons
):
    put_dataset(server.folder, dataset, SHARED_DATA / TREES[dataset])
    server.versions[dataset] = ["1.0.0"]
    run = workspace.run([entry(server, dataset)], cores=2)
    assert run.returncode == 0, run.stdout
    found = states(workspace, f"openneuro_{dataset}")
    assert found and all(any(r in why for r in reasons) for why in found.values())
    assert "left out, documents: " in run.stdout and "1 files" not in run.stdout
    assert not [*(workspace.processed_dir / f"openneuro_{dataset}").glob("*.h5")]


@pytest.mark.parametrize(
    "spec, words",
    [
        ("ds000999", "OpenNeuro has no dataset 'ds000999'"),
        ("ds000101@0.1.0", "has the files of one version alone, which is 1.0.0"),
        ("ds000101 --task nothing", "is what --subject, --session, --task"),
        ("ds000110", "format that can be read; it has 1 images: of the brain, not of"),
    ],
)
def test_what_cannot_be_had_is_told(server, workspace, spec, words):
    put_dataset(server.folder, "ds000101", SHARED_DATA / TREES["ds000101"])
    pictures = server.folder / "ds000110/sub-01/anat/sub-01_T1w.nii.gz"
    pictures.parent.mkdir(parents=True)
    pictures.write_bytes(b"0")
    server.versions.update({"ds000101": ["1.0.0"], "ds000110": ["1.0.0"]})
    dataset, *args = spec.split()
    run = workspace.run([entry(server, dataset, *args)])
    assert run.returncode == 1 and "Traceback" not in run.stdout
    assert words in run.stdout.replace("\n", " "), run.stdout


def test_datasets_of_all_archives_in_one_run(server, workspace, tmp_path):
    put_dataset(server.folder, "ds000103", SHARED_DATA / TREES["ds000103"])
    put_dataset(server.folder, "ds000109", SHARED_DATA / TREES["ds000109"])
    server.versions.update({"ds000103": ["1.0.0"], "ds000109": ["1.0.0"]})
    archive = tmp_path / "physionet"
    archive.mkdir()
    put(archive, "eegmat", "1.0.0", ["Subject00_1.edf", "Subject00_2.edf"])
    publish(archive, "eegmat", ["1.0.0"])
    with DandiServer(tmp_path / "store") as dandi, ArchiveServer(archive) as physionet:
        for name in ("test_Units", "test_TimeIntervals"):
            path = SHARED_DATA / "nwb-small/nwb-explorer" / f"{name}.nwb"
            dandi.put("000140", f"sub-a/{name}.nwb", path.read_bytes())
        dandi.publish("000140", "0.1.0")
        workspace.environment = {**workspace.environment, **dandi.environment}
        words = ["--base-url", physionet.url]
        entries = [
            {"pipeline": "dandi:000140", "environment": "active"},
            entry(server, "ds000103"),
            entry(server, "ds000109"),
            {"pipeline": "physionet:eegmat", "args": words, "environment": "active"},
        ]
        run = workspace.run(entries, cores=2)
    assert run.returncode == 0, run.stdout
    found = {
        entry.name: states(workspace, entry.name) for entry in brainsets(workspace)
    }
    counts = {name: len(each) for name, each in found.items()}
    assert counts == {
        "dandi_000140": 2,
        "openneuro_ds000103": 1,
        "openneuro_ds000109": 2,
        "physionet_eegmat": 2,
    }
    skipped = found.pop("openneuro_ds000109")
    assert all("is empty" in why for why in skipped.values())
    for name, each in found.items():
        assert {*each.values()} == {"DONE"}
        for asset in each:
            assert problems(workspace.processed_dir / name / f"{asset}.h5") == []


def brainsets(workspace):
    return sorted(path for path in workspace.processed_dir.iterdir() if path.is_dir())


def test_look_tells_of_channels(server, workspace):
    put_dataset(server.folder, "ds000103", SHARED_DATA / TREES["ds000103"])
    server.versions["ds000103"] = ["1.0.0"]
    folders = ["--raw-dir", workspace.raw_dir]
    folders += ["--processed-dir", workspace.processed_dir]
    run = workspace.brainsets(
        *("look", "openneuro:ds000103", "--use-active-env", *folders),
        *("--json", *server.arguments),
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count('"BrainVision channel"') == 10
