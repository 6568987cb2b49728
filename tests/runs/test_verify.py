"""``verify``: finds what became of files since they were prepared, and repairs it."""

import contextlib
import io
import json
import os
import shutil

import pytest

from brainsets.commands.main import main
from brainsets.shared.locks import release_locks
from brainsets.verification import outputs
from brainsets.verification.outputs import verify_outputs
from tests.helpers.reruns import ASSETS, processes
from tests.helpers.small_pipeline import write


def verify(workspace, *options):
    """Run the command in this process; return its exit status and what it printed."""
    printed = io.StringIO()
    where = ["--processed-dir", str(workspace.processed_dir)]
    with contextlib.redirect_stdout(printed):
        try:
            code = main(["verify", *where, *map(str, options)])
        finally:
            release_locks()
    return code, printed.getvalue()


def as_json(workspace, *options):
    code, text = verify(workspace, "--json", *options)
    [found] = json.loads(text)["brainsets"]
    return code, found


def published(workspace, asset):
    """Return the files of an asset, as its sentinel lists them."""
    listed = workspace.sentinel(asset, "DONE", ASSETS)["outputs"]
    return [workspace.folder().root / output["path"] for output in listed]


def changed_in_place(path):
    """Change one bit, and neither size nor time."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def removed(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def emptied(path):
    path.write_bytes(b"")


def made_a_folder(path):
    path.unlink()
    path.mkdir()


def made_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def made_a_dead_link(path):
    path.unlink()
    path.symlink_to("nowhere")


DAMAGES = {
    changed_in_place: "changed",
    cut: "changed",
    emptied: "changed",
    made_a_folder: "changed",
    made_a_pipe: "changed",
    removed: "missing",
    made_a_dead_link: "missing",
}


def test_what_was_just_prepared_is_as_it_was(done):
    code, found = as_json(done)
    files = [path for asset in ASSETS for path in published(done, asset)]
    assert code == 0 and found["done"] == len(ASSETS)
    assert found["files"] == len(files) > 0
    assert found["verified_bytes"] == sum(path.stat().st_size for path in files)
    for kind in ("missing", "changed", "unreadable", "unfinished", "foreign"):
        assert found[kind] == []
    assert found["differing"] == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_repaired_and_nothing_else_is_made_anew(done, damage):
    path = published(done, ASSETS[1])[0]
    content = path.read_bytes()
    damage(path)
    code, found = as_json(done)
    assert code == 1
    [finding] = found[DAMAGES[damage]]
    assert finding["asset"] == ASSETS[1]
    assert finding["path"] == path.relative_to(done.folder().root).as_posix()
    assert found["files"] == 1 + sum(
        len(published(done, asset)) for asset in ASSETS if asset != ASSETS[1]
    )
    code, text = verify(done)
    assert code == 1 and DAMAGES[damage].upper() in text and "--repair" in text
    code, text = verify(done, "--repair")
    assert code == 0 and "will be made anew by the next run" in text
    assert not path.is_file() or path.read_bytes() != content
    run = done.run(str(done.pipeline))
    assert run.returncode == 0, run.stdout
    assert done.events() == processes(ASSETS[1])
    assert path.read_bytes() == content
    code, found = as_json(done)
    assert code == 0 and found["missing"] == found["changed"] == []


def test_a_broken_sentinel_is_damage_and_is_repaired(done):
    name = done.folder().sentinel("b", "DONE").name
    sentinel = next(p for p in done.folder().status.iterdir() if p.name.endswith(name))
    sentinel.write_text("{")
    code, found = as_json(done)
    assert code == 1 and len(found["unreadable"]) == 1
    assert found["done"] == len(ASSETS) - 1
    assert verify(done, "--repair")[0] == 0
    assert done.run(str(done.pipeline)).returncode == 0
    assert as_json(done)[0] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(done):
    path = published(done, ASSETS[0])[0]
    path.chmod(0)
    code, found = as_json(done)
    assert code == 1 and len(found["unreadable"]) == 1


def test_files_of_nobody_are_told_and_left_alone(done):
    root = done.folder().root
    (root / "notes").mkdir()
    (root / "notes" / "mine.txt").write_text("keep")
    (root / "link").symlink_to(done.raw_dir)
    code, found = as_json(done, "--repair")
    assert code == 0
    assert [each["path"] for each in found["foreign"]] == ["link", "notes/mine.txt"]
    assert (root / "notes" / "mine.txt").read_text() == "keep"


def test_files_of_what_is_not_done_are_told_apart(workspace):
    pipeline = write(workspace, "")
    assert workspace.run(str(pipeline)).returncode == 0
    workspace.folder().sentinel("a", "DONE").unlink()
    code, found = as_json(workspace)
    assert code == 0 and found["foreign"] == [] and found["done"] == 0
    assert [each["asset"] for each in found["unfinished"]] == ["a"]


def test_what_is_published_anew_meanwhile_is_not_damage(done, monkeypatch):
    path = published(done, ASSETS[2])[0]
    compare = outputs._compare
    left = [True]

    def republish_first(root, expected):
        if left and left.pop():
            sentinel = next(
                p
                for p in done.folder().status.glob("*.DONE")
                if json.loads(p.read_text())["asset"] == ASSETS[2]
            )
            record = json.loads(sentinel.read_text())
            path.write_bytes(b"other")
            record["outputs"][0]["bytes"] = 5
            record["outputs"][0]["sha256"] = (
                "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
            )
            sentinel.write_text(json.dumps(record))
        return compare(root, expected)

    monkeypatch.setattr(outputs, "_compare", republish_first)
    assert verify_outputs(done.folder(), at_once=1).findings == []


def test_progress_ends_with_all_that_there_is_to_read(done):
    seen = []
    verify_outputs(done.folder(), progress=lambda *each: seen.append(each))
    total = sum(p.stat().st_size for a in ASSETS for p in published(done, a))
    assert seen[-1] == (total, total)
    assert [read for read, _ in seen] == sorted(read for read, _ in seen)


def test_nothing_is_repaired_below_a_run(done):
    path = published(done, ASSETS[0])[0]
    path.unlink()
    done.write_rows([*({"id": a} for a in ASSETS), {"id": "slow", "seconds": 60}])
    run = done.start(str(done.pipeline), "--forcerun", "write_manifest")
    try:
        lines = iter(run.stdout.readline, "")
        assert any("slow" in line for line in lines)
        found = done.brainsets(
            *("verify", "--processed-dir", done.processed_dir, "--repair")
        )
        assert found.returncode == 2 and "a run works on it" in found.stderr
    finally:
        run.terminate()
        done.finish(run)


def differing(workspace, folder):
    shutil.copy(workspace.root / "settings.json", folder / "config.yaml")
    found = workspace.brainsets(
        *("--directory", folder.parent, "verify", "--json"),
        *("--processed-dir", workspace.processed_dir),
    )
    [brainset] = json.loads(found.stdout)["brainsets"]
    return {each["asset"]: each["reasons"] for each in brainset["differing"]}


def test_what_would_differ_today_is_said_with_its_reasons(done, tmp_path):
    folder = tmp_path / "config"
    folder.mkdir()
    done.command(str(done.pipeline))
    assert differing(done, folder) == {}
    done.command([{"pipeline": str(done.pipeline), "args": "--other"}])
    assert {*differing(done, folder)} == {*ASSETS}
    assert differing(done, folder)[ASSETS[0]] == ["arguments changed"]
    done.command(str(done.pipeline))
    done.pipeline.write_text(done.pipeline.read_text() + "\nADDED = 1\n")
    assert differing(done, folder)[ASSETS[1]] == ["pipeline code changed"]


def test_other_packages_and_rows_are_said_without_settings(done):
    [sentinel] = [
        path
        for path in done.folder().status.glob("*.DONE")
        if json.loads(path.read_text())["asset"] == ASSETS[0]
    ]
    record = json.loads(sentinel.read_text())
    record["versions"]["brainsets-workflow"] = "0.0.1"
    record["row"] = "0" * 16
    sentinel.write_text(json.dumps(record))
    _, found = as_json(done)
    [one] = found["differing"]
    assert one["asset"] == ASSETS[0] and one["reasons"][0] == "its row changed"
    assert one["reasons"][1].startswith("brainsets-workflow 0.0.1 is now ")


def test_wrong_words_are_one_sentence(done):
    for words, said in (
        (["--jobs", "0"], "is no number from 1 to 999"),
        (["nothing_of_that_name"], "nothing_of_that_name"),
    ):
        where = ("--processed-dir", done.processed_dir)
        found = done.brainsets("verify", *where, *words)
        assert found.returncode == 2 and said in found.stderr
        assert "Traceback" not in found.stderr
