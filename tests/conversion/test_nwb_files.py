"""Real NWB files: every object is compared with what others read, or left out."""

import h5py
import numpy as np
import pytest

from brainsets.conversion.nwb import KINDS, look, open_nwb, read_nwb
from brainsets.pipeline import SkipAsset
from tests.helpers.nwb_agreement import check_agreement
from tests.helpers.nwb_files import FILES, typed_paths
from tests.helpers.workspace import SHARED_DATA

WITHOUT_TIMES = {
    "1.0.2_nwbfile": "nothing but what describes the session",
    "1.1.2_str_pub": "nothing but what describes the session",
    "1.2.1_extension": "nothing but what describes the session",
    "1.5.1_imageseries_no_data": "its data are in another file",
    "2.2.0_subject_no_age__reference": "nothing but what describes the session",
    "2.3.2_old_electrodes_table_full": "electrodes (a table without times)",
    "3.0.0_device_model_str_special_chars": "nothing but what describes the session",
    "0.1.1_poseestimation_no_cameras": "nothing is known of its type",
    "test_DynamicTable": "a table without times",
    "test_PlaneSegmentation": "a table without times",
    "test_Subject": "nothing but what describes the session",
}
ONLY_RAW = {"example_converter_spec_1"}
REFUSED_BY_PYNWB = {"example_ecephys"}


def test_all_files_are_there():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    assert len(FILES) >= 44
    assert {*WITHOUT_TIMES, *ONLY_RAW} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_agrees_with_other_readers(path):
    with open_nwb(path) as file:
        if path.stem in WITHOUT_TIMES:
            with pytest.raises(SkipAsset) as skipped:
                read_nwb(file, id="x", signals=KINDS)
            assert WITHOUT_TIMES[path.stem] in str(skipped.value)
            return
        if path.stem in ONLY_RAW:
            with pytest.raises(SkipAsset, match=r"asked for: .* is raw: 2\.0 kB"):
                read_nwb(file, id="x")
        others = check_agreement(path, read_nwb(file, id="x", signals=KINDS))
    assert others == (1 if path.stem in REFUSED_BY_PYNWB else 2)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_look_tells_of_every_object(path):
    with open_nwb(path) as file:
        found = look(file)
    with h5py.File(path) as file:
        assert typed_paths(file).keys() <= {row["path"] for row in found}
    assert all(row["bytes"] is None or row["bytes"] > 0 for row in found)


def real(name):
    """Return the recording in a file, and its parts by name."""
    paths = [path for path in FILES if path.stem == name]
    if not paths:
        pytest.skip(f"no real recordings: {SHARED_DATA} has no {name}")
    file = open_nwb(paths[0])
    recording = read_nwb(file, id=name)
    return recording, {part.name: part for part in recording.parts}


def item(recording, path):
    [found] = [item for item in recording.inventory.items if item.path == path]
    return found


def test_times_that_go_back_are_sorted_and_told():
    recording, parts = real("sub-anm369963_ses-20170228")
    note = item(recording, "/acquisition/lick_times/lick_right_times").note
    assert "sorted by time, which went back 95 times" in note
    assert (np.diff(parts["lick_right_times"].timestamps) >= 0).all()


def test_trials_without_an_end_become_events():
    recording, parts = real("sub-anm369963_ses-20170228")
    assert len(parts["trials"].timestamps) == 178
    assert np.isnan(parts["trials"].columns["stop_time"]).all()
    assert "178 of 178 stops are no number" in item(recording, "/intervals/trials").note


def test_placeholders_with_times_that_are_no_numbers_are_left_out():
    recording, parts = real("697062_2023-11-20_10-39-40")
    found = item(recording, "/acquisition/FIP_falling_time")
    assert found.reason == "placeholder"
    assert "fip_falling_time" not in parts


def test_clock_of_millions_of_seconds_stays():
    recording, _ = real("697062_2023-11-15_10-02-05")
    assert 4.39e6 < recording.domain[0][0] < recording.domain[1][-1] < 4.40e6


def test_durations_that_are_named_as_times_are_no_times():
    recording, parts = real("697062_2023-11-15_10-02-05")
    assert "goCue_start_time" in parts["trials"].times
    assert "left_valve_open_time" not in parts["trials"].times


def test_file_that_pynwb_refuses_is_read():
    _, parts = real("example_ecephys")
    assert parts["raw"].sampling_rate == 3051.75
    assert parts["decomposition_series"].shape == (401, 2, 10)
    assert list(parts["preprocessed"].channels["id"]) == ["1", "3"]


def test_spikes_know_the_time_in_which_they_were_observed():
    _, parts = real("test_Units")
    starts, ends = parts["spikes"].domain
    assert starts.tolist() == [0, 2, 6] and ends.tolist() == [1, 5, 7]


def test_ages_are_in_days_beside_what_was_said():
    recording, _ = real("nwb_sample")
    assert recording.subject["age"] == 90.0
    assert recording.subject["age_text"] == "P90D"


def test_id_of_the_session_is_kept_beside_one_that_replaces_it():
    path = next((p for p in FILES if p.stem == "example_ecephys"), None)
    if path is None:
        pytest.skip("no real recordings are here")
    with open_nwb(path) as file:
        session = read_nwb(file, id="a").session
        stored = file["general/session_id"][()].decode()
    assert session["id"] == session["session_id"] == stored
