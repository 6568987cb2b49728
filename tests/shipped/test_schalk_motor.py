"""The motor dataset's files hold what its EDF files hold, taken apart by hand."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.physionet_story import (
    ALL_RUNS,
    DIVIDED,
    KEPT,
    MADE_RUNS,
    REAL_RUNS,
    REPROCESSED,
    SCHALK,
    SIZES,
    assert_volts,
    listing,
    parts,
)

# What the archive's page says of T1 and T2; T0 is rest.
ONE_FIST = {"T0": "rest", "T1": "left_fist", "T2": "right_fist"}
BOTH = {"T0": "rest", "T1": "both_fists", "T2": "both_feet"}
TASKS = {
    3: ("move_one_fist", False, ONE_FIST),
    4: ("imagine_one_fist", True, ONE_FIST),
    5: ("move_both_fists_or_feet", False, BOTH),
    6: ("imagine_both_fists_or_feet", True, BOTH),
    7: ("move_one_fist", False, ONE_FIST),
    8: ("imagine_one_fist", True, ONE_FIST),
}


def test_output_that_is_there_is_kept_unless_reprocess_is_asked_for(story):
    assert story.result(SCHALK, KEPT) == "finished earlier"
    assert story.result(SCHALK, REPROCESSED) is True


def test_whole_archive_has_an_asset_for_each_run(story):
    listed = story.result(SCHALK, listing("all"))
    assert len(listed) == 1526 and listed == [Path(path).stem for path in ALL_RUNS]


@pytest.mark.parametrize("count", SIZES)
def test_every_label_is_in_each_part_where_it_can_be(story, count):
    divided = story.result(SCHALK, DIVIDED[count])
    assert [part.count("rest") for part in divided] == SIZES[count]
    # A label that is there once can only be trained with.
    assert [part.count("left_fist") for part in divided] == [1, 0, 0]


def in_ten_ten(label):
    """Return an electrode's name as the 10-10 system writes it: "Fp1", "FCz", "AF7"."""
    name = label.rstrip(".").upper().replace("FP", "Fp")
    return name[:-1] + "z" if name.endswith("Z") else name


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_eeg_is_what_the_file_holds_in_volts(story, session):
    data, edf = story.data(SCHALK, session), story.edf(session)
    numbers = edf.numbers()
    assert len(numbers) == 64
    assert {edf.signals[n]["unit"] for n in numbers} == {"uV"}
    # The last half second is filled up with zeros, and not kept.
    assert len(edf.digital(0)) == 125 * 160 and len(data.eeg) == 124.5 * 160
    assert not any(edf.digital(n)[len(data.eeg) :].any() for n in numbers)
    assert any(edf.digital(n)[len(data.eeg) - 1] for n in numbers)
    assert_volts(data.eeg.signal, edf, numbers, np.full(64, 1e-6))
    assert data.eeg.sampling_rate == 160
    assert data.domain.start.tolist() == [0] and data.domain.end.tolist() == [124.5]
    names = data.channels.id.tolist()
    assert names == [in_ten_ten(edf.signals[n]["label"]) for n in numbers]
    assert {"FCz", "Fp1", "Fpz", "AF7", "T10", "Iz"} < {*names}
    assert {*data.channels.type} == {"eeg"} and {*data.channels.unit} == {"V"}


@pytest.mark.parametrize(
    ("session", "digest"),
    [("S001R03", "fd6a88f9b62e3337"), ("S001R08", "020ce91a3f4e2504")],
)
def test_motor_eeg_stays_as_it_was_bit_for_bit(story, session, digest):
    signal = story.data(SCHALK, session).eeg.signal
    # Of what earlier versions wrote, which read with mne.
    assert hashlib.sha256(signal.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_trials_are_the_files_annotations(story, session):
    data, edf = story.data(SCHALK, session), story.edf(session)
    task, is_imagined, meaning = TASKS[int(session[-2:])]
    annotations = edf.annotations()
    assert len(annotations) == 30
    trials = data.trials
    onset, duration, code = zip(*annotations)
    assert trials.code.tolist() == [*code]
    assert np.allclose(trials.start, onset, atol=1e-6)
    assert np.allclose(trials.end - trials.start, duration, atol=1e-6)
    assert trials.is_disjoint() and trials.is_sorted()
    assert trials.label.tolist() == [meaning[c] for c in code]
    assert {*trials.is_imagined} == {is_imagined}
    # The archive's own other copy of the same.
    events = (story.archive / f"eegmmidb/S001/{session}.edf.event").read_bytes()
    other = re.findall(rb"(T[012]) duration: ([0-9.]+)", events)
    assert [(c.decode(), float(d)) for c, d in other] == [*zip(code, duration)]
    assert (data.session.id, data.session.task) == (session, task)
    assert (data.session.run, data.subject.id) == (int(session[-2:]), "S001")
    assert data.brainset.id == SCHALK and data.subject.species == "HOMO_SAPIENS"


def test_labels_have_one_number_in_all_recordings(story):
    numbers = {
        (label, number)
        for session in [*REAL_RUNS, *MADE_RUNS]
        for trials in [story.data(SCHALK, session).trials]
        for label, number in zip(trials.label.tolist(), trials.label_id.tolist())
    }
    assert numbers == {
        *(("rest", 0), ("left_fist", 1), ("right_fist", 2)),
        *(("both_fists", 3), ("both_feet", 4), ("eyes_open", 5)),
    }


@pytest.mark.parametrize("session", REAL_RUNS)
def test_motor_splits_are_whole_trials_of_every_label(story, session):
    data = story.data(SCHALK, session)
    trials = [*zip(data.trials.start, data.trials.end, data.trials.label)]
    split = [[*zip(part.start, part.end, part.label)] for part in parts(data)]
    assert sorted(sum(split, [])) == sorted(trials)
    for label in {*data.trials.label}:
        starts = [[start for start, _, name in part if name == label] for part in split]
        assert all(starts)
        assert max(starts[0]) < min(starts[1]) and max(starts[1]) < min(starts[2])
    assert [len(part) for part in split] == [20, 4, 6]


def test_baseline_is_one_trial_that_is_cut_in_time(story):
    data = story.data(SCHALK, "S001R01")
    assert data.session.task == "eyes_open"
    assert data.trials.label.tolist() == ["eyes_open"]
    assert (data.trials.start[0], data.trials.end[0]) == (0, 61)
    # 70 and 80 % of 61 s, at the nearest of 160 samples a second.
    edges = [(part.start.tolist(), part.end.tolist()) for part in parts(data)]
    assert edges == [([0], [42.7]), ([42.7], [48.8]), ([48.8], [61])]
    assert data.test_domain.label.tolist() == ["eyes_open"]


def test_rate_and_lengths_are_those_of_the_file(story):
    data, edf = story.data(SCHALK, "S088R04"), story.edf("S088R04")
    assert data.eeg.sampling_rate == 128 and len(data.eeg) == 1280
    assert_volts(data.eeg.signal, edf, edf.numbers(), np.full(64, 1e-6))
    assert data.subject.id == "S088" and data.domain.end[0] == 10
    assert data.trials.start.tolist() == [0, 4.2, 8.3]
    assert data.trials.end.tolist() == [4.2, 8.3, 10]
    assert data.trials.label.tolist() == ["rest", "right_fist", "rest"]
    log = story.workspace.folder(SCHALK).log("process_asset", "S088R04").read_text()
    assert "cut: trial 1 of 3 (T0, from 0 s) ends at 4.2 s instead of 5 s" in log
    assert "cut: trial 3 of 3 (T0, from 8.3 s) ends at 10 s instead of 12.5 s" in log
