"""What the pipeline of DANDI takes as arguments, and when it fetches no whole file."""

import re
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("h5py", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("requests", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("temporaldata", reason="the pipeline dandi runs here")

import h5py
import numpy as np

from brainsets.errors import BrainsetError, DownloadError, SettingsError
from brainsets.jobs.code.loading import load_pipeline
from brainsets.pipeline import SkipAsset
from tests.helpers.dandi_server import DandiServer
from tests.helpers.workspace import ROOT

ID = "000140"
PATH = "sub-A/sub-A_ses-1.nwb"
SAMPLES = 200_000


@pytest.fixture(scope="module")
def module():
    """The module of the pipeline, as a job imports it."""
    before = dict(sys.modules), sys.path[:]
    load_pipeline(ROOT / "brainsets" / "pipelines" / "dandi" / "pipeline.py")
    yield sys.modules["pipeline_module"]
    for added in {*sys.modules} - {*before[0]}:
        if added == "pipeline_module":
            del sys.modules[added]
    sys.path[:] = before[1]


@pytest.fixture
def server(tmp_path, monkeypatch):
    with DandiServer(tmp_path / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DANDI_API_KEY", raising=False)
        yield server


def made(folder, samples=SAMPLES, spikes=100):
    """Return an NWB file with raw voltages, which are large, and spikes."""
    path = folder / "made.nwb"
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["nwb_version"] = "2.7.0"
        file.attrs["neurodata_type"] = "NWBFile"
        file.attrs["namespace"] = "core"
        file["identifier"] = "made"
        raw = file.create_group("acquisition/ElectricalSeries")
        raw.attrs["neurodata_type"] = "ElectricalSeries"
        raw.attrs["namespace"] = "core"
        raw["data"] = np.random.default_rng(1).integers(-99, 99, (samples, 4), "i2")
        raw["data"].attrs.update(unit="volts", conversion=1e-6)
        raw["starting_time"] = 0.0
        raw["starting_time"].attrs.update(rate=30_000.0, unit="seconds")
        units = file.create_group("units")
        units.attrs["neurodata_type"] = "Units"
        units.attrs["namespace"] = "core"
        units.attrs["colnames"] = ["spike_times"]
        units["id"] = np.arange(2)
        units["spike_times"] = np.sort(np.random.default_rng(2).random(2 * spikes))
        units["spike_times_index"] = np.array([spikes, 2 * spikes])
        for name, kind in (("id", "ElementIdentifiers"), ("spike_times", "VectorData")):
            units[name].attrs.update(neurodata_type=kind, namespace="hdmf-common")
        units["spike_times_index"].attrs.update(
            neurodata_type="VectorIndex", namespace="hdmf-common"
        )
        units["spike_times_index"].attrs["target"] = units["spike_times"].ref
    return path.read_bytes()


class Made:
    """The pipeline with arguments, as the workflow makes it."""

    def __init__(self, module, root, *arguments):
        self.args = module.parser.parse_args(["--dandiset", ID, *arguments])
        self.raw, self.processed = root / "raw", root / "processed"
        for folder in (self.raw, self.processed):
            folder.mkdir(exist_ok=True)
        self.pipeline = module.Pipeline(self.raw, self.processed, self.args)
        self.pipeline._asset_id = "a"
        self.frame = module.Pipeline.get_manifest(self.raw, self.args)
        [self.row] = self.frame.itertuples()

    def prepared(self):
        self.pipeline.process(self.pipeline.download(self.row))
        return h5py.File(self.processed / f"{self.row.Index}.h5")


@pytest.fixture
def limits(module, monkeypatch):
    """What is a large file, here."""
    monkeypatch.setattr(module, "LARGE_BYTES", 1_000_000)


def test_large_file_of_which_little_is_wanted_is_not_fetched(
    module, server, tmp_path, limits
):
    content = made(tmp_path)
    server.put(ID, PATH, content)
    with Made(module, tmp_path).prepared() as file:
        assert len(file["spikes/timestamps"]) == 200
        assert file["session"].attrs["source_check"].startswith("read by range")
    sent = sum(request.sent for request in server.store.requests)
    assert sent < len(content) and not [*(tmp_path / "raw").rglob("*.nwb")]
    assert all(request.status == 206 for request in server.store.requests)


@pytest.mark.parametrize(
    "arguments", [("--signals", "all"), ("--stream", "never"), ("--signals", "raw")]
)
def test_file_of_which_much_is_wanted_is_fetched(
    module, server, tmp_path, limits, arguments
):
    server.put(ID, PATH, made(tmp_path))
    with Made(module, tmp_path, *arguments).prepared() as file:
        assert file["session"].attrs["source_check"].startswith("fetched whole")
        raw = file.get("electrical_series/signal")
        assert (raw is not None) == ("--signals" in arguments)
    assert (tmp_path / "raw" / PATH).is_file()


def test_small_file_is_fetched(module, server, tmp_path):
    server.put(ID, PATH, made(tmp_path, 1000))
    Made(module, tmp_path).prepared().close()
    assert (tmp_path / "raw" / PATH).is_file()


def test_piece_that_cannot_be_had_makes_no_half_recording(
    module, server, tmp_path, limits
):
    server.put(ID, PATH, made(tmp_path, spikes=20_000))
    blob = server.blob(ID, PATH)
    run = Made(module, tmp_path)
    output = run.pipeline.download(run.row)
    assert output[0] is None
    calls = []

    def failing(url, headers):
        calls.append(1)
        return 404 if len(calls) > 2 else None

    server.store.guard = failing
    with pytest.raises(DownloadError, match="404") as caught:
        run.pipeline.process(output)
    assert "Traceback" not in str(caught.value) and blob not in str(caught.value)
    assert not [*(tmp_path / "processed").iterdir()]


def test_file_that_is_no_nwb_is_skipped_however_it_is_read(module, server, tmp_path):
    server.put(ID, PATH, b"<html>" * 100)
    for arguments in ((), ("--stream", "always")):
        with pytest.raises(SkipAsset, match="HDF5"):
            Made(module, tmp_path, *arguments).prepared()


def test_look_fetches_little(module, server, tmp_path):
    content = made(tmp_path)
    server.put(ID, PATH, content)
    run = Made(module, tmp_path)
    rows = {entry["path"]: entry for entry in run.pipeline.look(run.row)}
    assert rows["/acquisition/ElectricalSeries"]["shape"] == [SAMPLES, 4]
    assert rows["/acquisition/ElectricalSeries"]["kind"] == "raw"
    assert sum(r.sent for r in server.store.requests) < len(content) / 2
    assert not [*(tmp_path / "raw").rglob("*.nwb")]


def test_names_splits_and_kinds_are_those_of_the_arguments(module, server, tmp_path):
    server.put(ID, PATH, made(tmp_path, 1000))
    arguments = ["--split", "subject", "--seed", "3", "--fractions", "0,0,1"]
    arguments += ["--rename", "units=cells", "--signals", "spikes,raw"]
    with Made(module, tmp_path, *arguments).prepared() as file:
        assert {"cells", "electrical_series", "spikes"} <= {*file}
        assert len(file["test_domain/start"]) == 1
        assert len(file["train_domain/start"]) == 0
        assert "seed 3" in file["session"].attrs["split"]
        assert file["subject"].attrs["id"] == "A"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dandiset", "140"], "'140' is none; give six digits"),
        (["--version", "latest"], "'latest' is none; give draft, or as 0.220113"),
        (
            ["--signals", "spikes,eeg"],
            "'eeg' is no kind of signal; give some of spikes",
        ),
        (["--signals", ","], "',' is no kind of signal"),
        (["--rename", "spikes"], "'spikes' gives no new name; write OLD=NEW"),
        (["--rename", "spikes=a b"], "'spikes=a b' gives no new name"),
        (["--split", "random"], "invalid choice: 'random'"),
        (["--fractions", "1,1,1"], "'1,1,1' are not three shares"),
        (["--fractions", "a"], "'a' are not three shares"),
        (["--gap", "-1"], "'-1' is no number of seconds"),
        (["--gap", "inf"], "'inf' is no number of seconds"),
        (["--seed", "x"], "invalid int value: 'x'"),
        (["--stream", "maybe"], "invalid choice: 'maybe'"),
    ],
)
def test_wrong_argument_is_one_sentence(module, capsys, arguments, sentence):
    with pytest.raises(SystemExit):
        module.parser.parse_args(arguments)
    printed = capsys.readouterr().err
    assert sentence in printed and printed.count("error:") == 1


def test_help_says_what_each_argument_is_for(module):
    text = " ".join(module.parser.format_help().split())
    for action in module.parser._actions:
        assert action.help, action.dest
    assert re.search(r"above 1 GB of which less than 25% is wanted", text)


def refused(module, tmp_path, *arguments):
    with pytest.raises(BrainsetError) as caught:
        args = module.parser.parse_args([*arguments])
        module.Pipeline.get_manifest(tmp_path, args)
    return caught


def test_manifest_that_would_be_empty_is_refused(module, server, tmp_path):
    assert refused(module, tmp_path).errisinstance(SettingsError)
    assert "say which one: dandi:ID" in str(refused(module, tmp_path).value)
    server.put(ID, "a.txt", b"1")
    named = ["--dandiset", ID]
    assert "has no NWB files" in str(refused(module, tmp_path, *named).value)
    server.put(ID, PATH, b"1")
    sentence = str(refused(module, tmp_path, *named, "--subject", "B").value)
    assert "none of the 1 NWB files" in sentence and f"{PATH!r}" in sentence
    assert module.parser.parse_args(named).signals


def test_manifest_chooses_by_path_and_subject(module, server, tmp_path):
    for name in "ABC":
        server.put(ID, f"sub-{name}/x.nwb", name.encode())
    named = ["--dandiset", ID]

    def listed(*arguments):
        args = module.parser.parse_args([*named, *arguments])
        return [*module.Pipeline.get_manifest(tmp_path, args).index]

    assert listed() == ["sub-A_x", "sub-B_x", "sub-C_x"]
    # Ids do not depend on what is chosen.
    assert listed("--subject", "A", "--subject", "sub-C") == ["sub-A_x", "sub-C_x"]
    assert listed("--path", "sub-B/*", "--path", "none") == ["sub-B_x"]


def test_earlier_version_is_kept_to(module, server, tmp_path, monkeypatch, capsys):
    from tests.helpers.manifests import write

    server.put(ID, PATH, b"1")
    for version in ("0.1.0", "0.2.0"):
        server.publish(ID, version)
    args = module.parser.parse_args(["--dandiset", ID, "--version", "0.1.0"])
    frame = module.Pipeline.get_manifest(tmp_path, args)
    path, _ = write(tmp_path, frame)
    args = SimpleNamespace(**{**vars(args), "version": None})
    assert {*module.Pipeline.get_manifest(tmp_path, args).version} == {"0.2.0"}
    monkeypatch.setattr(module.Pipeline, "earlier_manifest", path)
    assert {*module.Pipeline.get_manifest(tmp_path, args).version} == {"0.1.0"}
    assert "[Note] dandiset 000140 stays at version 0.1.0" in capsys.readouterr().out
