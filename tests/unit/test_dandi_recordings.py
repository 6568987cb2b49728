"""Rows, ids and versions of a dandiset hold still while its data do not change."""

import json
import re

import pytest

pytest.importorskip("requests", reason="DANDI is asked with requests")

from brainsets.archives.dandi import DandiArchive
from brainsets.archives.dandi.descriptions import description, fetch_description
from brainsets.archives.dandi.recordings import (
    COLUMNS,
    chosen_version,
    is_wanted,
    nwb_rows,
)
from brainsets.errors import DownloadError
from tests.helpers.dandi_server import DandiServer

ID = "000140"
PATHS = ["sub-Jenkins/sub-Jenkins_ses-small_desc-test_behavior+ecephys.nwb"]


@pytest.fixture
def server(tmp_path, monkeypatch):
    with DandiServer(tmp_path / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DANDI_API_KEY", raising=False)
        server.put(ID, PATHS[0], b"1")
        yield server


def test_rows_say_what_decides_of_the_data(server):
    server.publish(ID, "0.1.0")
    [row] = nwb_rows(DandiArchive(), ID, "0.1.0")
    assert [*row] == COLUMNS
    assert row["subject"] == "Jenkins" and row["session"] == "small"
    assert (row["version"], row["size"]) == ("0.1.0", 1)
    assert re.fullmatch("[0-9a-f]{64}", row["sha256"])
    # Another record of the same data: other ids, other dates, the same row.
    server.put(ID, PATHS[0], b"1", keywords=["x"])
    [other] = nwb_rows(DandiArchive(), ID, "draft")
    assert {**other, "version": "0.1.0"} == row
    server.put(ID, PATHS[0], b"2")
    [other] = nwb_rows(DandiArchive(), ID, "draft")
    assert other["sha256"] != row["sha256"]


def test_other_files_are_no_recordings_and_zarrs_are(server):
    for path in ("a.nwb.json", "b.mp4", "nwb", "c.ome.zarr"):
        server.put(ID, path, None if path.endswith("zarr") else b"0")
    server.put(ID, "d.nwb.zarr", None)
    rows = nwb_rows(DandiArchive(), ID, "draft")
    assert [row["path"] for row in rows] == ["d.nwb.zarr", *PATHS]
    assert rows[0]["sha256"] == rows[0]["etag"] == ""
    server.put("000002", "b.mp4", b"0")
    with pytest.raises(DownloadError, match="draft of dandiset 000002 has no NWB"):
        nwb_rows(DandiArchive(), "000002", "draft")


@pytest.mark.parametrize(
    ("paths", "subjects", "is_taken"),
    [
        ([], [], True),
        (["*small*"], [], True),
        (["x", "sub-*/*.nwb"], [], True),
        (["sub-Jenkins"], [], False),
        ([], ["Jenkins"], True),
        ([], ["sub-Jenkins"], True),
        ([], ["J*"], True),
        ([], ["jenkins"], False),
        (["*small*"], ["Nitschke"], False),
        ([], ["Nitschke", "Monkey 1"], True),
    ],
)
def test_patterns_choose_among_rows(paths, subjects, is_taken):
    row = {"path": PATHS[0], "subject": "Monkey 1"}
    assert is_wanted(row, paths, subjects) == is_taken


def chosen(asked=None, earlier=None):
    told = []
    return chosen_version(DandiArchive(), ID, asked, earlier, told.append), told


def test_version_is_the_newest_and_stays(server):
    version, [told] = chosen()
    assert version == "draft" and "was never published: its draft is taken" in told
    server.publish(ID, "0.1.0")
    assert chosen() == ("0.1.0", [])
    server.publish(ID, "0.2.0")
    assert chosen() == ("0.2.0", [])
    assert chosen(earlier="0.2.0") == ("0.2.0", [])
    version, [told] = chosen(earlier="0.1.0")
    assert version == "0.1.0"
    assert "stays at version 0.1.0" in told and f"name dandi:{ID}@0.2.0 to" in told
    version, [told] = chosen(earlier="draft")
    assert version == "draft" and "the newest is 0.2.0" in told
    assert chosen(asked="draft", earlier="0.1.0") == ("draft", [])


def test_description_is_kept_beside_the_files(server, tmp_path):
    server.describe(
        ID,
        name="MC_Maze",
        url="https://dandiarchive.org/dandiset/000140/draft",
        doi="10.48324/dandi.000140/0.220113.0408",
        license=["spdx:CC-BY-4.0"],
        citation="Churchland & Kaufman (2022)",
        contributor=[
            {"name": "Churchland, Mark", "includeInCitation": True},
            {"name": "Kaufman, Matthew"},
            {"name": "A funder", "includeInCitation": False},
            "odd",
        ],
    )
    archive = DandiArchive()
    fetch_description(archive, tmp_path, ID, "draft")
    server.forget()
    said = description(archive, tmp_path, ID, "draft")
    assert server.asked == []
    assert said == {
        "source": "https://dandiarchive.org/dandiset/000140/draft",
        "origin_version": "draft",
        "dandiset": ID,
        "description": "MC_Maze",
        "doi": "10.48324/dandi.000140/0.220113.0408",
        "license": "spdx:CC-BY-4.0",
        "citation": "Churchland & Kaufman (2022)",
        "contributors": "Churchland, Mark; Kaufman, Matthew",
    }
    [file] = tmp_path.glob("*.json")
    assert json.loads(file.read_text("utf-8"))["name"] == "MC_Maze"
    file.write_text("{")
    assert description(archive, tmp_path, ID, "draft") == said
    with pytest.raises(DownloadError, match="has no version '0.1.1'; it has draft"):
        fetch_description(archive, tmp_path, ID, "0.1.1")
