"""Files of continuous signals: each agrees with another reader, or says why not."""

import re
import warnings

import numpy as np
import pytest

from brainsets.conversion.raw import open_raw
from brainsets.pipeline import SkipAsset

mne = pytest.importorskip("mne")

SUFFIXES = {".vhdr", ".set", ".fif", ".sqd", ".con", ".edf", ".bdf"}
# Of those in the shared data that cannot be opened: why.
REFUSED = {
    "sub-cbm001_task-protmap_eeg.edf": "is empty",
    "sub-cbm002_task-protmap_eeg.edf": "is empty",
    "sub-05_task-matchingpennies_eeg.vhdr": "matchingpennies_eeg.eeg is empty",
    "sub-06_task-matchingpennies_eeg.vhdr": "matchingpennies_eeg.eeg is empty",
    "sub-01_task-pullstand_eeg.edf": "its header is damaged",
    "sub-01_task-pullstand_emg.edf": "its header is damaged",
    "sub-004_ses-2_task-dualWalking_eeg.vhdr": "dualWalking_eeg.eeg is empty",
    "test_mrk.sqd": "it holds no continuous recording",
    **{
        f"sub-01_ses-meg_task-facerecognition_run-{n:02}_meg.fif": "is empty"
        for n in range(1, 7)
    },
    "sub-emptyroom_ses-20090409_task-noise_meg.fif": "is empty",
    **{
        f"sub-004_ses-1_task-FacePerception_run-{n}_eeg.set": "is empty"
        for n in range(1, 4)
    },
}
FACTORS = {"V": 1.0, "mV": 1e-3, "µV": 1e-6, "uV": 1e-6, "nV": 1e-9, "": 1e-6}
SIEMENS = {"µS": 1e-6, "uS": 1e-6}
BINARY = {"INT_16": "<i2", "INT_32": "<i4", "IEEE_FLOAT_32": "<f4"}


def all_files(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES)


def opened(path):
    """Return a file that can be read; skip those of which another test tells why."""
    if path.name in REFUSED:
        pytest.skip("cannot be opened, as another test says")
    return open_raw(path)


def all_samples(raw, number):
    """Return all samples of a channel, read in blocks of odd sizes."""
    count = raw.channels[number].samples
    edges = sorted({0, count, *range(0, count, max(1, count // 7 + 1)), count // 2})
    blocks = [raw.read([number], i, j) for i, j in zip(edges, edges[1:])]
    return np.concatenate(blocks)[:, 0] if blocks else np.zeros(0)


def test_every_file_opens_or_is_refused_with_the_true_reason(shared_data):
    files = all_files(shared_data)
    assert len(files) > 50
    refused = {}
    for path in files:
        try:
            raw = open_raw(path)
        except SkipAsset as error:
            refused[path.name] = str(error)
            continue
        assert raw.path == path and path in raw.files
        assert all(each.is_file() for each in raw.files)
        ids = [channel.id for channel in raw.channels]
        assert len({*ids}) == len(ids)
    assert refused.keys() == REFUSED.keys()
    for name, reason in REFUSED.items():
        assert reason in refused[name]
        assert "/" not in refused[name]


def plain_brainvision(path):
    """Read a binary recording by its header's own words alone."""
    content = path.read_bytes()
    text = content.decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "µ")
    values = dict(re.findall(r"(?m)^(\w+)=([^\r\n]*)", text))
    rows = re.findall(r"(?m)^Ch\d+=([^\r\n]*)", text.partition("[Coordinates]")[0])
    rows = [row.split(",") for row in rows]
    data = path.parent / values["DataFile"]
    if not data.is_file():
        data = path.with_suffix(".eeg")
    stored = np.fromfile(data, BINARY[values["BinaryFormat"]])
    count = int(values["NumberOfChannels"])
    is_vectorized = values["DataOrientation"] == "VECTORIZED"
    stored = stored.reshape(count, -1).T if is_vectorized else stored.reshape(-1, count)
    resolutions = np.array([float(row[2] or 1) for row in rows[:count]])
    units = [(row[3] if len(row) > 3 else "").replace("Â", "") for row in rows[:count]]
    scales = [{**FACTORS, **SIEMENS}.get(unit, 1.0) for unit in units]
    rate = 1e6 / float(values["SamplingInterval"])
    return rate, [row[0] for row in rows[:count]], units, stored * resolutions * scales


@pytest.mark.parametrize(
    "name",
    [
        "brainvision/test.vhdr",
        "brainvision/test_units.vhdr",
        "brainvision/testv2.vhdr",
        "brainvision/test_old_layout_latin1_software_filter.vhdr",
        "zoo/bids/brainvision/testbva.vhdr",
        "zoo/bids/ieeg_bids/sub-01/ses-01/ieeg/"
        "sub-01_ses-01_task-audiovisual_run-01_ieeg.vhdr",
        "zoo/bids/tiny_bids/sub-01/ses-eeg/eeg/sub-01_ses-eeg_task-rest_eeg.vhdr",
        "bids/gripforce/sub-testsub/ses-EphysMedOff/ieeg/"
        "sub-testsub_ses-EphysMedOff_task-gripforce_run-0_ieeg.vhdr",
    ],
)
def test_brainvision_agrees_with_its_header_and_bytes(shared_data, name):
    path = shared_data / name
    raw = open_raw(path)
    rate, labels, units, samples = plain_brainvision(path)
    assert [channel.label for channel in raw.channels] == labels
    for number, channel in enumerate(raw.channels):
        assert channel.sampling_rate == pytest.approx(rate)
        assert channel.samples == len(samples)
        assert channel.type == ""
        expected = "V" if units[number] in FACTORS else units[number]
        assert channel.unit == ("S" if units[number] in SIEMENS else expected)
        found = all_samples(raw, number)
        np.testing.assert_allclose(found, samples[:, number], rtol=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "edf/test.edf",
        "edf/duplicate_channel_labels.edf",
        "zoo/physionet/edf/short_psg.edf",
        "zoo/physionet/edf/bdf_test.bdf",
        "zoo/bids/emg_ConcurrentIndependentUnits/sub-01/emg/"
        "sub-01_task-jumping_recording-highDensity_emg.edf",
    ],
)
def test_edf_agrees_with_edfio(shared_data, name):
    edfio = pytest.importorskip("edfio")
    path = shared_data / name
    raw = open_raw(path)
    read = edfio.read_bdf if path.suffix == ".bdf" else edfio.read_edf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = read(path)
    assert [c.label for c in raw.channels] == [s.label for s in other.signals]
    for number, signal in enumerate(other.signals):
        channel = raw.channels[number]
        assert channel.sampling_rate == signal.sampling_frequency
        expected = signal.data * channel.scale
        found = all_samples(raw, number)
        size = max(np.abs(expected).max(), 1e-30)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=size * 1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "exported4D_linux_raw.fif",
        "test_ctf_comp_raw.fif",
        "sample-eeg-ant-raw.fif",
        "kit/test.sqd",
    ],
)
def test_meg_agrees_with_all_of_it_loaded_at_once(shared_data, name):
    path = shared_data / "zoo/meg" / name
    raw = open_raw(path)
    if path.suffix == ".sqd":
        whole = mne.io.read_raw_kit(path, stim=None, preload=True, verbose="ERROR")
    else:
        whole = mne.io.read_raw_fif(path, preload=True, verbose="ERROR")
    kinds = whole.get_channel_types()
    assert [channel.label for channel in raw.channels] == whole.ch_names
    samples = whole.get_data()
    for number, (channel, kind) in enumerate(zip(raw.channels, kinds)):
        assert channel.more["mne_type"] == kind
        expected_unit = {"mag": "T", "ref_meg": "T", "stim": ""}.get(kind, "V")
        assert channel.unit == expected_unit, (channel.label, kind)
        np.testing.assert_array_equal(all_samples(raw, number), samples[number])
    assert not {"his_id", "first_name", "last_name"} & {*raw.subject}
