"""Of a result there is one version, whatever was there, and whatever is killed."""

import itertools
import json
import os
import random
import time

import pytest

from brainsets.errors import OutputError
from brainsets.jobs.outputs import claims, publishing, records
from brainsets.jobs.outputs.inspection import inspected_outputs
from brainsets.jobs.outputs.publishing import publish
from brainsets.shared.state.sentinels import DONE, write_sentinel
from brainsets.shared.text.asset_names import asset_name
from tests.helpers.publishing import (
    finish,
    list_assets,
    listed_brainset,
    name_of,
    published,
    stage,
)


@pytest.fixture
def folder(tmp_path):
    return listed_brainset(tmp_path)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Nobody pulls the plug here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


OLD = {"s.zarr/zarr.json": b"old", "s.zarr/c/0": b"old", "s.zarr/c/1": b"old"}
NEW = {"s.zarr/zarr.json": b"new", "s.zarr/c/1": b"new", "s.zarr/c/2": b"new"}


@pytest.mark.parametrize(
    "new",
    [
        NEW,
        {"s.zarr/zarr.json": b"new"},
        {"other name.zarr/c/0": b"new"},
        {"s.zarr": b"a file now"},
        {"s.zarr/c": b"a file now"},
        {"s.zarr/c/0/0": b"a folder now", "s.zarr/zarr.json": b"new"},
        {},
    ],
    ids="chunks one name file inner folder nothing".split(),
)
def test_what_an_asset_has_not_written_again_goes(folder, new):
    (folder.root / "s.zarr").mkdir(parents=True)
    beside = {"b.txt": b"of another", "s of b/c/0": b"of another"}
    finish(folder, "b", beside)
    finish(folder, "a", OLD)
    finish(folder, "a", new)
    assert published(folder) == {**beside, **new}
    folders = {p for p in folder.root.rglob("*") if p.is_dir()}
    kept = {folder.root / f for path in {**beside, **new} for f in lineage(path)}
    assert {p for p in folders if folder.workflow not in (p, *p.parents)} == kept


def lineage(path):
    return list(itertools.accumulate(path.split("/")[:-1], "{}/{}".format))


def test_two_assets_may_be_the_first_that_publish(folder, monkeypatch):
    list_assets(folder, ["a", "b"])
    lock, waited = publishing.lock_publishing, []

    def wait(path):
        lock(path)
        if not waited:
            waited.append(path)
            # What another process does that has the lock first.
            finish(folder, "b", {"b.txt": b"whole"})

    monkeypatch.setattr(publishing, "lock_publishing", wait)
    finish(folder, "a", {"a.txt": b"whole"})
    assert published(folder) == {"a.txt": b"whole", "b.txt": b"whole"}
    with pytest.raises(OutputError, match="already published by asset 'b'"):
        finish(folder, "a", {"b.txt": b"mine"})


def test_files_of_a_person_stay_where_they_are(folder):
    finish(folder, "a", OLD)
    (folder.root / "s.zarr" / "c" / "notes.txt").write_text("mine")
    finish(folder, "a", {"t.txt": b"new"})
    assert published(folder) == {"t.txt": b"new", "s.zarr/c/notes.txt": b"mine"}


def test_nothing_is_removed_through_a_link(folder, tmp_path):
    finish(folder, "a", OLD)
    (tmp_path / "elsewhere").mkdir()
    (folder.root / "s.zarr" / "c").rename(tmp_path / "elsewhere" / "c")
    (folder.root / "s.zarr" / "c").symlink_to(tmp_path / "elsewhere" / "c")
    finish(folder, "a", {"t.txt": b"new"})
    assert sorted(os.listdir(tmp_path / "elsewhere" / "c")) == ["0", "1"]


def test_what_another_asset_has_taken_over_is_not_removed(folder):
    staging = stage(folder, "first", {"x.txt": b"first", "y.txt": b"first"})
    publish(folder, "first", "first", staging, inspected_outputs(staging))
    finish(folder, "second", {"x.txt": b"second"})
    finish(folder, "first", {"z.txt": b"first"})
    assert published(folder) == {"x.txt": b"second", "z.txt": b"first"}
    with pytest.raises(OutputError, match="'second'"):
        finish(folder, "first", {"x.txt": b"first"})


def test_a_folder_is_not_mixed_with_that_of_an_asset_that_is_gone(folder):
    finish(folder, "first", {**OLD, "all/first.txt": b"old", "first.txt": b"old"})
    list_assets(folder, ["sub-first"])
    finish(folder, "sub-first", {**NEW, "all/sub-first.txt": b"new"})
    assert published(folder) == {
        **NEW,
        "all/first.txt": b"old",
        "all/sub-first.txt": b"new",
        "first.txt": b"old",
    }


def test_assets_share_folders_and_nothing_else(folder):
    for asset in ("a", "b", "first", "second"):
        files = {"all/x": {}, f"sub/{asset}/x": {}, f"sub/{asset}/c/0": {}, "sub/y": {}}
        own = {f"{path} {asset}": b"1" for path in files}
        finish(folder, asset, own)
        finish(folder, asset, {path: b"2" for path in own})
    before = published(folder)
    assert len(before) == 16 and set(before.values()) == {b"2"}
    for path in ("all/x a", "sub/a/c/0 a", "sub/y a", "sub/y a/x", "sub/a", "all"):
        with pytest.raises(OutputError):
            finish(folder, "first/1", {"own.txt": b"", path: b""})
        assert published(folder) == before


def test_bookkeeping_is_a_record_and_a_claim_for_each_asset(folder):
    files = {f"s.zarr/c/{i}/{j}": b"x" for i in range(20) for j in range(100)}
    finish(folder, "a", files)
    kept = [p for p in folder.outputs.rglob("*") if p.is_file()]
    assert len(kept) == 2
    [claim] = [p for p in kept if p.suffix != ".json"]
    assert claim.read_text() == '["s.zarr", "a"]\n'


def test_a_large_folder_takes_little_longer_than_writing_it(folder):
    files = {f"s.zarr/c/{i}/{j}": b"x" * 100 for i in range(20) for j in range(100)}
    begin = time.monotonic()
    staging = stage(folder, "a", files)
    written = time.monotonic()
    outputs = inspected_outputs(staging)
    publish(folder, "a", "a", staging, outputs)
    assert time.monotonic() - written < 10 * (written - begin) + 1
    assert len(published(folder)) == 2000


class Killed(BaseException):
    """In place of SIGKILL: nothing after it is done."""


def kill_after(monkeypatch, steps):
    """Have the process killed before the so-many-eth change of a file."""
    left = [steps]

    def killed(function):
        def wrapper(*arguments, **options):
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            return function(*arguments, **options)

        return wrapper

    for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
        monkeypatch.setattr(os, name, killed(getattr(os, name)))
    for module in (publishing, records):
        monkeypatch.setattr(module, "write_record", killed(module.write_record))
    monkeypatch.setattr(claims.Claims, "save", killed(claims.Claims.save))


@pytest.mark.parametrize(
    "third", [NEW, OLD, {"t/x": b"3"}], ids="same back else".split()
)
@pytest.mark.parametrize(
    "second", [NEW, {"s.zarr": b"2"}, {"u/x": b"2", "s.zarr/c/0/x": b"2"}]
)
def test_killed_at_any_moment_the_next_attempt_leaves_one_version(
    folder, monkeypatch, second, third
):
    beside = {"u/y": b"of another"}
    finish(folder, "b", beside)
    for steps in itertools.count():
        finish(folder, "a", OLD)
        folder.sentinel("a", DONE).unlink()
        staging = stage(folder, "a", second)
        outputs = inspected_outputs(staging)
        with monkeypatch.context() as patch:
            kill_after(patch, steps)
            try:
                publish(folder, "a", "a", staging, outputs)
                is_over = True
            except Killed:
                is_over = False
        if is_over:
            break
        finish(folder, "a", third)
        assert published(folder) == {**beside, **third}, steps
    assert steps > 5
    assert published(folder) == {**beside, **second}


def test_killed_at_any_moment_nobody_else_is_harmed(folder, monkeypatch):
    """One takes over from another, and is killed; then the other one comes back."""
    for steps in itertools.count():
        staging = stage(folder, "first", OLD)
        publish(folder, "first", "first", staging, inspected_outputs(staging))
        staging = stage(folder, "second", NEW)
        outputs = inspected_outputs(staging)
        with monkeypatch.context() as patch:
            kill_after(patch, steps)
            try:
                publish(folder, "second", "second", staging, outputs)
                is_over = True
            except Killed:
                is_over = False
        if steps % 2:
            finish(folder, "second", NEW)
            finish(folder, "first", {"f.txt": b"first"})
            assert published(folder) == {**NEW, "f.txt": b"first"}, steps
        else:
            finish(folder, "first", {"s.zarr/c/9": b"first"})
            finish(folder, "second", {"s.txt": b"second"})
            seen = {"s.txt": b"second", "s.zarr/c/9": b"first"}
            assert published(folder) == seen, steps
        for asset in ("first", "second"):
            finish(folder, asset, {})
            folder.sentinel(asset, DONE).unlink()
        assert published(folder) == {}
        if is_over:
            break
    assert steps > 4


def old_form(folder, asset, files, *, done=True):
    """Leave what a version without records has left."""
    outputs = inspected_outputs(stage(folder, asset, files))
    folder.outputs.mkdir(exist_ok=True)
    for path, content in files.items():
        target = folder.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        (folder.outputs / f"{asset_name(path)}.owner").write_text(asset)
    if done:
        record = {"asset": asset, "outputs": outputs}
        write_sentinel(folder.sentinel(name_of(asset), DONE), record)


@pytest.mark.parametrize("done", [True, False])
def test_owners_of_an_earlier_version_are_known(folder, done):
    long = "long/" + 90 * "é"
    old_form(folder, "first/1", {**OLD, ".hidden": b"old", long: b"old"}, done=done)
    old_form(folder, "a", {"a.txt": b"of a", "all/a.txt": b"of a"})
    with pytest.raises(OutputError, match="by asset 'a'"):
        finish(folder, "b", {"all/a.txt": b"of b"})
    assert not [*folder.outputs.glob("*.owner")]
    finish(folder, "first/1", NEW)
    assert published(folder) == {**NEW, "a.txt": b"of a", "all/a.txt": b"of a"}


def test_claims_that_are_lost_or_broken_are_made_anew(folder):
    finish(folder, "a", {**OLD, "all/a.txt": b"a"})
    finish(folder, "b", {"all/b.txt": b"b"})
    index = folder.outputs / "index"

    def cut(path):
        path.write_bytes(path.read_bytes()[:-3])

    def lengthen(path):
        path.write_bytes(path.read_bytes() + b'["x", 1]\n')

    def empty(path):
        path.rename(path.with_name("away"))
        path.with_name("away").unlink()

    for number, harm in enumerate((cut, lengthen, None)):
        for path in index.iterdir():
            if harm:
                harm(path)
            else:
                path.unlink()
        if not harm:
            index.rmdir()
            index.symlink_to("elsewhere")
        with pytest.raises(OutputError, match="by asset 'a'"):
            finish(folder, "b", {"all/a.txt": b"b"})
        finish(folder, "b", {f"all/b{number}.txt": b"b"})
    finish(folder, "a", NEW)
    assert published(folder) == {**NEW, "all/b2.txt": b"b"}


@pytest.mark.parametrize(
    "content", [None, b"", b"\0\xff", b"[]", b'{"paths": 3}', b'{"paths": [3, "../x"]}']
)
def test_a_record_that_is_lost_or_broken_leaves_no_mixture(folder, content):
    finish(folder, "b", {"all/b.txt": b"b"})
    finish(folder, "a", {**OLD, "all/a.txt": b"a", "all/0.txt": b"a"})
    if content is None:
        folder.record("a").unlink()
    else:
        folder.record("a").write_bytes(content)
    finish(folder, "a", {**NEW, "all/a.txt": b"new"})
    assert published(folder) == {**NEW, "all/a.txt": b"new", "all/b.txt": b"b"}


@pytest.mark.parametrize("path", ["../x", "/x", "s/../../x", "_workflow/lock", "s//x"])
def test_a_record_never_speaks_of_what_is_elsewhere(folder, path):
    finish(folder, "a", OLD)
    outside = folder.root.parent / "x"
    outside.write_text("precious")
    (folder.workflow / "lock").touch()
    record = {"asset": "a", "paths": [*OLD, path, str(outside)]}
    folder.record("a").write_text(json.dumps(record))
    finish(folder, "a", NEW)
    assert published(folder) == NEW
    assert outside.read_text() == "precious" and (folder.workflow / "lock").exists()


def test_letters_of_other_case_are_the_same_file_where_the_disk_says_so(
    folder, monkeypatch
):
    finish(folder, "a", {"X.txt": b"a"})
    finish(folder, "b", {"x.txt": b"b"})
    assert len(published(folder)) == 2
    finish(folder, "a", {})
    # As on a disk that does not tell them apart.
    (folder.root / "_WORKFLOW").symlink_to("_workflow")
    with pytest.raises(OutputError, match="by asset 'b'"):
        finish(folder, "a", {"X.TXT": b"a"})
    finish(folder, "b", {"x.txt": b"b", "X2.txt": b"b"})
    finish(folder, "b", {"x2.txt": b"b"})
    assert "X2.txt" in published(folder) and "x.txt" not in published(folder)


def test_any_story_ends_with_what_the_assets_say(folder):
    """Whoever publishes what in which order, each file is that of one DONE asset."""
    chance = random.Random(7)
    assets = ["a", "b", "first", "first/1", "second"]
    paths = ["x", "y", "d/x", "d/y", "d/e/x", "d/e/f/x", "d/e", "z.zarr/c/0", "z.zarr"]
    done = {}
    for number in range(400):
        asset = chance.choice(assets)
        chosen = chance.sample(paths, chance.choice([0, 1, 1, 2, 3]))
        files = {path: f"{asset} {number}".encode() for path in chosen}
        if any(f"{one}/" == other[: len(one) + 1] for one in files for other in files):
            continue
        done.pop(asset, None)
        folder.sentinel(name_of(asset), DONE).unlink(missing_ok=True)
        if chance.random() < 0.1:
            continue
        others = [path for files in done.values() for path in files]
        clash = any(
            p == o or p.startswith(f"{o}/") or o.startswith(f"{p}/")
            for p in files
            for o in others
        )
        try:
            finish(folder, asset, files)
            assert not clash
            done[asset] = files
        except OutputError:
            is_left = all(p not in others for p in files)
            assert clash or is_left
        seen = published(folder)
        for files in done.values():
            assert {path: seen.get(path) for path in files} == files
