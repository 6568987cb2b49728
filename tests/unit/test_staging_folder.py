"""An attempt begins with a folder of its own, whatever an earlier one has left."""

import contextlib
import os
import shutil
import tempfile
import traceback
from pathlib import Path

import pytest

from brainsets.errors import OutputError
from brainsets.jobs import return_values
from brainsets.jobs.outputs import staging
from brainsets.jobs.outputs.inspection import inspected_outputs
from brainsets.jobs.outputs.publishing import publish
from brainsets.jobs.outputs.staging import fresh_staging
from brainsets.shared.folders import BrainsetFolder
from brainsets.training.recordings import table_file

NOBODY = 65534


@pytest.fixture
def folder():
    """A brainset's folder that belongs to a user whom permissions bind."""
    root = Path(tempfile.mkdtemp(prefix="staging é "))
    folder = BrainsetFolder(root / "brainset")
    folder.workflow.mkdir(parents=True)
    for path in (root, folder.root, folder.workflow):
        os.chmod(path, 0o755)
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def foreign(tmp_path):
    """A folder of somebody else's, and what has to be in it."""
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "precious.txt").write_text("precious")
    yield tmp_path / "foreign"
    assert os.listdir(tmp_path / "foreign") == ["precious.txt"]
    assert (tmp_path / "foreign" / "precious.txt").read_text() == "precious"


def as_plain_user(function):
    """Run a function as a user whom permissions bind, in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            try:
                if os.getuid() == 0:
                    os.setgroups([])
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                function()
                status = 0
            except BaseException:
                traceback.print_exc()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def read_only_tree(path):
    (path / "annex" / "deep").mkdir(parents=True)
    (path / "annex" / "deep" / "data.bin").write_bytes(b"x")
    os.chmod(path / "annex" / "deep" / "data.bin", 0o444)
    os.chmod(path / "annex" / "deep", 0o555)
    os.chmod(path / "annex", 0o500)


def closed_tree(path):
    (path / "a" / "b").mkdir(parents=True)
    (path / "a" / "b" / "x").write_text("x")
    os.chmod(path / "a" / "b", 0)
    os.chmod(path / "a", 0o200)


def flat(path):
    (path / "x.txt").write_text("what an earlier version of the workflow has left")


@pytest.mark.parametrize("leave", [read_only_tree, closed_tree, flat])
def test_what_an_attempt_has_left_is_removed(folder, leave):
    def check():
        for _ in range(2):
            staging = fresh_staging(folder, "a")
            assert staging.folder == folder.processed("a")
            assert os.listdir(staging.folder) == []
            leave(staging.folder)
            staging.check("process")
        staging.remove()
        assert os.listdir(folder.workflow / "staging") == []
        folder.staging("a").mkdir()
        leave(folder.staging("a"))
        assert os.listdir(fresh_staging(folder, "a").folder) == []

    as_plain_user(check)


@pytest.mark.parametrize("where", ["staging", "place", "level", "processed"])
@pytest.mark.parametrize("what", ["file", "link", "broken link", "pipe"])
def test_what_stands_in_its_place_is_removed_and_never_followed(
    folder, foreign, where, what
):
    path = {
        "staging": folder.workflow / "staging",
        "place": folder.staging("a"),
        "level": folder.staging("a") / "_",
        "processed": folder.processed("a"),
    }[where]
    path.parent.mkdir(parents=True, exist_ok=True)
    if what == "file":
        path.write_text("x")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(foreign if what == "link" else "nowhere")
    staging = fresh_staging(folder, "a")
    assert os.path.realpath(staging.folder) == os.path.realpath(
        folder.workflow / "staging/a/_/_/brainset"
    )
    assert os.listdir(staging.folder) == []


def test_what_cannot_be_removed_blocks_nobody_and_goes_when_it_can(folder):
    if os.getuid():
        pytest.skip("only root can leave what others cannot remove")
    as_plain_user(lambda: fresh_staging(folder, "a"))
    blocked = folder.staging("a") / "of root"
    blocked.mkdir()
    (blocked / "x").write_text("x")

    def meanwhile():
        for _ in range(2):
            staging = fresh_staging(folder, "a")
            assert staging.folder == folder.processed("a~1")
            (staging.folder / "out.txt").write_text("out")
            staging.check("process")

    as_plain_user(meanwhile)
    shutil.rmtree(blocked)

    def later():
        assert fresh_staging(folder, "a").folder == folder.processed("a")
        assert os.listdir(folder.workflow / "staging") == ["a"]

    as_plain_user(later)


def test_read_only_folders_are_published_again_and_again(folder):
    def check():
        for _ in range(2):
            staging = fresh_staging(folder, "a")
            read_only_tree(staging.folder)
            outputs = inspected_outputs(staging.folder)
            publish(folder, "a", "a", staging.folder, outputs)
            staging.remove()
        data = folder.root / "annex" / "deep" / "data.bin"
        assert data.stat().st_mode & 0o777 == 0o444
        assert os.listdir(folder.workflow / "staging") == []
        publish(folder, "a", "a", fresh_staging(folder, "a").folder, [])
        assert os.listdir(folder.root) == ["_workflow"]

    as_plain_user(check)


def test_a_file_with_another_name_elsewhere_is_copied(folder, tmp_path):
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"raw")
    staging = fresh_staging(folder, "a")
    os.link(raw, staging.folder / "out.bin")
    outputs = inspected_outputs(staging.folder)
    publish(folder, "a", "a", staging.folder, outputs)
    with open(raw, "r+b") as file:
        file.write(b"RAW and more")
    assert (folder.root / "out.bin").read_bytes() == b"raw"
    assert [output["path"] for output in outputs] == ["out.bin"]


def rename(path):
    path.rename(path.with_name("other"))


def be_file(path):
    shutil.rmtree(path)
    path.write_text("result")


def be_other(path):
    path.rename(path.with_name("other"))
    path.mkdir()
    shutil.rmtree(path.with_name("other"))


def outer_gone(path):
    shutil.rmtree(path.parents[2])


def cleaned(path):
    shutil.rmtree(path.parents[3])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shutil.rmtree, "is not there any more"),
        (rename, "is not there any more"),
        (outer_gone, "is not there any more"),
        (cleaned, "is not there any more"),
        (be_file, "is a file now"),
        (be_other, "is another folder now"),
    ],
)
def test_a_folder_that_is_not_what_it_was_is_told(folder, change, words):
    staging = fresh_staging(folder, "a")
    (staging.folder / "out.txt").write_text("result")
    change(staging.folder)
    with pytest.raises(OutputError, match=words):
        staging.check("process")
    staging.empty()
    assert fresh_staging(folder, "a").folder == folder.processed("a")


@pytest.mark.parametrize("level", range(4))
def test_a_link_in_its_place_is_told_and_not_followed(folder, foreign, level):
    staging = fresh_staging(folder, "a")
    path = [staging.folder, *staging.folder.parents][level]
    shutil.rmtree(path)
    path.symlink_to(foreign)
    with pytest.raises(OutputError, match="is a link now|is not there"):
        staging.check("process")
    staging.empty()
    staging.remove()
    fresh_staging(folder, "a")


@pytest.mark.parametrize(
    "where", [".", "..", "../..", "../other name", "../../s2", "../../../.."]
)
def test_what_is_written_beside_is_named_and_stays(folder, where):
    other = fresh_staging(folder, "s2")
    staging = fresh_staging(folder, "a")
    (staging.folder / "out.txt").write_text("result")
    beside = Path(os.path.normpath(staging.folder.parent / where / "x.txt"))
    beside.parent.mkdir(exist_ok=True)
    beside.write_text("x")
    with pytest.raises(OutputError, match="outside of processed_dir") as refusal:
        staging.check("process")
    assert str(beside.parent.relative_to(folder.workflow)) in str(refusal.value)
    assert beside.read_text() == "x"
    other.check("process") if where != "../../../.." else None
    if where != "../../../..":
        fresh_staging(folder, "a").check("process")


def test_what_commands_keep_meanwhile_is_not_of_the_pipeline(folder):
    staging = fresh_staging(folder, "a")
    table_file(folder).write_text("{}")
    staging.check("process")


def test_a_run_that_does_not_count_leaves_nothing(folder):
    staging = fresh_staging(folder, "a")
    (staging.folder / "sub").mkdir()
    (staging.folder / "sub" / "out.txt").write_text("result")
    (staging.folder.parent / "beside.txt").write_text("x")
    staging.empty()
    staging.check("process")
    assert os.listdir(staging.folder) == []


def generator():
    yield 1


async def coroutine():
    pass


async def async_generator():
    yield 1


class Delayed:
    def compute(self):
        pass


class Future:
    def add_done_callback(self, function):
        pass

    def __await__(self):
        yield


@pytest.mark.parametrize(
    ("make", "word", "of_download"),
    [
        (generator, "a generator", False),
        (lambda: [generator()], "a generator", False),
        (async_generator, "a generator", False),
        (coroutine, "a coroutine", True),
        (lambda: (1, coroutine()), "a coroutine", False),
        (lambda: map(str, []), "an iterator", False),
        (contextlib.contextmanager(generator), "a context manager", False),
        (contextlib.asynccontextmanager(async_generator), "a context manager", False),
        (Future, "a future", True),
        (Delayed, "a delayed computation", False),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_what_has_not_run_is_refused(make, word, of_download):
    with pytest.raises(OutputError, match=f"process returned {word}: "):
        return_values.check_process_has_run(make())
    if of_download:
        with pytest.raises(OutputError, match=f"download returned {word}: "):
            return_values.check_download_has_run(make())
    else:
        return_values.check_download_has_run(make())


@pytest.mark.parametrize(
    "value",
    [None, 1, "x", [], ["x"], {"a": 1}, Path("x"), contextlib.suppress(OSError)],
)
def test_what_has_run_may_return_anything(value):
    return_values.check_process_has_run(value)
    return_values.check_download_has_run(value)


def test_a_folder_that_another_asset_has_just_made_stays(tmp_path, monkeypatch):
    folder = tmp_path / "staging"
    identity = staging._identity

    def made_meanwhile(path):
        found = identity(path)
        if path == folder and found is None:
            os.mkdir(path)
            (path / "of another").mkdir()
        return found

    monkeypatch.setattr(staging, "_identity", made_meanwhile)
    staging._make_folder(folder)
    assert os.listdir(folder) == ["of another"]


def test_a_process_that_reuses_folders_gives_them_to_the_next_asset(folder):
    with staging.reused_folders():
        first = fresh_staging(folder, "a")
        (first.folder / "out.txt").write_text("x")
        assert fresh_staging(folder, "b").identity != first.identity
        (first.folder / "out.txt").unlink()
        first.remove()
        again = fresh_staging(folder, "c")
        assert again.identity == first.identity
        assert again.folder == folder.processed("c") and not os.listdir(again.folder)
        (again.folder.parent / "beside").touch()
        again.remove()
        assert os.listdir(folder.workflow / "staging") == ["b"]
        fresh_staging(folder, "b").remove()
    assert os.listdir(folder.workflow / "staging") == []
