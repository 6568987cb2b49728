"""Steps that are forked from a warm process do what steps of a cold interpreter do."""

import h5py
import pytest

from tests.helpers.waiting import within
from tests.helpers.warm_jobs import ONLY_ON_LINUX, found, is_alive, sockets, write
from tests.helpers.workspace import Workspace

pytestmark = ONLY_ON_LINUX


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


def test_job_with_another_environment_runs_in_it(jobs):
    made = jobs(process="print('colour', os.environ.get('COLOUR'))")
    assert ", warm" in made.both("a")[1]
    status, log = made.both("b", COLOUR="blue")
    assert status == 0 and "colour blue" in log
    assert "COLOUR in its environment is not that of other jobs" in log
    # Other than by its threads, where it has none.
    status, log = made.both("c", OMP_NUM_THREADS="0")
    assert status == 0 and ", warm" in log
