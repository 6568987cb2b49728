"""What DANDI lists is had, whatever its servers do, and what cannot be is told."""

import os
import re

import h5py
import pytest
from temporaldata import Data

from tests.helpers.dandi_server import KEY
from tests.helpers.dandi_story import (
    BRAINSET,
    DRAFT,
    EMPTY,
    ID,
    REAL,
    SECRET_ID,
    SKIPPED,
    SMALL,
    WRONG,
    content,
    path,
    told_dandi_story,
)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    return told_dandi_story(tmp_path_factory)


def message(story, run, brainset, asset):
    record = story.runs[run]["states"][brainset][f"{asset}.FAILED"]
    attempt = record["attempts"][-1]
    assert attempt["error"] == "DownloadError" and not attempt["traceback"]
    return attempt["message"]


def test_what_can_be_had_is_done_and_the_rest_is_told(story):
    assert story.runs["troubled"]["status"] == 1
    failed = ["A0634-210127", "test_Units"]
    done = sorted({*REAL, *SMALL} - {*failed})
    assert story.assets("troubled", BRAINSET, "DONE") == done
    assert story.assets("troubled", BRAINSET, "FAILED") == failed
    assert story.assets("troubled", BRAINSET, "SKIPPED") == sorted(SKIPPED)
    assert "the SHA-256 of what the server sends is" in message(
        story, "troubled", BRAINSET, "A0634-210127"
    )
    assert "has no sub-test_/test_Units.nwb" in message(
        story, "troubled", BRAINSET, "test_Units"
    )
    assert not [name for name in story.runs["troubled"]["raw"] if "A0634" in name]


def test_cut_download_is_continued(story):
    starts = [start for _, start, _ in story.runs["troubled"]["fetched"] if start]
    assert starts == sorted(set(starts)) and len(starts) == 3


def test_skipped_ones_have_a_reason(story):
    states = story.runs["troubled"]["states"][BRAINSET]
    assert "it is a Zarr, a folder" in states["folder.DONE"]["skipped"]
    assert "it holds no data" in states[f"{EMPTY}.DONE"]["skipped"]


def test_next_run_fetches_what_failed_and_nothing_else(story):
    run = story.runs["mended"]
    assert run["status"] == 0, run["printed"]
    assert [status for _, _, status in run["fetched"]] == [200, 200]
    assert story.assets("mended", BRAINSET, "DONE") == sorted([*REAL, *SMALL])
    assert not story.assets("mended", BRAINSET, "FAILED")


def test_run_with_nothing_to_do_asks_for_nothing(story):
    run = story.runs["again"]
    assert run["status"] == 0 and "Nothing to be done" in run["printed"]
    assert run["asked"] == run["fetched"] == []


def test_newer_version_is_told_and_not_taken(story):
    run = story.runs["listed"]
    assert run["status"] == 0
    assert run["printed"].count("stays at version 0.1.0, which was listed before") == 1
    assert f"name dandi:{ID}@0.2.0 to take it" in run["printed"]
    rows = run["manifests"][BRAINSET]
    assert rows == story.runs["troubled"]["manifests"][BRAINSET]
    assert {row["version"] for row in rows.values()} == {"0.1.0"}
    assert run["fetched"] == []
    for name, record in run["states"][BRAINSET].items():
        assert record == story.runs["mended"]["states"][BRAINSET][name]


def test_newer_version_is_taken_when_it_is_asked_for(story):
    run = story.runs["newer"]
    assert run["status"] == 0, run["printed"]
    rows = run["manifests"][BRAINSET]
    assert {row["version"] for row in rows.values()} == {"0.2.0"}
    # Of the files, one has changed.
    assert len(run["fetched"]) == 1
    for asset in (*REAL, *SMALL):
        with h5py.File(story.output(BRAINSET, asset)) as file:
            assert file["brainset"].attrs["origin_version"] == "0.2.0"


def test_file_says_where_it_is_from(story):
    with h5py.File(story.output("afar", "A8604-211122")) as file:
        data = Data.from_hdf5(file, lazy=False)
    assert data.brainset.id == "afar"
    assert (data.brainset.dandiset, data.brainset.origin_version) == (ID, "0.1.0")
    assert data.brainset.doi == "10.48324/dandi.000140/0.1.0"
    assert data.brainset.description == "Maze"
    assert data.session.source_path == path("A8604-211122")
    assert re.fullmatch("[0-9a-f]{64}", data.session.source_checksum)
    assert "checksum of the whole file was not verified" in data.session.source_check
    assert len(data.inventory.path) > 5


def test_file_that_is_read_from_afar_gives_the_same_and_is_not_kept(story):
    run = story.runs["afar"]
    assert run["status"] == 0, run["printed"]
    assert not [name for name in run["raw"] if "afar" in name and ".nwb" in name]
    assert all(status == 206 for _, _, status in run["fetched"])
    assert story.assets("afar", "afar", "SKIPPED") == sorted(SKIPPED)
    for asset in REAL:
        found = []
        for brainset in ("afar", BRAINSET):
            with h5py.File(story.output(brainset, asset)) as file:
                values = {}
                file.visititems(
                    lambda name, item, values=values: (
                        values.update({name: item[()].tolist()})
                        if isinstance(item, h5py.Dataset)
                        else None
                    )
                )
                found.append(repr(values))
        assert found[0] == found[1]


def test_dandiset_that_is_not_for_all_needs_a_key(story):
    run = story.runs["without key"]
    assert run["status"] == 1
    assert "does not show dandiset 000688 to everybody" in run["printed"]
    assert "set the environment variable DANDI_API_KEY" in run["printed"]
    assert "Traceback" not in run["printed"]
    run = story.runs["with key"]
    assert run["status"] == 0, run["printed"]
    assert story.assets("with key", DRAFT, "DONE") == ["A8604-211122", "test_Units"]
    assert f"dandiset {SECRET_ID} was never published" in run["printed"]


def test_key_is_nowhere_but_in_requests_to_the_api(story):
    assert not any(run["with key"] for run in story.runs.values())
    assert not any(KEY in run["printed"] for run in story.runs.values())
    looked_at = 0
    for folder, _, names in os.walk(story.root):
        if folder.startswith(str(story.root / "store")):
            continue
        for name in names:
            file = os.path.join(folder, name)
            if os.path.isfile(file) and not os.path.islink(file):
                with open(file, "rb") as opened:
                    assert KEY.encode() not in opened.read(), file
                looked_at += 1
    assert looked_at > 50


@pytest.mark.parametrize("spec", WRONG)
def test_dataset_that_is_not_there_is_one_sentence(story, spec):
    run = story.runs[spec]
    assert run["status"] == 1
    assert run["printed"].count(WRONG[spec]) >= 1
    assert "Traceback" not in run["printed"]


def test_archive_that_cannot_be_reached_is_one_sentence(story):
    run = story.runs["unreachable"]
    assert run["status"] == 1 and "Traceback" not in run["printed"]
    assert "there is no connection" in run["printed"]


def test_file_that_has_changed_since_it_was_listed_is_told(story):
    assert story.runs["changed"]["status"] == 1
    assert story.assets("changed", DRAFT, "FAILED") == ["test_TimeIntervals"]
    sentence = message(story, "changed", DRAFT, "test_TimeIntervals")
    assert "has changed since it was listed; list the draft again" in sentence


def test_file_that_changes_in_a_draft_is_done_again_and_no_other(story):
    run = story.runs["listed anew"]
    assert run["status"] == 0, run["printed"]
    before, after = (
        story.runs[name]["states"][DRAFT] for name in ("changed", "listed anew")
    )
    assert after["A8604-211122.DONE"] == before["A8604-211122.DONE"]
    assert after["test_Units.DONE"] != before["test_Units.DONE"]
    assert len(run["fetched"]) == 2
    raw = story.workspace.raw_dir / DRAFT / path("test_Units")
    assert raw.read_bytes() == content("test_TimeIntervals")
