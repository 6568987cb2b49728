"""A raw folder that cannot be used is told by its setting's name."""

import os
from types import SimpleNamespace

import pytest

from brainsets.errors import SettingsError
from brainsets.jobs.job_process import set_up_process
from brainsets.planning.settings import read_settings
from brainsets.shared.inputs.raw_folder_check import why_unusable


def link(folder):
    (folder / "raw").symlink_to(folder / "not mounted")
    return folder / "raw"


def circle(folder):
    (folder / "raw").symlink_to(folder / "raw")
    return folder / "raw"


def file(folder):
    (folder / "raw").touch()
    return folder / "raw"


OBSTACLES = {
    "link": (link, ["not mounted, which is not there", "mount"]),
    "below a link": (lambda folder: link(folder) / "deep", ["not mounted"]),
    "circle": (circle, ["raw"]),
    "file": (file, ["is a file", "name a folder"]),
    "below a file": (lambda folder: file(folder) / "deep", ["is a file"]),
    "no path": (lambda folder: folder / "a\0b", ["null"]),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_what_keeps_a_folder_from_being_made_is_told(tmp_path, case):
    make, words = OBSTACLES[case]
    folder = make(tmp_path)
    told = why_unusable(folder / "mine")
    assert all(word in told for word in words) and told.endswith(".")
    job = SimpleNamespace(raw_dir=folder / "mine", folder=None)
    with pytest.raises(SettingsError, match="^raw_dir: ") as refusal:
        set_up_process(job)
    assert all(word in str(refusal.value) for word in words)


def test_a_folder_that_is_there_or_can_be_made_is_fine(tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert why_unusable(tmp_path) is None
    assert why_unusable(tmp_path / "deep" / "down") is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert why_unusable(tmp_path / "link" / "mine") is None
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "link"]


@pytest.mark.parametrize(
    ("there", "refused", "told"),
    [
        (True, os.W_OK, None),
        (True, os.R_OK, "cannot be read"),
        (False, os.W_OK, "cannot be written to"),
    ],
)
def test_a_folder_is_to_be_read_and_where_it_is_not_to_be_made(
    tmp_path, monkeypatch, there, refused, told
):
    """A disk that is read-only may hold all that was downloaded."""
    folder = tmp_path if there else tmp_path / "mine"
    monkeypatch.setattr(os, "access", lambda path, rights: not rights & refused)
    found = why_unusable(folder)
    assert found is None if told is None else f"{tmp_path} {told}" in found


def test_an_error_of_the_disk_is_told(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(os, "stat", refuse)
    assert "(Transport endpoint is not connected)" in why_unusable(tmp_path)


@pytest.mark.parametrize("key", ["raw_dir", "processed_dir"])
def test_the_home_folder_of_nobody_is_told(key):
    config = {"brainsets": "rokem_grasshopper_auditory_2006", key: "~nobody9/data"}
    with pytest.raises(SettingsError, match=f"^{key}: ~nobody9/data begins with"):
        read_settings(config)


def test_the_home_folder_of_nobody_is_told_of_a_pipeline():
    with pytest.raises(SettingsError, match="~nobody9/mine begins with"):
        read_settings({"brainsets": "~nobody9/mine"})
