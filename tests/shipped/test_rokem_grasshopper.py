"""The pipeline that ships as the example, run on the real recordings inside nitime."""

import importlib.util
import re
from argparse import Namespace
from types import SimpleNamespace

import pytest

pytest.importorskip("nitime", reason="the recordings come with nitime==0.12.1")
pytest.importorskip("temporaldata", reason="the pipeline writes temporaldata files")
pytest.importorskip("h5py", reason="the pipeline writes HDF5 files")

import h5py
import numpy as np
from temporaldata import Data

from brainsets.conversion.checking import problems
from tests.helpers.workspace import ROOT

PIPELINE_FILE = ROOT / "brainsets/pipelines/rokem_grasshopper_auditory_2006/pipeline.py"
SESSIONS = {
    "receptor_am200hz": SimpleNamespace(spikes=929, max_db=76.4286, cutoff_hz=200),
    "receptor_am800hz": SimpleNamespace(spikes=868, max_db=71.2, cutoff_hz=800),
}


def load_pipeline():
    spec = importlib.util.spec_from_file_location("pipeline_module", PIPELINE_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pipeline_module = load_pipeline()


def make_pipeline(folder, *flags):
    """Return a pipeline that works below `folder`, and its manifest's rows by id."""
    raw_dir, processed_dir = folder / "raw", folder / "processed"
    raw_dir.mkdir(exist_ok=True)
    processed_dir.mkdir(exist_ok=True)
    cls = pipeline_module.Pipeline
    args = cls.parser.parse_args(flags)
    rows = {row.Index: row for row in cls.get_manifest(raw_dir, args).itertuples()}
    return cls(raw_dir, processed_dir, args), rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which both recordings are downloaded and processed."""
    folder = tmp_path_factory.mktemp("rokem")
    pipeline, rows = make_pipeline(folder)
    for row in rows.values():
        pipeline._run_item(row)
    return folder


@pytest.fixture(params=SESSIONS)
def recording(request, finished):
    """Each recording as read back, and what it is expected to be."""
    path = finished / "processed" / f"{request.param}.h5"
    with h5py.File(path, "r") as file:
        yield Data.from_hdf5(file), SESSIONS[request.param]


@pytest.fixture
def downloaded(tmp_path):
    """A pipeline, the row of its first recording, and the two copied files."""
    pipeline, rows = make_pipeline(tmp_path)
    row = rows["receptor_am200hz"]
    pipeline._asset_id = row.Index
    return pipeline, row, pipeline.download(row)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_manifest_lists_both_recordings(tmp_path):
    manifest = pipeline_module.Pipeline.get_manifest(tmp_path, Namespace())
    assert manifest.index.name == "session_id"
    assert manifest.index.tolist() == list(SESSIONS)
    assert manifest["cutoff_hz"].tolist() == [200, 800]
    assert not list(tmp_path.iterdir())


def test_declared_nitime_is_the_version_the_files_are_said_to_be_from(recording):
    data, _ = recording
    pin = re.search(r'"nitime==([\d.]+)"', PIPELINE_FILE.read_text(encoding="utf-8"))
    assert data.brainset.origin_version == f"nitime {pin[1]}"
    assert data.brainset.id == PIPELINE_FILE.parent.name


def test_process_leaves_one_file_for_each_recording(finished):
    names = sorted(path.name for path in (finished / "processed").iterdir())
    assert names == [f"{session_id}.h5" for session_id in SESSIONS]


def test_nothing_stops_a_training_loop_from_using_the_files(finished):
    for path in (finished / "processed").iterdir():
        assert problems(path) == []


def test_download_leaves_nothing_but_whole_files(finished):
    files = [path for path in (finished / "raw").rglob("*") if path.is_file()]
    assert len(files) == 4
    assert all(path.suffix == ".txt" for path in files)


def test_spikes_are_those_of_the_file(recording):
    data, expected = recording
    times = data.spikes.timestamps
    assert times.shape == (expected.spikes,)
    assert times.dtype == np.float64
    assert (np.diff(times) > 0).all()
    # The voltage was sampled at 10 kHz.
    assert np.allclose(times, np.round(times, 4), rtol=0, atol=1e-12)
    assert data.spikes.unit_index.tolist() == [0] * expected.spikes
    assert data.units.id.astype(str).tolist() == ["receptor"]


def test_firing_rate_is_near_the_one_the_level_was_chosen_for(recording):
    data, expected = recording
    rate_hz = expected.spikes / (data.end - data.start)
    assert data.session.desired_rate_hz == 100
    assert 80 < rate_hz < 100


def test_all_parts_share_a_domain_of_ten_seconds(recording):
    data, _ = recording
    for domain in (data.domain, data.spikes.domain, data.stimulus.domain):
        assert domain.start.tolist() == [0.0]
        assert domain.end.tolist() == [10.0]
    assert data.stimulus.timestamps[-1] == pytest.approx(9.99995, abs=1e-9)


def test_stimulus_is_sampled_at_20_khz(recording):
    data, _ = recording
    assert data.stimulus.sampling_rate == 20000.0
    assert data.stimulus.amplitude_v.shape == (200000,)
    assert data.stimulus.level_db_spl.shape == (200000,)


def test_level_is_what_nitimes_example_makes_of_the_amplitude(recording):
    data, expected = recording
    # volt2dB in nitime's doc/examples/grasshopper.py
    decibel = (20 * 1 / np.log(10)) * np.log(data.stimulus.amplitude_v / 2.0e-5)
    decibel = expected.max_db - decibel.max() + decibel
    assert data.stimulus.level_db_spl.max() == expected.max_db
    assert np.allclose(data.stimulus.level_db_spl, decibel, rtol=0, atol=1e-9)


def test_level_varies_as_the_header_says(recording):
    """Gaussian noise of the header's width, cut at 3 widths, and of its bandwidth."""
    data, expected = recording
    level, session = data.stimulus.level_db_spl, data.session
    assert session.cutoff_hz == expected.cutoff_hz
    assert session.carrier_hz == 2500
    assert level.std() == pytest.approx(session.modulation_sd_db, abs=0.05)
    assert session.max_level_db_spl - level.mean() == pytest.approx(
        3 * session.modulation_sd_db, abs=0.05
    )
    power = np.abs(np.fft.rfft(level - level.mean())) ** 2
    frequency = np.fft.rfftfreq(len(level), 1 / data.stimulus.sampling_rate)
    assert power[frequency <= session.cutoff_hz].sum() > 0.99 * power.sum()
    assert power[frequency <= session.cutoff_hz / 2].sum() < 0.6 * power.sum()


def test_header_is_kept_with_what_does_not_fit(recording):
    data, _ = recording
    assert "# stimulus length (msec): 1000" in data.session.header.splitlines()
    assert len(data.session.header.splitlines()) == 14


def test_nothing_is_said_of_the_animal_but_its_species(recording):
    data, _ = recording
    assert data.subject.keys() == ["species"]
    assert data.subject.species == "LOCUSTA_MIGRATORIA"


def spike_triggered_level(data, shift_s=0.0):
    """Return the mean level (dB SPL) in the 10 ms before a spike, shape (200,).

    The stimulus may be shifted against the spikes, which should undo their relation.
    """
    rate = data.stimulus.sampling_rate
    level = np.roll(data.stimulus.level_db_spl, round(shift_s * rate))
    at = np.round(data.spikes.timestamps * rate).astype(int)
    window = np.arange(-round(0.010 * rate), 0)
    return level[at[at >= len(window), None] + window].mean(axis=0)


def test_stimulus_drives_the_spikes(recording):
    data, _ = recording
    mean = data.stimulus.level_db_spl.mean()
    driven = spike_triggered_level(data) - mean
    control = spike_triggered_level(data, shift_s=5.0) - mean
    assert driven.max() > 4
    assert np.abs(control).max() < 1
    # Sound, transduction and the way along the axon take milliseconds.
    delay_ms = (len(driven) - driven.argmax()) * 1e3 / data.stimulus.sampling_rate
    assert 5 < delay_ms < 9
    # Over the whole window too: 1.03 and 0.27 dB, where 200 random shifts of the
    # stimulus have standard deviations of 0.06 and 0.03 dB.
    assert driven.mean() > 0.2


def test_slice_holds_the_same_second_of_every_part(recording):
    data, _ = recording
    times, level = data.spikes.timestamps, data.stimulus.level_db_spl
    second = data.slice(2, 3)
    inside = times[(times >= 2) & (times < 3)]
    assert np.array_equal(second.spikes.timestamps, inside - 2)
    assert np.array_equal(second.stimulus.level_db_spl, level[40000:60000])
    assert second.session.id == data.session.id
    assert second.absolute_start == 2


def test_slice_may_end_where_the_recording_ends(recording):
    data, _ = recording
    last = data.slice(9, 10)
    assert len(last.stimulus) == 20000
    assert last.domain.end.tolist() == [1.0]


def test_flipped_byte_in_a_raw_file_is_refused_by_name(downloaded):
    pipeline, row, paths = downloaded
    for path in paths:
        whole = path.read_bytes()
        flip_a_byte(path)
        with pytest.raises(ValueError, match=rf"{path.name}: SHA-256 .*--redownload"):
            pipeline.download(row)
        path.write_bytes(whole)


def test_redownload_mends_a_flipped_byte(downloaded, tmp_path):
    _, row, paths = downloaded
    flip_a_byte(paths[1])
    pipeline, _ = make_pipeline(tmp_path, "--redownload")
    assert pipeline.download(row) == paths
    pipeline_module.verify(paths[1], row.stimulus_sha256)


def test_files_of_another_nitime_are_refused_before_they_are_in_place(
    tmp_path, monkeypatch
):
    source = tmp_path / "nitime_data"
    source.mkdir()
    (source / "grasshopper_spike_times1.txt").write_text("6700\n")
    monkeypatch.setattr(pipeline_module, "nitime_data", lambda: source)
    pipeline, rows = make_pipeline(tmp_path)
    row = rows["receptor_am200hz"]
    with pytest.raises(ValueError, match=r"grasshopper_spike_times1.*nitime 0\.12\.1"):
        pipeline.download(row)
    assert not (pipeline.raw_dir / row.Index / row.spike_file).exists()


def test_missing_nitime_is_named(monkeypatch):
    monkeypatch.setattr(pipeline_module, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"install nitime==0\.12\.1"):
        pipeline_module.nitime_data()


def test_whole_raw_files_are_not_copied_again(downloaded, monkeypatch):
    pipeline, row, paths = downloaded
    monkeypatch.setattr(pipeline_module.shutil, "copyfile", None)
    assert pipeline.download(row) == paths


@pytest.mark.parametrize(
    ("which", "old", "new", "message"),
    [
        (0, "\n9900\n", "\n6700\n", "6700 us is followed by 6700 us"),
        (0, "\n9999300\n", "\n10000000\n", "to 10.0 s are not within the stimulus"),
        (0, "\n6700\n", "\n-6700\n", "from -0.0067 .* not within the stimulus"),
        (0, "\n9900\n", "\n9900 1\n", "the number of columns changed"),
        (0, "intensity (dB): 76.4286", "intensity (dB): ", r"'intensity \(dB\)'"),
        (1, "\n150  0.250169\n", "\n", r"199999 samples .* steps of \[50.0, 100.0\]"),
        (1, "\n9999950  0.240229", "", "199999 samples from 0 to 9999900 us"),
        (1, "\n150  0.250169\n", "\n150  0\n", "amplitude of 0.0 V has no level"),
    ],
)
def test_impossible_numbers_are_refused_by_name(downloaded, which, old, new, message):
    pipeline, _, paths = downloaded
    rewrite(paths[which], old, new)
    with pytest.raises(ValueError, match=message) as refusal:
        pipeline.process(paths)
    assert str(paths[which]) in str(refusal.value)
    assert not list(pipeline.processed_dir.iterdir())


def test_finished_file_is_kept_unless_reprocess_is_asked_for(downloaded, tmp_path):
    pipeline, _, paths = downloaded
    output = pipeline.processed_dir / "receptor_am200hz.h5"
    output.write_bytes(b"finished earlier")
    pipeline.process(paths)
    assert output.read_bytes() == b"finished earlier"
    again, _ = make_pipeline(tmp_path, "--reprocess")
    again.process(paths)
    assert h5py.is_hdf5(output)
