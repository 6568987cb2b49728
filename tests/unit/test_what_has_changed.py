"""Records of earlier steps, and of earlier versions, against what is there now."""

import importlib
import os
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from brainsets.jobs.code import outside_modules
from brainsets.jobs.edits_meanwhile import is_same_download
from brainsets.planning.pending import has_same_imports
from brainsets.planning.settings import Brainset
from brainsets.shared.inputs.arguments import recorded
from brainsets.shared.inputs.code import EDITED, file_hash
from brainsets.shared.inputs.content_hashes import is_older
from tests.helpers.workspace import ROOT


def moment(hours):
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).isoformat()


def test_a_file_is_older_where_neither_it_nor_its_name_was_touched_since(tmp_path):
    path = tmp_path / "x"
    path.touch()
    # As a copy that keeps times, or one of a machine with another clock.
    os.utime(path, (1000, 1000))
    assert not is_older(path, moment(-1)) and is_older(path, moment(1))
    os.utime(path, (1000, time.time() + 7200))
    assert not is_older(path, moment(1))
    for since in (None, 3, "yesterday", ""):
        assert not is_older(path, since)
    assert not is_older(tmp_path / "no", moment(1))


LITERAL = "hunter2-of-mine"
OLD = ["--table", "x.csv", "--token", LITERAL]


@pytest.fixture
def brainset(tmp_path):
    (tmp_path / "x.csv").write_text("1")
    return SimpleNamespace(
        args=[*OLD, "--redownload"],
        folder_of_args=tmp_path,
        counted_args=recorded(OLD, tmp_path),
    )


@pytest.mark.parametrize(
    ("record", "is_same"),
    [
        ({"args": OLD, "started": moment(1)}, True),
        ({"args": OLD, "listed": moment(1)}, True),
        ({"args": [*OLD, "--redownload"], "started": moment(1)}, True),
        # What the table held when it began is not known.
        ({"args": OLD, "started": moment(-1)}, False),
        ({"args": OLD}, False),
        ({"args": [*OLD[:-1], "another"], "started": moment(1)}, False),
        ({"args": OLD[:2], "started": moment(1)}, False),
        ({"args": [*OLD, 1], "started": moment(1)}, False),
        ({"args": " ".join(OLD), "started": moment(1)}, False),
        ({}, False),
    ],
)
def test_what_earlier_versions_wrote_of_arguments_goes_on_where_that_is_safe(
    brainset, record, is_same
):
    assert Brainset.has_args_of(brainset, {"args": brainset.counted_args})
    assert Brainset.has_args_of(brainset, record) == is_same


@pytest.mark.parametrize(
    ("known", "is_same"),
    [
        ({"row": "r", "args": OLD}, True),
        ({"row": "other", "args": OLD}, False),
        ({"row": "r", "args": ["--table", "y.csv", *OLD[2:]]}, False),
        ({"row": "r", "args": None}, False),
        ({"row": "r", "args": [1]}, False),
        ({}, False),
    ],
)
def test_a_handoff_of_an_earlier_version_is_of_the_same_download(
    brainset, known, is_same
):
    def recorded_args(args=OLD, *, with_files=True):
        return recorded(args, brainset.folder_of_args, with_files=with_files)

    job = SimpleNamespace(recorded_args=recorded_args)
    now = {"row": "r", "args": recorded_args()}
    assert is_same_download(job, now, now)
    assert is_same_download(job, known, now) == is_same


def test_modules_from_elsewhere_are_looked_for_where_the_pipeline_went(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    base = after / "lab" / "base.py"
    base.parent.mkdir(parents=True)
    base.write_text("x = 1\n")
    pipeline = after / "mine" / "pipeline.py"
    record = {
        "pipeline": str(before / "mine" / "pipeline.py"),
        "imported": {str(before / "lab" / "base.py"): file_hash(base)},
    }
    looked_at = {}
    assert has_same_imports(pipeline, record, looked_at)
    base.write_text("x = 2\n")
    # Once for all assets of a run.
    assert has_same_imports(pipeline, record, looked_at)
    assert not has_same_imports(pipeline, record, {})
    base.unlink()
    assert not has_same_imports(pipeline, record, {})


@pytest.mark.parametrize("imported", [None, [], ["x"], "", 0, {"\0": "x"}, {"x": 1}])
def test_a_broken_record_of_imports_is_of_no_code(tmp_path, imported):
    record = {"pipeline": 7, "imported": imported}
    assert not has_same_imports(tmp_path / "pipeline.py", record, {})
    assert has_same_imports(tmp_path / "pipeline.py", {"imported": {}}, {})
    assert has_same_imports(tmp_path / "pipeline.py", {}, {})


def test_a_module_that_was_edited_while_the_step_ran_is_of_no_version(
    tmp_path, monkeypatch
):
    module = tmp_path / "base.py"
    module.write_text("x = 1\n")
    monkeypatch.setattr(outside_modules, "_since_s", time.time() - 3600)
    assert outside_modules._hash(str(module)) == EDITED
    monkeypatch.setattr(outside_modules, "_since_s", time.time() + 30)
    assert outside_modules._hash(str(module)) == file_hash(module)
    assert outside_modules._hash(str(tmp_path / "no.py")) == EDITED


def test_modules_that_convert_count_as_code_of_who_imports_them(tmp_path, monkeypatch):
    monkeypatch.setattr(outside_modules, "_known", {})
    monkeypatch.setattr(outside_modules, "_since_s", time.time() + 30)
    names = ["brainsets.conversion.inventory", "brainsets.archives.edf"]
    for name in names:
        importlib.import_module(name)
    monkeypatch.setattr(outside_modules, "imported_since", lambda: names)
    hashes = outside_modules.hash_outside_modules(tmp_path / "pipeline.py")
    # Wherever the project is installed.
    file = "brainsets/conversion/inventory.py"
    assert hashes == {file: file_hash(ROOT / file)}
    record = {"pipeline": str(tmp_path / "pipeline.py"), "imported": hashes}
    assert has_same_imports(tmp_path / "pipeline.py", record, {})
    record["imported"] = {file: "another hash"}
    assert not has_same_imports(tmp_path / "pipeline.py", record, {})
    record["imported"] = {"brainsets/conversion/no_more.py": "a hash"}
    assert not has_same_imports(tmp_path / "pipeline.py", record, {})
