"""Made files of continuous signals, each with one thing that real ones have."""

import shutil

import numpy as np
import pytest

from brainsets.conversion.raw import open_raw
from brainsets.pipeline import SkipAsset

mne = pytest.importorskip("mne")
pybv = pytest.importorskip("pybv")
eeglabio = pytest.importorskip("eeglabio")

RATE = 200.0
SAMPLES = np.random.default_rng(1).normal(0, 2e-5, (4, 2000))
LABELS = ["Fz", "a,b", "HEOG", "GSR"]


def written_brainvision(folder, name="one", **options):
    pybv.write_brainvision(
        data=SAMPLES,
        sfreq=RATE,
        ch_names=LABELS,
        fname_base=name,
        folder_out=folder,
        events=[
            {"onset": 100, "duration": 1, "description": 5, "channels": "all"},
            {"onset": 900, "duration": 20, "description": 7, "channels": "all"},
        ],
        **options,
    )
    return folder / f"{name}.vhdr"


def agrees(raw, samples=SAMPLES, tolerance=1e-9):
    count = samples.shape[1]
    numbers = range(len(samples))
    found = np.concatenate([raw.read(numbers, 0, 7), raw.read(numbers, 7, count)])
    np.testing.assert_allclose(found.T, samples, atol=tolerance)


def moved(path, name):
    """Give a header and its files another name, and leave what is in them."""
    for each in [*path.parent.iterdir()]:
        if each.stem == path.stem:
            each.rename(path.parent / f"{name}{each.suffix}")
    return path.parent / f"{name}.vhdr"


@pytest.mark.parametrize("fmt", ["binary_int16", "binary_float32"])
def test_brainvision_as_it_was_written(tmp_path, fmt):
    options = {"resolution": 1e-8, "unit": "V"} if fmt == "binary_int16" else {}
    raw = open_raw(written_brainvision(tmp_path, fmt=fmt, **options))
    agrees(raw, tolerance=1e-8)
    assert [c.label for c in raw.channels] == LABELS
    onsets = [(a.onset, a.text) for a in raw.annotations if "New" not in a.text]
    assert onsets == [(0.5, "Stimulus/S  5"), (4.5, "Stimulus/S  7")]
    assert raw.notes == []


@pytest.mark.parametrize("folder", ["plain", "Kühn's é folder"])
def test_brainvision_that_was_renamed_is_found_by_its_own_name(tmp_path, folder):
    folder = tmp_path / folder
    folder.mkdir()
    path = moved(written_brainvision(folder, name="old"), "sub-01_eeg")
    raw = open_raw(path)
    agrees(raw)
    assert any("old.eeg" in note and "sub-01_eeg.eeg" in note for note in raw.notes)
    assert len(raw.annotations) >= 2
    assert {each.name for each in raw.files} == {
        *("sub-01_eeg.vhdr", "sub-01_eeg.eeg", "sub-01_eeg.vmrk")
    }


def test_latin_1_header_in_a_folder_that_it_cannot_name(tmp_path):
    folder = tmp_path / "β"
    folder.mkdir()
    path = moved(written_brainvision(folder, name="old"), "new")
    text = path.read_text("utf-8").replace("µV", "µV").replace("Codepage=UTF-8\n", "")
    path.write_bytes(text.encode("latin-1"))
    raw = open_raw(path)
    agrees(raw)
    assert {channel.unit for channel in raw.channels} == {"V"}


def test_brainvision_of_another_name_beside_it_is_not_taken_for_it(tmp_path):
    path = written_brainvision(tmp_path, name="a")
    other = written_brainvision(tmp_path, name="b")
    other.with_suffix(".eeg").unlink()
    text = other.read_text("utf-8")
    other.write_text(text.replace("DataFile=b.eeg", "DataFile=a.eeg"), "utf-8")
    # What the header says comes first: two headers may share their samples.
    raw = open_raw(other)
    assert path.with_suffix(".eeg") in raw.files


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda p: p.with_suffix(".eeg").unlink(), "which are not there"),
        (lambda p: p.with_suffix(".eeg").write_bytes(b""), "one.eeg is empty"),
        (lambda p: p.with_suffix(".eeg").write_bytes(b"abc"), "not a single sample"),
        (
            lambda p: p.with_suffix(".eeg").write_text(
                "/annex/objects/MD5E-s1--d41d8cd98f00b204e9800998ecf8427e.eeg\n"
            ),
            "a pointer of git-annex",
        ),
        (
            lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid x"),
            "a pointer of Git LFS",
        ),
        (lambda p: p.write_text("<html>not found</html>"), "no header of BrainVision"),
        (lambda p: p.write_bytes(p.read_bytes()[:200]), "cannot be read"),
    ],
)
def test_brainvision_that_is_broken_is_skipped(tmp_path, spoil, reason):
    path = written_brainvision(tmp_path)
    spoil(path)
    with pytest.raises(SkipAsset, match=reason) as caught:
        open_raw(path)
    assert str(tmp_path) not in str(caught.value)


def test_brainvision_that_was_cut_is_taken_up_to_its_last_whole_sample(tmp_path):
    path = written_brainvision(tmp_path)
    data = path.with_suffix(".eeg")
    data.write_bytes(data.read_bytes()[:-7])
    raw = open_raw(path)
    assert raw.channels[0].samples == SAMPLES.shape[1] - 1
    assert any("truncated" in note for note in raw.notes)


@pytest.mark.parametrize("spoil", [lambda p: p.unlink(), lambda p: p.write_text("")])
def test_brainvision_without_markers_says_so(tmp_path, spoil):
    path = written_brainvision(tmp_path)
    spoil(path.with_suffix(".vmrk"))
    raw = open_raw(path)
    agrees(raw)
    assert raw.annotations == []
    assert any("its markers" in note for note in raw.notes)


def test_a_file_that_becomes_shorter_is_an_error_not_a_result(tmp_path):
    path = written_brainvision(tmp_path)
    raw = open_raw(path)
    path.with_suffix(".eeg").write_bytes(b"")
    with pytest.raises(OSError, match="cannot be read|shorter"):
        raw.read([0], 0, 1000)


def written_eeglab(path, **options):
    eeglabio.raw.export_set(
        str(path),
        data=SAMPLES,
        sfreq=RATE,
        ch_names=["Fz", "Cz", "HEOG", "GSR"],
        annotations=[["go", "boundary"], np.array([0.5, 2.0]), np.zeros(2)],
        **options,
    )
    return path


def apart(path, name):
    """Move the samples of a file of EEGLAB into one of their own, as EEGLAB does."""
    scipy_io = pytest.importorskip("scipy.io")
    content = scipy_io.loadmat(path, struct_as_record=True)
    content = {k: v for k, v in content.items() if not k.startswith("__")}
    (SAMPLES.T * 1e6).astype("<f4").tofile(path.parent / name)
    content["data"] = name
    scipy_io.savemat(path, {"EEG": content}, appendmat=False)
    return path


def test_eeglab_with_its_samples_in_it(tmp_path):
    raw = open_raw(written_eeglab(tmp_path / "one.set"))
    agrees(raw, tolerance=1e-10)
    assert raw.files == [tmp_path / "one.set"]
    assert {(c.type, c.unit, c.source_unit) for c in raw.channels} == {("", "V", "")}
    assert (0.5, "go") in [(a.onset, a.text) for a in raw.annotations]
    assert any("paused or cut" in note for note in raw.notes)


@pytest.mark.parametrize("name", ["one.fdt", "old.fdt"])
def test_eeglab_with_its_samples_apart(tmp_path, name):
    path = apart(written_eeglab(tmp_path / "one.set"), name)
    raw = open_raw(path)
    agrees(raw, tolerance=1e-9)
    assert raw.files == [path, tmp_path / name]


def test_eeglab_whose_samples_were_renamed_with_it(tmp_path):
    path = apart(written_eeglab(tmp_path / "one.set"), "old.fdt")
    (tmp_path / "old.fdt").rename(tmp_path / "one.fdt")
    agrees(open_raw(path), tolerance=1e-9)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda p: p.unlink(), "cannot be read"),
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "is cut"),
    ],
)
def test_eeglab_whose_samples_are_broken_is_skipped(tmp_path, spoil, reason):
    path = apart(written_eeglab(tmp_path / "one.set"), "one.fdt")
    spoil(tmp_path / "one.fdt")
    with pytest.raises(SkipAsset, match=reason):
        open_raw(path)


def test_eeglab_that_is_cut_into_epochs_is_skipped(tmp_path):
    path = tmp_path / "epochs.set"
    eeglabio.epochs.export_set(
        str(path),
        data=SAMPLES.reshape(4, 10, 200).transpose(1, 0, 2),
        sfreq=RATE,
        events=np.array([[n * 200, 0, 1] for n in range(10)]),
        tmin=0.0,
        tmax=1.0,
        ch_names=["Fz", "Cz", "HEOG", "GSR"],
        event_id={"go": 1},
    )
    with pytest.raises(SkipAsset, match="cut into 10 epochs"):
        open_raw(path)


def made_fif(count=2000, first_samp=0):
    kinds = ["mag", "grad", "eeg", "stim"]
    info = mne.create_info(["MEG0111", "MEG0112", "EEG001", "STI101"], RATE, kinds)
    samples = SAMPLES[:, :count] * [[1e-8], [1e-7], [1.0], [0.0]]
    samples[3, ::50] = 4
    raw = mne.io.RawArray(samples, info, first_samp=first_samp, verbose="ERROR")
    raw.set_meas_date(1_000_000_000)
    return raw, samples


def test_fif_whose_first_sample_is_not_its_clocks_zero(tmp_path):
    made, samples = made_fif(first_samp=5000)
    made.set_annotations(mne.Annotations([1.5], [0.25], ["go"]))
    path = tmp_path / "one_meg.fif"
    made.save(path, fmt="double", verbose="ERROR")
    raw = open_raw(path)
    agrees(raw, samples, tolerance=0)
    [(onset, duration, text)] = raw.annotations
    # It was set from the first sample on.
    assert (onset, duration, text) == (pytest.approx(1.5), pytest.approx(0.25), "go")
    assert [c.type for c in raw.channels] == ["meg_mag", "meg_grad", "eeg", "stim"]
    assert [c.unit for c in raw.channels] == ["T", "T/m", "V", ""]


def test_pauses_of_the_acquisition_are_gaps(tmp_path):
    made, samples = made_fif()
    made.set_annotations(mne.Annotations([2.0, 6.0], [1.0, 0.5], ["BAD_ACQ_SKIP"] * 2))
    path = tmp_path / "one_meg.fif"
    made.save(path, fmt="double", verbose="ERROR")
    raw = open_raw(path)
    kept = np.r_[0:400, 600:1200, 1300:2000]
    assert raw.channels[0].segments == ((0, 0.0), (400, 3.0), (1000, 6.5))
    assert raw.channels[0].samples == len(kept)
    agrees(raw, samples[:, kept], tolerance=0)
    np.testing.assert_array_equal(
        raw.read([2], 390, 1010)[:, 0], samples[2, kept[390:1010]]
    )


def test_fif_in_several_parts(tmp_path):
    made, samples = made_fif()
    big = mne.concatenate_raws([made.copy() for _ in range(200)], verbose="ERROR")
    path = tmp_path / "sub-01_task-x_split-01_meg.fif"
    big.save(
        tmp_path / "sub-01_task-x_meg.fif",
        fmt="double",
        split_size="3MB",
        split_naming="bids",
        verbose="ERROR",
    )
    parts = sorted(tmp_path.glob("*split*"))
    assert len(parts) > 2
    raw = open_raw(path)
    assert sorted(raw.files) == parts
    assert raw.channels[0].samples == 200 * samples.shape[1]
    for start in (0, 123_456, 399_000):
        expected = samples[:, np.arange(start, start + 900) % 2000]
        np.testing.assert_array_equal(
            raw.read(range(4), start, start + 900).T, expected
        )
    parts[1].unlink()
    with pytest.raises(SkipAsset, match="cannot be read"):
        open_raw(path)


def test_names_of_people_are_not_taken(tmp_path):
    made, _ = made_fif()
    who = {"his_id": "Anna", "first_name": "Anna", "last_name": "Moser", "sex": 2}
    made.info["subject_info"] = who
    made.info["experimenter"] = "Moser"
    path = tmp_path / "one_meg.fif"
    made.save(path, verbose="ERROR")
    raw = open_raw(path)
    assert raw.subject == {"sex": "F"}
    assert "Moser" not in repr((raw.subject, raw.session, raw.device, raw.notes))


@pytest.mark.parametrize("name", ["one.fif", "one.sqd", "one.set", "one.edf"])
def test_a_file_of_something_else_is_skipped(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(SkipAsset):
        open_raw(path)


def test_folders_that_lack_their_files_are_skipped(tmp_path):
    for name in ("sub-01_meg.ds", "sub-01_meg"):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(SkipAsset):
            open_raw(folder)


def test_what_is_in_no_known_format_is_said(tmp_path):
    path = tmp_path / "one.mefd"
    path.write_bytes(b"x")
    with pytest.raises(SkipAsset, match="in no format that is read"):
        open_raw(path)
    with pytest.raises(SkipAsset, match="is not there"):
        open_raw(tmp_path / "nothing.edf")


def test_a_copy_of_a_header_is_not_left_behind(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    raw = open_raw(written_brainvision(tmp_path))
    agrees(raw)
    assert [*folder.iterdir()] == []
    shutil.rmtree(folder)
