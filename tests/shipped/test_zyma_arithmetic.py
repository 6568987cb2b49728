"""The arithmetic dataset's files hold what its EDF files hold, taken apart by hand."""

import csv
import hashlib
from collections import Counter

import numpy as np
import pytest

from tests.helpers.physionet_story import (
    REAL_EEGMAT,
    REAL_RUNS,
    ZYMA,
    assert_volts,
    parts,
)
from tests.helpers.workspace import SHARED_DATA


@pytest.mark.parametrize("session", REAL_EEGMAT)
def test_arithmetic_eeg_and_ecg_are_what_the_file_holds_in_volts(story, session):
    data, edf = story.data(ZYMA, session), story.edf(session)
    labels = {s["label"]: n for n, s in enumerate(edf.signals)}
    scale = {"uV": 1e-6, "mV": 1e-3}
    numbers = [n for label, n in labels.items() if label.startswith("EEG ")]
    assert len(numbers) == 20 and len(edf.numbers()) == 21
    factors = [scale[edf.signals[n]["unit"]] for n in numbers]
    assert_volts(data.eeg.signal, edf, numbers, factors)
    assert data.channels.id.tolist() == [
        edf.signals[n]["label"].removeprefix("EEG ") for n in numbers
    ]
    assert {*data.channels.type} == {"eeg"} and {*data.channels.unit} == {"V"}
    reference = dict(zip(data.channels.id.tolist(), data.channels.reference.tolist()))
    assert reference.pop("A2-A1") == "A1" and {*reference.values()} == {"A1+A2"}
    ecg = labels["ECG ECG"]
    assert edf.signals[ecg]["unit"] == "mV"
    assert_volts(data.ecg.signal, edf, [ecg], [1e-3])
    assert data.eeg.sampling_rate == data.ecg.sampling_rate == 500
    seconds = 182 if session.endswith("_1") else 62
    assert data.domain.end.tolist() == [seconds] and len(data.ecg) == 500 * seconds


@pytest.mark.parametrize(
    ("session", "part", "digest"),
    [
        ("Subject00_1", "eeg", "db348024df4b97b0"),
        ("Subject00_1", "ecg", "3a8671c83a334135"),
        ("Subject08_2", "eeg", "2ac086eacb094086"),
    ],
)
def test_arithmetic_signals_stay_as_they_were_bit_for_bit(story, session, part, digest):
    signal = getattr(story.data(ZYMA, session), part).signal
    # Of what earlier versions wrote, which read with mne.
    assert hashlib.sha256(signal.tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("session", REAL_EEGMAT)
def test_arithmetic_people_and_splits(story, session):
    data = story.data(ZYMA, session)
    [row] = [r for r in people() if r["Subject"] == session[:9]]
    assert data.subject.id == session[:9] and data.session.id == session
    tasks = {"1": "rest", "2": "mental_arithmetic"}
    assert data.session.task == tasks[session[-1]]
    assert data.session.recording_year == int(row["Recording year"])
    assert data.subject.age_years == int(row["Age"])
    assert data.subject.age == 365.25 * int(row["Age"])
    assert data.subject.sex == {"F": "FEMALE", "M": "MALE"}[row["Gender"]]
    assert data.subject.subtractions == float(row["Number of subtractions"])
    assert data.subject.count_quality == ["bad", "good"][int(row["Count quality"])]
    end = data.domain.end[0]
    edges = [0, *(part.end[0] for part in parts(data))]
    assert np.allclose(edges, np.array([0, 0.7, 0.8, 1]) * end, atol=1 / 500)
    assert edges[1:] == [part.end[0] for part in parts(data)] and edges[-1] == end
    assert edges[:-1] == [part.start[0] for part in parts(data)]


def people():
    with open(SHARED_DATA / "physionet/eegmat/subject-info.csv", newline="") as file:
        return [*csv.DictReader(file)]


def test_what_the_docstring_says_of_the_files_is_so(story):
    assert len(people()) == 36
    assert Counter(r["Count quality"] for r in people()) == {"1": 26, "0": 10}
    patients = {s: story.edf(s).patient.split()[1] for s in REAL_EEGMAT[:2]}
    assert patients == {"Subject00_1": "M", "Subject00_2": "F"}
    assert people()[0]["Gender"] == "F"
    filters = {s["filters"] for x in REAL_EEGMAT for s in story.edf(x).signals}
    assert filters == {"", "HP:0.500000Hz LP:45.000000Hz RF:50Hz"}
    dates = {story.edf(s).fixed[168:173] for s in REAL_EEGMAT}
    assert dates == {b"01.01"}
    assert {story.edf(s).fixed[168:176] for s in REAL_RUNS} == {b"12.08.09"}
