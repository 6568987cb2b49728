"""What a warm process has imported serves all steps, or is known not to."""

import os
import shutil
import signal
import sysconfig
import time
from pathlib import Path

import pytest

from tests.helpers.waiting import within
from tests.helpers.warm_jobs import ONLY_ON_LINUX, is_alive

pytestmark = ONLY_ON_LINUX


@pytest.fixture
def laboratory():
    """A package among the installed ones, whose part looks around when imported."""
    name = f"lab_{os.getpid()}_{time.monotonic_ns()}"
    folder = Path(sysconfig.get_paths()["purelib"], name)
    folder.mkdir()
    (folder / "__init__.py").write_text("FLAVOUR = 'plain'\n")
    (folder / "part.py").write_text(
        f"import os\nfrom {name} import FLAVOUR\n"
        "FOUND = [os.environ.get('LAB_FLAVOUR'), FLAVOUR, os.getcwd()]\n"
    )
    yield name
    shutil.rmtree(folder)


def looking(laboratory):
    """Return a pipeline whose steps do what is asked for, then import the part."""
    process = (
        "path = self.raw_dir / 'statement'; "
        "exec(path.read_text() if path.exists() else ''); "
        f"import {laboratory}.part as part; print(part.FOUND)"
    )
    top = f"import {laboratory} as laboratory; from unittest import mock"
    return {"top": top, "process": process, "changes": False}


def learned(made, laboratory):
    """Process assets until one finds the part imported; return it."""
    for asset in "abcdef":
        assert made.both(asset)[0] == 0
        if f"{laboratory}.part" in made.found("process", asset)["modules"]:
            return asset
        # A successor learns it meanwhile.
        time.sleep(1)
    raise AssertionError("no step has found it imported")


def test_parts_that_steps_import_are_imported_for_those_that_follow(jobs, laboratory):
    made = jobs(**looking(laboratory))
    asset = learned(made, laboratory)
    assert asset != "a"
    assert f"{laboratory}.part" not in made.found("download", asset)["modules"]
    # And the first zygote may end: its successor forks what it forked before.
    first = made.found("download", asset)["imported_by"]
    os.kill(first, signal.SIGKILL)
    assert within(60, lambda: not is_alive(first))
    status, log = made.both("h")
    assert status == 0 and "'plain'" in log


def test_step_that_changes_what_imports_depend_on_gets_what_a_cold_one_gets(
    jobs, laboratory
):
    made = jobs(**looking(laboratory))
    learned(made, laboratory)
    statement = made.workspace.raw_dir / "recorder" / "statement"
    # Undone again, so that nothing shows at the end.
    statement.write_text(
        f"with mock.patch.dict(os.environ, LAB_FLAVOUR='rare'): "
        f"import {laboratory}.part\n"
    )
    status, log = made.both("g")
    assert status == 0 and "['rare', 'plain'" in log
    assert "once more, without what earlier steps have imported" in log
    assert log.rindex("'rare'") > log.index("once more")
    # Nobody has it imported for them from now on, and all are warm.
    statement.write_text("laboratory.FLAVOUR = 'patched'")
    time.sleep(0.5)
    status, log = made.both("h")
    assert status == 0 and "'patched'" in log and ", warm" in log
    assert "once more" not in log
    assert made.found("process", "h")["modules"] == [laboratory]


@pytest.mark.parametrize(
    "change",
    [
        "os.environ['LAB_FLAVOUR'] = 'own'",
        "laboratory.FLAVOUR = 'own'",
        # Nothing that a step could see of others, but no process is forked from it.
        "laboratory.RUNS = 'own'",
    ],
)
def test_nothing_is_learned_from_steps_that_change_something(jobs, laboratory, change):
    made = jobs(**looking(laboratory))
    if "RUNS" in change:
        part = Path(sysconfig.get_paths()["purelib"], laboratory, "part.py")
        thread = "threading.Thread(target=time.sleep, args=[60], daemon=True)"
        part.write_text(f"import threading, time\nFOUND = ['own']\n{thread}.start()\n")
        change = ""
    (made.workspace.raw_dir / "recorder" / "statement").write_text(change)
    for asset in "abc":
        status, log = made.both(asset)
        assert status == 0 and "'own'" in log and ", warm" in log
        assert "once more" not in log
        assert made.found("process", asset)["modules"] == [laboratory]
        time.sleep(0.5)


UNFIT = {
    "threading.Thread(target=time.sleep, args=[9], name='own', daemon=True).start()": (
        "the thread 'own' runs"
    ),
    "kept = open(__file__)": "pipeline.py is open",
    "import socket; kept = socket.socket()": "socket:",
    "kept = tempfile.TemporaryDirectory()": "a temporary file or folder",
    "kept = tempfile.mkdtemp()": "a temporary file or folder",
    "kept = subprocess.Popen(['sleep', '5'])": "a program that it has started runs",
    "RNG = np.random.default_rng()": "RNG is a generator of random numbers",
    "RNG = random.Random()": "RNG is a random.Random",
    "PID = os.getpid()": "PID is the number of the process",
    "NAME = f'part {os.getpid()}.txt'": "NAME names the number of the process",
    "import uuid; RUN = uuid.uuid4()": "RUN is a UUID of this import alone",
    "STARTED = time.time()": "STARTED is the time of the import",
    "class Run: at = pd.Timestamp.now().to_pydatetime()": "Run.at is the time",
}


@pytest.mark.parametrize("top, reason", UNFIT.items())
def test_import_that_leaves_what_cannot_be_shared_is_noticed(jobs, top, reason):
    made = jobs(top=top)
    for asset in "ab":
        status, log = made.both(asset)
        assert status == 0
        assert reason in log and "set warm: false" in log
        note = made.found("process", asset)
        assert note["imported_by"] == note["pid"]


FIT = [
    "RNG = np.random.default_rng(3); OTHER = np.random.RandomState(3)",
    "with tempfile.TemporaryDirectory() as f: open(Path(f) / 'x', 'w').close()",
    "subprocess.run(['true']); kept = open('/dev/null')",
]


@pytest.mark.parametrize("top", FIT)
def test_import_that_leaves_nothing_is_kept_warm(jobs, top):
    status, log = jobs(top=top).both("a")
    assert status == 0 and ", warm" in log


def test_import_that_fails_is_told_as_in_a_cold_step(jobs):
    made = jobs()
    text = made.pipeline.read_text()
    made.pipeline.write_text(f"raise ValueError('no licence')\n{text}")
    status, log = made.run("download_asset", "a")
    assert status == 1 and "its import failed (ValueError)" in log
    [attempt] = made.workspace.sentinel("a", "FAILED")["attempts"]
    assert attempt["message"] == "no licence"
    assert "raise ValueError" in attempt["traceback"]


def test_import_that_hangs_ends_in_the_time_out_of_the_step(jobs):
    made = jobs()
    text = made.pipeline.read_text()
    made.pipeline.write_text(f"import time; time.sleep(600)\n{text}")
    status, log = made.run("download_asset", "a", timeout=1)
    assert status == 1 and "its import took longer than 1 s" in log
    [attempt] = made.workspace.sentinel("a", "FAILED")["attempts"]
    assert attempt["error"] == "Timeout"


def test_import_that_ends_the_process_leaves_the_steps_to_themselves(jobs):
    # Once only: what ends each import ends a cold step, too.
    top = "flag = Path(__file__).with_name('flag')\n"
    top += "if flag.exists(): flag.unlink(); os._exit(1)"
    made = jobs(top=top)
    made.pipeline.with_name("flag").touch()
    status, log = made.run("download_asset", "a")
    assert status == 0 and "its import ended the process" in log


def test_edited_code_is_imported_by_each_step_itself(jobs):
    made = jobs()
    assert ", warm" in made.both("a")[1]
    text = made.pipeline.read_text()
    made.pipeline.write_text(text.replace('"whole"', '"edited"'))
    status, log = made.both("b")
    assert status == 0 and "code has changed since it was imported" in log
    assert (made.folder.root / "b.txt").read_text() == "edited"
    # And with the old text, it is what was imported.
    made.pipeline.write_text(text)
    assert ", warm" in made.both("c")[1]


def test_edited_package_is_noticed(jobs, workspace):
    library = workspace.root / "library"
    library.mkdir()
    (library / "beside.py").write_text("VALUE = 'first'\n")
    workspace.environment["PYTHONPATH"] = str(library)
    made = jobs(top="from beside import VALUE", process="print(VALUE)")
    assert "first" in made.both("a")[1]
    (library / "beside.py").write_text("VALUE = 'second, and longer'\n")
    # It is looked for once a second.
    time.sleep(1.1)
    status, log = made.both("b")
    assert status == 0 and "second" in log
    assert "beside.py has changed since" in log


def test_file_that_the_import_has_read_is_read_anew_when_it_changes(jobs, workspace):
    path = workspace.root / "setting.txt"
    path.write_text("first")
    made = jobs(top=f"SETTING = open({str(path)!r}).read()", process="print(SETTING)")
    assert "first" in made.both("a")[1]
    path.write_text("second, and longer")
    time.sleep(1.1)
    status, log = made.both("b")
    assert status == 0 and "second" in log
    assert "setting.txt has changed since" in log
