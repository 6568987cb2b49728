"""The contract for authors: ours keep it, and it fails for those that do not."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import pytest

from brainsets.shared.manifest import Manifest
from brainsets.sources.catalog import catalog
from brainsets.testing import PipelineContract, contents
from brainsets.testing.contents import OutputFile, differences
from brainsets.testing.trial import Evidence, Failure, Run
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.dandi_server import DandiServer
from tests.helpers.openneuro_server import OpenNeuroServer, put_dataset
from tests.helpers.physionet_projects import publish, put
from tests.helpers.trainable import write
from tests.helpers.workspace import PIPELINES, ROOT, SHARED_DATA

NAMES = [name for name in vars(PipelineContract) if name.startswith("test_")]


class TestRokemGrasshopper(PipelineContract):
    pipeline = "rokem_grasshopper_auditory_2006"


@pytest.fixture(scope="class")
def archive(request):
    """A server in place of the archive; the class says which folder of recordings."""
    folder = SHARED_DATA / "physionet" / request.cls.project
    if not folder.is_dir():
        pytest.skip(f"no real recordings: {folder} is not there")
    with ArchiveServer(folder) as server:
        request.cls.args = ["--base-url", server.url]
        yield


@pytest.mark.usefixtures("archive")
class TestSchalkMotor(PipelineContract):
    pipeline = "schalk_bci2000_motor_2004"
    asset = "S001R04"
    project = "eegmmidb"


@pytest.mark.usefixtures("archive")
class TestZymaArithmetic(PipelineContract):
    pipeline = "zyma_mental_arithmetic_2019"
    asset = "Subject00_2"
    project = "eegmat"


@pytest.fixture(scope="class")
def dandi(tmp_path_factory):
    """DANDI on this machine, with a recording that labs have."""
    path = SHARED_DATA / "nwb" / "A8604-211122.nwb"
    if not path.is_file():
        pytest.skip(f"no real recordings: {path} is not there")
    with DandiServer(tmp_path_factory.mktemp("store")) as server:
        server.put("000140", "sub-A8604/sub-A8604.nwb", path.read_bytes())
        server.publish("000140", "0.220113.0408")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            yield


@pytest.mark.usefixtures("dandi")
class TestDandi(PipelineContract):
    pipeline = "dandi:000140"


@pytest.fixture(scope="class")
def physionet(request, tmp_path_factory):
    """PhysioNet on this machine, with one project."""
    if not (SHARED_DATA / "physionet" / "eegmmidb").is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} has no eegmmidb")
    folder = tmp_path_factory.mktemp("physionet")
    put(folder, "eegmmidb", "1.0.0", ["S001/S001R03.edf", "S001/S001R04.edf"])
    publish(folder, "eegmmidb", ["1.0.0"])
    with ArchiveServer(folder) as server:
        request.cls.args = ["--base-url", server.url]
        yield


@pytest.mark.usefixtures("physionet")
class TestPhysionet(PipelineContract):
    pipeline = "physionet:eegmmidb"
    asset = "S001R04"


@pytest.fixture(scope="class")
def openneuro(request, tmp_path_factory):
    """OpenNeuro on this machine, with one dataset."""
    source = SHARED_DATA / "zoo/bids/ieeg_bids"
    if not source.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} has no zoo/bids/ieeg_bids")
    folder = tmp_path_factory.mktemp("openneuro")
    put_dataset(folder, "ds000103", source)
    with OpenNeuroServer(folder) as server:
        server.versions["ds000103"] = ["1.0.0"]
        request.cls.args = server.arguments
        yield


@pytest.mark.usefixtures("openneuro")
class TestOpenneuro(PipelineContract):
    pipeline = "openneuro:ds000103"


def test_every_pipeline_that_ships_is_tried():
    tried = {
        str(contract.pipeline).partition(":")[0]
        for contract in PipelineContract.__subclasses__()
        if contract.pipeline
    }
    assert {entry.name for entry in catalog() if entry.ships} <= tried


def tried(folder, attributes):
    """Run a contract as an author does; return the messages of what did not pass.

    Parameters
    ----------
    folder : Path
        Where the pipeline is, outside of the project.
    attributes : str
        The body of the class.

    Returns
    -------
    dict
        Of dicts: ``failure`` and ``skipped``, each from the name of a test to its text.
    """
    file = folder / "test_mine.py"
    file.write_text(
        "from brainsets.testing import PipelineContract\n\n\n"
        f"class TestMine(PipelineContract):\n    {attributes}\n",
        encoding="utf-8",
    )
    command = ["pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = subprocess.run(
        [sys.executable, "-m", *command, "--junitxml", folder / ".report.xml", file],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    cases = [*ElementTree.parse(folder / ".report.xml").iter("testcase")]
    assert [case.get("name") for case in cases] == NAMES, ended.stdout
    found = {
        kind: {
            case.get("name"): part.get("message")
            for case in cases
            for part in case.findall(kind)
        }
        for kind in ("failure", "error", "skipped")
    }
    assert not found.pop("error"), ended.stdout
    assert ended.returncode == (1 if found["failure"] else 0)
    return found


@pytest.fixture
def folder(tmp_path):
    """The folder of an author, with the pipeline of which promises can be broken."""
    shutil.copy(PIPELINES / "promises" / "pipeline.py", tmp_path)
    return tmp_path


def attributes(*broken, more=""):
    args = " ".join(f"--break {promise}" for promise in broken)
    return f'pipeline = "pipeline.py"\n    args = "{args}"\n    {more}'


def test_pipeline_that_keeps_its_promises_passes(folder):
    found = tried(folder, attributes(more='asset = "b"'))
    assert found == {"failure": {}, "skipped": {}}
    assert sorted(path.name for path in folder.glob("[!_.]*")) == [
        "pipeline.py",
        "test_mine.py",
    ]


FAILURES = {
    "settings": ("test_pipeline_is_found_and_names_its_folder", "no line brainset_id"),
    "environment": ("test_environment_can_be_built", "h5py==0.0.0"),
    "arguments": ("test_arguments_are_understood", "arguments: --no-such-flag"),
    "table": ("test_manifest_is_a_table_of_unique_ids", 'the id "é 1/a" twice'),
    "processed_dir": ("test_download_leaves_processed_dir_alone", "wrote notes.txt"),
    "process": ("test_process_converts_the_asset", "electrode 7 is missing"),
    "outputs": ("test_outputs_are_whole", "a.h5 cannot be opened again"),
}


@pytest.mark.parametrize("broken", FAILURES)
def test_step_that_fails_is_one_promise_that_fails(folder, broken):
    path = folder / "pipeline.py"
    body = attributes(broken)
    if broken == "settings":
        path.write_text(path.read_text("utf-8").replace("brainset_id =", "name ="))
    elif broken == "environment":
        declared = '# /// brainset-pipeline\n# dependencies = ["h5py==0.0.0"]'
        path.write_text(f"{declared}\n# ///\n{path.read_text('utf-8')}")
    elif broken == "arguments":
        body = 'pipeline = "pipeline.py"\n    args = ["--no-such-flag"]'
    name, message = FAILURES[broken]
    found = tried(folder, body)
    assert {*found["failure"]} == {name}
    assert message in found["failure"][name]
    if broken == "process":
        # The log's last lines are part of the message: what was printed, and where.
        assert "words of process" in found["failure"][name]
        assert "pipeline.py" in found["failure"][name]
    # What comes before it is kept, what comes after it was not tried.
    assert {*found["skipped"]} == {*NAMES[NAMES.index(name) + 1 :]}


def test_what_only_repetition_shows_fails_one_promise_each(folder):
    broken = {
        "chunk": ("test_outputs_are_whole", "b.h5 cannot be read to its end"),
        "beside": (
            "test_nothing_is_written_elsewhere",
            ".txt in the pipeline's folder",
        ),
        "around": ("test_nothing_is_written_elsewhere", "written around the workflow"),
        "code": ("test_second_run_has_nothing_to_do", "(code changed)"),
        "rows": ("test_listing_again_changes_no_row", "the row of asset 'é 1/a'"),
        "content": (
            "test_processing_again_gives_the_same_outputs",
            "a.h5 differs in /eeg/signal",
        ),
        "redownload": (
            "test_redownload_mends_truncated_raw_files",
            "cut to 2000 of 4000 bytes, and has 2000",
        ),
    }
    found = tried(folder, attributes(*broken))
    assert {*found["failure"]} == {name for name, _ in broken.values()}
    assert not found["skipped"]
    for name, message in broken.values():
        assert message in found["failure"][name]


def judged(name, evidence, **attributes):
    """Return what one test of the contract makes of evidence, "" if it passes."""
    contract = type("Judge", (PipelineContract,), attributes)()
    contract.evidence = evidence
    try:
        getattr(contract, name)()
    except (pytest.fail.Exception, pytest.skip.Exception) as verdict:
        return f"{type(verdict).__name__}: {verdict}"
    return ""


def outputs(*values):
    return {
        f"{position}.h5": OutputFile(len(value), value, {"/": value})
        for position, value in enumerate(values)
    }


@pytest.mark.parametrize(
    ("step", "error", "name"),
    [
        ("write_manifest", "ConnectionError", "test_get_manifest_lists_the_asset"),
        ("write_manifest", "SelectionError", "test_get_manifest_lists_the_asset"),
        ("download", "HTTPError", "test_download_fetches_the_asset"),
        ("process", "Killed", "test_process_converts_the_asset"),
        ("snakemake", "status", "test_pipeline_is_found_and_names_its_folder"),
    ],
)
def test_failure_of_a_run_fails_one_promise(step, error, name):
    failure = Failure(step, error, "what was wrong", "the end of a log")
    evidence = Evidence("a", first=Run(failure, "", Manifest(Path(), [], {})))
    verdicts = {name: judged(name, evidence) for name in NAMES}
    position = NAMES.index(name)
    assert verdicts[name] == (
        f"Failed: {step} failed: {error}: what was wrong\n\n"
        "The last lines of its log:\nthe end of a log"
    )
    assert not any(verdicts[before] for before in NAMES[:position])
    for after in NAMES[position + 1 :]:
        assert verdicts[after] == f"Skipped: not reached: {step} failed"


def test_outputs_that_stop_a_training_loop_fail_one_promise(tmp_path):
    name = "test_outputs_can_be_trained_on"
    path = tmp_path / "a.h5"
    write(path, "a")
    run = Run(None, "", outputs={"a.h5": OutputFile.found(path)})
    assert judged(name, Evidence("a", first=run)) == ""
    with h5py.File(path, "r+") as file:
        file["spikes/timestamps"][:2] = [5.0, 1.0]
    run = Run(None, "", outputs={"a.h5": OutputFile.found(path)})
    evidence = Evidence("a", first=run)
    assert "a.h5 cannot be trained on: spikes.timestamps: times are not sorted" in (
        judged(name, evidence)
    )
    assert judged(name, evidence, may_be_unfit="they are pictures") == (
        "Skipped: outputs may be unfit for training: they are pictures"
    )
    # Of other layouts nothing is known.
    with h5py.File(path, "r+") as file:
        del file.attrs["object"]
    run = Run(None, "", outputs={"a.h5": OutputFile.found(path)})
    assert judged(name, Evidence("a", first=run)) == ""


def test_outputs_may_differ_for_a_reason():
    first, other = (Run(None, "", outputs=outputs(value)) for value in "ab")
    evidence = Evidence("a", first=first, again=other)
    name = "test_processing_again_gives_the_same_outputs"
    assert "0.h5 differs in /." in judged(name, evidence)
    assert judged(name, evidence, may_differ="chance") == (
        "Skipped: outputs may differ: chance"
    )


def test_listing_that_fails_the_second_time_fails_one_promise():
    failure = Failure("write_manifest", "ConnectionError", "no answer", "")
    manifest = Manifest(Path(), [], {"a": []})
    again = Run(failure, "", manifest)
    evidence = Evidence("a", Run(None, "", manifest), again=again, mended=again)
    evidence.has_redownload, evidence.raw_bytes = True, {"a.raw": 4}
    verdicts = {name: judged(name, evidence) for name in NAMES[-3:]}
    assert [verdict.split(":")[0] for verdict in verdicts.values()] == [
        "Failed",
        "Skipped",
        "Skipped",
    ]
    assert "ConnectionError: no answer" in verdicts["test_listing_again_changes_no_row"]


def test_asset_without_an_output_proves_nothing():
    evidence = Evidence("a", first=Run(None, "", done={"outputs": []}))
    name = "test_outputs_are_listed_with_size_and_checksum"
    assert "process wrote no file for 'a'" in judged(name, evidence)


def test_file_that_is_not_the_one_listed_is_noticed():
    listed = {"path": "0.h5", "bytes": 1, "sha256": "a"}
    name = "test_outputs_are_listed_with_size_and_checksum"
    for value, verdict in (("a", ""), ("b", "not the file"), ("aa", "not the file")):
        run = Run(None, "", done={"outputs": [listed]}, outputs=outputs(value))
        found = judged(name, Evidence("a", first=run))
        assert verdict in found and bool(verdict) == bool(found)
    run = Run(None, "", done={"outputs": [listed]})
    assert "is not there" in judged(name, Evidence("a", first=run))


def test_log_that_ends_early_and_leftovers_are_noticed():
    text = "download a of b: attempt 1\ndownload: DOWNLOADED after 1 s\n"
    logs = {"write_manifest": "x", "download_asset": text, "process_asset": "process a"}
    evidence = Evidence("a", first=Run(None, ""), logs=logs)
    assert "process: DONE after" in judged("test_each_step_has_its_log", evidence)
    logs["process_asset"] = text.replace("download", "process").replace(
        "DOWNLOADED", "DONE"
    )
    assert judged("test_each_step_has_its_log", evidence) == ""
    assert judged("test_nothing_is_left_in_staging", evidence) == ""
    evidence.leftovers = ["_workflow/staging/a/part"]
    assert "part was left" in judged("test_nothing_is_left_in_staging", evidence)


def test_contract_without_a_pipeline_says_so():
    with pytest.raises(pytest.fail.Exception, match="Nameless names no pipeline"):
        type("Nameless", (PipelineContract,), {})._check_attributes()


def test_missing_pytest_is_named():
    code = "import sys; sys.modules['pytest'] = None; import brainsets.testing"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "brainsets.testing needs pytest; install it with" in ended.stderr


def change_dataset(file):
    file["eeg/signal"][3] = 9


def change_dtype(file):
    values = file["eeg/signal"][:]
    del file["eeg/signal"]
    file["eeg/signal"] = values.astype("f4")


def change_attribute(file):
    file["eeg"].attrs["unit"] = "mV"


def change_text(file):
    file["eeg/channels"][1] = "Fp9"


def add_group(file):
    file.create_group("eeg/more")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (change_dataset, "/eeg/signal"),
        (change_dtype, "/eeg/signal"),
        (change_attribute, "/eeg@unit"),
        (change_text, "/eeg/channels"),
        (add_group, "/eeg/more"),
    ],
)
def test_change_in_an_hdf5_file_is_found(tmp_path, change, place):
    h5py = pytest.importorskip("h5py", reason="the files compared are HDF5")
    paths = [tmp_path / name for name in ("a.h5", "b.h5")]
    # Another layout of the same: nothing that a reader would see.
    for path, version in zip(paths, ("earliest", "latest")):
        with h5py.File(path, "w", libver=version) as file:
            file["eeg/signal"] = [0.0, float("nan"), 2.0, 3.0]
            file["eeg/channels"] = ["Fp1", "Fp2"]
            file["eeg/gain"] = 1.5
            file["eeg"].attrs["unit"] = "V"
    first, second = map(OutputFile.found, paths)
    assert first.sha256 != second.sha256 and first.contents
    assert differences({"x.h5": first}, {"x.h5": second}) == []
    with h5py.File(paths[1], "a") as file:
        change(file)
    second = OutputFile.found(paths[1])
    assert differences({"x.h5": first}, {"x.h5": second}) == [
        f"x.h5 differs in {place}"
    ]
    assert differences({"x.h5": first}, {"y.h5": first}) == [
        "x.h5 is missing",
        "y.h5 is new",
    ]


def test_large_datasets_are_compared_to_their_end(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py", reason="the files compared are HDF5")
    monkeypatch.setattr(contents, "_BYTES_AT_ONCE", 64)
    found = []
    for last in (1.0, 2.0):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["x"] = [*([0.0] * 100), last]
        found.append(OutputFile.found(tmp_path / "x.h5"))
    assert found[0].differs_in(found[1]) == ["/x"]
