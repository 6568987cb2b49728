"""Steps that are forked from a warm process do what steps of a cold interpreter do."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import h5py
import pytest

from brainsets.planning.command_lines import job_command
from brainsets.planning.settings import read_settings
from brainsets.shared.processes import start_time
from tests.helpers.workspace import ROOT, Workspace

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="there are warm processes on Linux only"
)

# Each step notes down what it finds, then changes it.
PIPELINE = """
import ctypes, json, os, random, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path
import numpy as np
import pandas as pd
from brainsets.pipeline import BrainsetPipeline

print("words of the import", flush=True)
IMPORTED_BY = [os.getpid()]
COUNT = [0]
{top}

class Pipeline(BrainsetPipeline):
    brainset_id = "recorder"

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame(index=pd.Index(list("abcdefgh"), name="id"))

    def download(self, row):
        self.note("download", row.Index)
        return row.Index

    def process(self, asset):
        self.note("process", asset)
        {process}
        (self.processed_dir / f"{{asset}}.txt").write_text("whole")

    def note(self, step, asset):
        found = {{
            "pid": os.getpid(),
            "parent": os.getppid(),
            "imported_by": IMPORTED_BY[0],
            "count": COUNT[0],
            "environment": os.environ.get("COUNT"),
            "folder": os.getcwd(),
            "random": [random.random(), float(np.random.rand())],
            "modules": sorted(m for m in sys.modules if m.startswith(("xml", "lab"))),
            "arguments": sys.argv,
        }}
        COUNT[0] += 1
        if {changes}:
            os.environ["COUNT"] = "1"
            os.chdir("/")
        folder = self.raw_dir / "found"
        folder.mkdir(exist_ok=True)
        (folder / f".{{step}} {{asset}}").write_text(json.dumps(found))
        (folder / f".{{step}} {{asset}}").rename(folder / f"{{step}} {{asset}}")
"""


def write(workspace, top="", process="pass", changes=True):
    source = PIPELINE.format(top=top, process=process, changes=changes)
    return workspace.write_pipeline(source)


def found(workspace, step, asset):
    """Return what a step has noted down."""
    path = workspace.raw_dir / "recorder" / "found" / f"{step} {asset}"
    return json.loads(path.read_text())


def is_alive(pid):
    return start_time(pid) is not None


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def sockets(pid):
    """Return the sockets of warm processes of one run."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"brainsets-{os.getuid()}"
    return list(folder.glob(f"{pid}-*"))


CLIENT = ROOT / "brainsets" / "warm" / "client.pl"


class Jobs:
    """The jobs of a run without Snakemake, in the place of whose process is another."""

    def __init__(self, workspace, folder, **source):
        self.workspace = workspace
        self.pipeline = write(workspace, **source)
        self.main = subprocess.Popen(["sleep", "600"])
        self.socket = folder / f"{self.main.pid}-{start_time(self.main.pid)}-x"
        self.environment = {**workspace.full_environment, "OMP_NUM_THREADS": "1"}
        self.client = CLIENT
        assert self.start("write_manifest", "").wait() == 0

    @property
    def folder(self):
        return self.workspace.folder()

    def start(self, rule, asset, timeout=None, **environment):
        """Start a job as Snakemake does."""
        step = {"timeout": timeout} if timeout else {}
        entry = {"pipeline": str(self.pipeline), rule.split("_")[0]: step}
        if not asset:
            entry.pop("write")
        settings = read_settings(
            {
                "raw_dir": str(self.workspace.raw_dir),
                "processed_dir": str(self.workspace.processed_dir),
                "brainsets": [entry],
            }
        )
        [brainset] = settings.brainsets.values()
        script = ROOT / "workflow" / "scripts" / f"{rule}.py"
        options = getattr(brainset, rule.split("_")[0], None)
        command = job_command(settings, script, brainset, asset, options)
        if asset and self.client:
            is_perl = self.client.suffix == ".pl"
            start = ["perl"] if is_perl else [sys.executable, "-I", "-S"]
            words = shlex.join([*start, str(self.client), str(self.socket)])
            command = f"exec {words} {command}"
        log = self.folder.log(rule, asset or None)
        log.parent.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            ["bash", "-c", f"{command} > {shlex.quote(str(log))} 2>&1"],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
        )

    def run(self, rule, asset, **options):
        """Run a job to its end; return its exit status and log."""
        status = self.start(rule, asset, **options).wait(timeout=60)
        return status, self.folder.log(rule, asset).read_text()

    def both(self, asset, **options):
        """Download and process an asset; return the log of the second step."""
        status, log = self.run("download_asset", asset)
        assert status == 0, log
        return self.run("process_asset", asset, **options)

    def found(self, step, asset):
        return found(self.workspace, step, asset)

    def wait_for_step(self, asset):
        """Wait until an asset is being processed; return the step's pid."""
        path = self.workspace.raw_dir / "recorder" / "found" / f"process {asset}"
        assert within(60, path.exists)
        return self.found("process", asset)["pid"]


@pytest.fixture
def jobs(workspace, tmp_path_factory):
    """Make jobs; afterwards their run is over."""
    made = []

    def make(**source):
        folder = tmp_path_factory.mktemp("sockets")
        folder.chmod(0o700)
        made.append(Jobs(workspace, folder, **source))
        return made[-1]

    yield make
    for one in made:
        one.main.kill()
        one.main.wait()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run, warm, of two brainsets of which one is cold."""
    workspace = Workspace(tmp_path_factory.mktemp("é run"))
    pipeline = write(workspace, process="import xml.dom")
    run = workspace.start(str(pipeline), warm=True)
    workspace.output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, workspace.output
    workspace.main = run.pid
    return workspace


STEPS = [(step, asset) for asset in "abcdefgh" for step in ("download", "process")]


def test_all_steps_of_a_run_are_forked_from_one_import(finished):
    notes = [found(finished, *step) for step in STEPS]
    assert len({note["imported_by"] for note in notes}) == 1
    pids = {note["pid"] for note in notes}
    assert len(pids) == len(STEPS)
    assert notes[0]["imported_by"] not in pids
    for step, asset in STEPS:
        log = finished.folder().log(f"{step}_asset", asset).read_text()
        assert ", warm" in log
        # As if each step had imported the pipeline itself.
        assert log.count("words of the import") == 1


def test_what_one_step_changes_no_other_step_sees(finished):
    notes = [found(finished, *step) for step in STEPS]
    [pipeline] = finished.root.glob("*/pipeline.py")
    for note in notes:
        assert note["count"] == 0 and note["environment"] is None
        assert note["folder"] == str(pipeline.parent)
        assert note["arguments"] == [str(pipeline)]


def test_unseeded_random_numbers_differ_between_steps(finished):
    for kind in (0, 1):
        numbers = {found(finished, *step)["random"][kind] for step in STEPS}
        assert len(numbers) == len(STEPS)


def test_warm_processes_end_with_their_run(finished):
    note = found(finished, "process", "a")
    assert within(60, lambda: not is_alive(note["imported_by"]))
    assert within(60, lambda: not is_alive(note["parent"]))
    assert within(60, lambda: not sockets(finished.main))


def test_sentinels_are_those_of_a_cold_run(finished, workspace):
    pipeline = write(workspace, process="import xml.dom")
    limited = [{"pipeline": str(pipeline), "limit": 1}]
    assert workspace.run(limited, warm=False).returncode == 0
    for state in ("DOWNLOADED", "DONE"):
        warm, cold = (one.sentinel("a", state) for one in (finished, workspace))
        assert warm.keys() == cold.keys()
        for key in ("versions", "outputs", "row", "code", "attempt", "status"):
            assert warm.get(key) == cold.get(key)


def test_warm_jobs_can_be_switched_off(workspace):
    limited = [{"pipeline": str(write(workspace)), "limit": 1}]
    assert workspace.run(limited, warm=False).returncode == 0
    for step in STEPS[:2]:
        note = found(workspace, *step)
        assert note["imported_by"] == note["pid"]
        log = workspace.folder().log(f"{step[0]}_asset", step[1]).read_text()
        assert "warm" not in log


@pytest.mark.parametrize("alone", [True, False])
def test_warm_process_ends_when_snakemake_is_killed(workspace, alone):
    wait = "while not (self.raw_dir / 'go').exists(): time.sleep(0.05)"
    limited = [{"pipeline": str(write(workspace, process=wait)), "limit": 1}]
    run = workspace.start(limited, warm=True)
    try:
        path = workspace.raw_dir / "recorder" / "found" / "process a"
        assert within(120, path.exists)
        note = found(workspace, "process", "a")
        assert note["imported_by"] != note["pid"]
    finally:
        (os.kill if alone else os.killpg)(run.pid, signal.SIGKILL)
        run.wait()
    assert within(60, lambda: not sockets(run.pid))
    if alone:
        # Its jobs go on, and so does what they need.
        assert is_alive(note["pid"])
        (workspace.raw_dir / "recorder" / "go").touch()
        assert within(60, lambda: workspace.sentinel("a", "DONE"))
    for pid in (note["pid"], note["parent"], note["imported_by"]):
        assert within(60, lambda: not is_alive(pid))


@pytest.mark.parametrize("client", [".pl", ".py"])
def test_either_client_tells_how_a_step_ended(jobs, client):
    made = jobs(process="assert asset != 'b'")
    made.client = CLIENT.with_suffix(client)
    status, log = made.both("a")
    assert status == 0 and ", warm" in log
    status, log = made.both("b")
    assert status == 1 and ", warm" in log and "AssertionError" in log
    assert made.found("process", "a")["parent"] == made.found("process", "b")["parent"]


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


DEATHS = {
    "os._exit(3)": "exit status 3",
    "os.kill(os.getpid(), signal.SIGKILL)": "killed by SIGKILL; out of memory?",
    "ctypes.string_at(0)": "killed by SIGSEGV",
    "sys.exit('cannot be used')": "cannot be used",
    "os.closerange(3, 256); time.sleep(0.1); os._exit(0)": "exit status 0",
}


def test_whatever_a_step_dies_of_the_next_one_is_forked(jobs):
    made = jobs(process="exec((self.raw_dir / 'statement').read_text())")
    path = made.workspace.raw_dir / "recorder" / "statement"
    for asset, (text, message) in zip("abcdefgh", DEATHS.items()):
        path.write_text(text)
        status, log = made.both(asset)
        failed = made.workspace.sentinel(asset, "FAILED")
        assert status == 1 and message in failed["attempts"][0]["message"], log
        assert ", warm" in log
    path.write_text("")
    status, log = made.both("h")
    assert status == 0 and ", warm" in log
    assert (
        made.found("process", "h")["imported_by"]
        == made.found("process", "a")["imported_by"]
    )


def test_what_is_left_open_is_whole(jobs):
    process = (
        "global text, data; text = open(self.processed_dir / 'left.txt', 'w'); "
        "text.write('x' * 1000); import h5py; "
        "data = h5py.File(self.processed_dir / 'left.h5', 'w'); data['x'] = [1, 2]; "
        "ctypes.CDLL(None).puts(b'words of a C library')"
    )
    made = jobs(process=process)
    status, log = made.both("a")
    assert status == 0, log
    assert (made.folder.root / "left.txt").read_text() == "x" * 1000
    with h5py.File(made.folder.root / "left.h5") as file:
        assert list(file["x"]) == [1, 2]
    assert "words of a C library" in log


def test_what_is_registered_for_the_end_of_a_step_is_done(jobs):
    top = "import atexit; atexit.register(lambda: print('good bye'))"
    made = jobs(top=top)
    status, log = made.both("a")
    assert status == 0 and ", warm" in log
    assert log.count("good bye") == 1


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


def test_random_numbers_seeded_by_the_import_are_those_of_a_cold_step(jobs):
    made = jobs(top="random.seed(7); np.random.seed(7)")
    for asset in "ab":
        _, log = made.both(asset)
        assert ", warm" in log
    made.client = None
    _, log = made.both("c")
    assert ", warm" not in log
    numbers = [made.found("process", asset)["random"] for asset in "abc"]
    assert numbers[0] == numbers[1] == numbers[2]


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


def test_job_with_another_environment_runs_in_it(jobs):
    made = jobs(process="print('colour', os.environ.get('COLOUR'))")
    assert ", warm" in made.both("a")[1]
    status, log = made.both("b", COLOUR="blue")
    assert status == 0 and "colour blue" in log
    assert "COLOUR in its environment is not that of other jobs" in log
    # Other than by its threads, where it has none.
    status, log = made.both("c", OMP_NUM_THREADS="0")
    assert status == 0 and ", warm" in log


def test_two_clients_at_once_start_one_warm_process(jobs):
    made = jobs()
    started = [made.start("download_asset", asset) for asset in "abcdef"]
    assert [one.wait(timeout=60) for one in started] == [0] * 6
    assert len({made.found("download", a)["imported_by"] for a in "abcdef"}) == 1


# A client on a machine so busy that something comes between two of its system calls.
BUSY_CLIENT = """
import _socket, runpy, sys, time

class Socket(_socket.socket):
    def listen(self, backlog):
        time.sleep(0.5)
        super().listen(backlog)

_socket.socket = Socket
runpy.run_path({client!r}, run_name="__main__")
"""


def test_socket_is_there_once_it_listens(jobs):
    made = jobs()
    client = str(CLIENT.with_suffix(".py"))
    made.client = made.workspace.root / "busy_client.py"
    made.client.write_text(BUSY_CLIENT.format(client=client), encoding="utf-8")
    started = [made.start("download_asset", asset) for asset in "abcd"]
    assert [job.wait(timeout=60) for job in started] == [0] * 4
    assert len({made.found("download", a)["imported_by"] for a in "abcd"}) == 1


@pytest.mark.parametrize("client", [".pl", ".py"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signal_to_a_job_stops_its_step(jobs, client, signum):
    made = jobs(process="print('started', flush=True); time.sleep(600)")
    made.client = CLIENT.with_suffix(client)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    step = made.wait_for_step("a")
    job.send_signal(signum)
    assert job.wait(timeout=60) in (128 + signum, -signum)
    assert within(60, lambda: not is_alive(step))
    assert made.workspace.sentinel("a", "DONE") is None
    assert made.workspace.sentinel("a", "RUNNING")
    if signum != signal.SIGKILL:
        log = made.folder.log("process_asset", "a").read_text()
        assert f"stopped by {signum.name}" in log


def test_program_that_leaves_its_group_ends_with_a_killed_job(jobs):
    process = (
        "script = 'while true; do echo x >> out; sleep 0.05; done'; "
        "subprocess.Popen(['sh', '-c', script], cwd=self.processed_dir, "
        "start_new_session=True); time.sleep(600)"
    )
    made = jobs(process=process)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    made.wait_for_step("a")
    out = made.folder.processed("a") / "out"
    assert within(60, out.exists)
    job.kill()
    job.wait()

    def is_quiet():
        size = out.stat().st_size
        time.sleep(0.3)
        return out.stat().st_size == size

    assert within(60, is_quiet)


def server_of(zygote):
    stat = Path(f"/proc/{zygote}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


WAIT = "time.sleep(0 if asset != 'a' else 2)"


def test_killed_server_costs_no_step(jobs):
    made = jobs(process=WAIT)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    made.wait_for_step("a")
    zygote = made.found("process", "a")["imported_by"]
    os.kill(server_of(zygote), signal.SIGKILL)
    assert job.wait(timeout=60) == 0
    assert made.workspace.sentinel("a", "DONE")
    status, log = made.both("b")
    assert status == 0 and "no warm process answers" in log
    assert within(60, lambda: not is_alive(zygote))


def test_killed_warm_process_is_told_and_steps_go_on_cold(jobs):
    made = jobs(process=WAIT)
    assert made.run("download_asset", "a")[0] == 0
    job = made.start("process_asset", "a")
    step = made.wait_for_step("a")
    os.kill(made.found("process", "a")["imported_by"], signal.SIGKILL)
    assert job.wait(timeout=60) == 1
    [attempt] = made.workspace.sentinel("a", "FAILED")["attempts"]
    assert "the warm process that had started it was killed" in attempt["message"]
    assert within(60, lambda: not is_alive(step))
    status, log = made.both("b")
    assert status == 0 and "it was killed" in log


def test_socket_is_for_this_user_alone(jobs):
    made = jobs()
    # A folder that does not exist yet is made.
    made.socket = made.socket.parent / "new" / made.socket.name
    assert ", warm" in made.both("a")[1]
    assert made.socket.parent.stat().st_mode & 0o777 == 0o700
    made.socket.parent.chmod(0o755)
    status, log = made.both("b")
    assert status == 0 and "is no folder of this user alone" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_somebody_else_is_not_served(jobs):
    made = jobs()
    assert made.both("a")[0] == 0
    # As open as it can be, so that the process itself has to refuse.
    made.socket.chmod(0o777)
    for parent in [made.socket.parent, *made.socket.parents]:
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "$SIG{PIPE} = 'IGNORE'; socket S, 1, 1, 0;"
        "connect S, pack 'S a*', 1, $ARGV[0] or exit 9; syswrite S, qq{1 0\\n};"
        "my $got = sysread S, $b, 9; exit($got ? 1 : 0)"
    )
    command = ["perl", "-e", script, str(made.socket)]
    assert subprocess.run(command, user=65534).returncode == 0
    made.socket.parent.chmod(0o700)
    assert ", warm" in made.both("b")[1]
