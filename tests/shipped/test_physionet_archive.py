"""What PhysioNet lists is had, whatever its server does, and what cannot be is told."""

import re
from pathlib import Path

import pytest

from tests.helpers.physionet_story import (
    BROKEN,
    MADE_RUNS,
    MEANINGLESS,
    ODD_LISTS,
    OTHER_CHANNELS,
    OTHER_ELECTRODES,
    OTHER_TABLE,
    OUTSIDE,
    REAL_EEGMAT,
    REAL_RUNS,
    SCHALK,
    ZYMA,
    listing,
)


def test_what_can_be_had_is_done_and_the_rest_is_told(story):
    run = story.runs["troubled"]
    assert run["status"] == 1
    failed = {"S001R06", "S001R07", "Subject02_2"}
    everything = {*REAL_RUNS, *MADE_RUNS, *REAL_EEGMAT}
    states = {**run["states"][SCHALK], **run["states"][ZYMA]}
    assert {s.removesuffix(".DONE") for s in states if s.endswith(".DONE")} == (
        everything - failed
    )
    assert {
        s.removesuffix(".FAILED") for s in states if s.endswith(".FAILED")
    } == failed
    assert [Path(path).stem for path in run["outputs"]] == sorted(
        everything - failed, key=lambda s: (s.startswith("Subject"), s)
    )


def failure(story, brainset, asset):
    [attempt] = story.runs["troubled"]["states"][brainset][f"{asset}.FAILED"][
        "attempts"
    ]
    [told] = [
        line
        for line in story.runs["troubled"]["printed"].splitlines()
        if f"FAILED {brainset} {asset} (download)" in line
    ]
    assert "DownloadError" in told
    assert attempt["error"] == "DownloadError" and not attempt["traceback"]
    return attempt


def test_missing_file_is_one_sentence_and_asked_for_once(story):
    attempt = failure(story, SCHALK, "S001R06")
    assert "/eegmmidb/S001/S001R06.edf: the server answers 404" in attempt["message"]
    assert not attempt["transient"]
    assert story.asked("troubled")["eegmmidb/S001/S001R06.edf"] == 1


def test_flipped_byte_leaves_nothing_that_looks_like_the_file(story):
    attempt = failure(story, SCHALK, "S001R07")
    assert "SHA-256" in attempt["message"] and "S001R07.edf" in attempt["message"]
    assert not attempt["transient"]
    assert story.asked("troubled")["eegmmidb/S001/S001R07.edf"] == 2
    run = story.runs["troubled"]
    assert not [path for path in run["raw"] if "S001R07" in path or ".part" in path]
    assert not [path for path in run["outputs"] if "S001R07" in path]


def test_server_that_stays_broken_may_pass(story):
    attempt = failure(story, ZYMA, "Subject02_2")
    assert "answers 500" in attempt["message"] and attempt["transient"]
    assert story.asked("troubled")["eegmat/Subject02_2.edf"] == 7


def test_cut_and_busy_connections_do_no_harm(story):
    requests = story.runs["troubled"]["requests"]
    cut = [start for path, start, _ in requests if path.endswith("S001R04.edf")]
    assert len(cut) == 5 and cut == sorted(set(cut))
    busy = [status for path, _, status in requests if path.endswith("S001R05.edf")]
    assert busy == [503, 503, 200]
    log = story.workspace.folder(SCHALK).log("download_asset", "S001R04").read_text()
    assert log.count(" s: the connection was cut") == 4
    lists = [status for path, _, status in requests if path == "eegmat/RECORDS"]
    assert lists == [503, 200]


def test_nothing_else_is_asked_for(story):
    troubles = ("R04.edf", "R05.edf", "R07.edf", "Subject02_2.edf", "eegmat/RECORDS")
    for path, count in story.asked("troubled").items():
        assert count == 1 or path.endswith(troubles)
        assert not path.endswith(".event")


def test_next_run_fetches_what_failed_and_nothing_else(story):
    run = story.runs["mended"]
    assert run["status"] == 0, run["printed"]
    assert story.asked("mended") == {
        "eegmmidb/S001/S001R06.edf": 1,
        "eegmmidb/S001/S001R07.edf": 1,
        "eegmat/Subject02_2.edf": 1,
    }
    assert len(run["outputs"]) == len({*REAL_RUNS, *MADE_RUNS, *REAL_EEGMAT})
    assert not [s for states in run["states"].values() for s in states if "FAILED" in s]


def test_raw_files_are_where_the_archive_has_them(story):
    lists = {"RECORDS", "SHA256SUMS.txt"}
    runs = {f"{s[:4]}/{s}.edf" for s in [*REAL_RUNS, *MADE_RUNS]}
    people = {*(f"{s}.edf" for s in REAL_EEGMAT), "subject-info.csv"}
    expected = {f"{SCHALK}/{path}" for path in runs | lists}
    expected |= {f"{ZYMA}/{path}" for path in people | lists}
    assert {*story.runs["mended"]["raw"]} == expected


def test_run_with_nothing_to_do_asks_for_nothing(story):
    run = story.runs["again"]
    assert run["status"] == 0 and "Nothing to be done" in run["printed"]
    assert run["requests"] == []


def test_whole_files_are_fetched_again_with_redownload_alone(story):
    run = story.runs["forced"]
    assert run["status"] == 0, run["printed"]
    for asset in ("S001R03", "Subject00_2"):
        assert re.search(rf"\S+ {asset}: downloaded ", run["printed"])
    assert story.asked("forced") == {"eegmat/Subject00_2.edf": 1}


def test_environments_are_built_once(story):
    for brainset in (SCHALK, ZYMA):
        line = f"build the environment of {brainset}"
        assert story.runs["troubled"]["printed"].count(line) == 1
        for later in ("mended", "again", "forced"):
            assert line not in story.runs[later]["printed"]


@pytest.mark.parametrize("folder", ODD_LISTS)
def test_list_that_does_not_fit_is_refused(story, folder):
    record, brainset, sentence = ODD_LISTS[folder]
    refusal = story.result(brainset, listing(folder))
    assert refusal.startswith("ValueError: ")
    assert repr(record) in refusal and sentence in refusal


@pytest.mark.parametrize(
    "brainset, expression, sentence",
    [
        (SCHALK, MEANINGLESS, "['T1', 'T2'] mean nothing in the task eyes_open"),
        (SCHALK, OUTSIDE, "none of its trials is within the recording"),
        (SCHALK, OTHER_ELECTRODES, "not the 64 electrodes of this dataset"),
        (ZYMA, OTHER_TABLE, "instead of ['Subject', 'Age', 'Gender'"),
        (ZYMA, OTHER_CHANNELS, "not the channels of this dataset"),
    ],
)
def test_file_of_another_kind_is_refused(story, brainset, expression, sentence):
    refusal = story.result(brainset, expression)
    assert refusal.startswith("ValueError: ") and sentence in refusal


@pytest.mark.parametrize(
    "broken, sentence",
    [
        ("cut", "there are 2496895, 100001 too few"),
        ("text", "as if line ends had been converted"),
        ("gaps", "the header says EDF+D, a recording with gaps"),
    ],
)
def test_recording_that_is_not_what_its_header_promises_is_refused(
    story, broken, sentence
):
    refusal = story.result(SCHALK, BROKEN[broken])
    assert refusal.startswith("RecordingError: ") and sentence in refusal


def manifest(story, brainset):
    text = story.workspace.folder(brainset).manifest.read_text()
    lines = [line.split("\t") for line in text.splitlines()]
    return {line[0]: dict(zip(lines[0], line)) for line in lines[1:]}


def test_manifests_list_what_the_archive_lists(story):
    rows = manifest(story, SCHALK)
    assert [*rows] == [*REAL_RUNS, *MADE_RUNS]
    assert rows["S001R05"] == {
        "session_id": "S001R05",
        "subject": "S001",
        "run": "5",
        "task": "move_both_fists_or_feet",
        "path": "S001/S001R05.edf",
        "sha256": "8828f4b97931100af136cebf27838248b82f69cf359f7e6c3146a1970a8fb8d9",
    }
    rows = manifest(story, ZYMA)
    assert [*rows] == REAL_EEGMAT
    assert {k: v for k, v in rows["Subject08_2"].items() if k != "sha256"} == {
        "session_id": "Subject08_2",
        "subject": "Subject08",
        "task": "mental_arithmetic",
        "path": "Subject08_2.edf",
        "age_years": "26",
        "sex": "MALE",
        "recording_year": "2011",
        "subtractions": "18.24",
        "count_quality": "good",
    }
