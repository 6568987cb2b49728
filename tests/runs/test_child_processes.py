"""Programs that a step starts end with it, and leave the workflow's own alone."""

import json
import os
import signal
import time

import pytest

from brainsets.shared.processes import start_time
from tests.helpers.small_pipeline import data, write


def test_program_in_a_session_of_its_own_ends_with_its_step(workspace):
    body = """
    def process(self, row):
        script = "while true; do echo x >> out.txt; sleep 0.05; done"
        subprocess.Popen(["sh", "-c", script], cwd=self.processed_dir,
                         start_new_session=True)
        time.sleep(0.5)
        if (self.raw_dir / "wait").exists():
            time.sleep(600)
"""
    pipeline = write(workspace, body)
    assert workspace.run(str(pipeline)).returncode == 0
    size = len(data(workspace)["out.txt"])
    assert workspace.sentinel("a", "DONE")["outputs"][0]["bytes"] == size
    time.sleep(0.3)
    assert len(data(workspace)["out.txt"]) == size
    # And where everything is killed in the middle.
    (workspace.raw_dir / "recorder" / "wait").touch()
    run = workspace.start(str(pipeline), "--forcerun", "process_asset")
    partial = workspace.folder().processed("a") / "out.txt"
    deadline = time.monotonic() + 60
    while not partial.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    time.sleep(0.5)
    size = partial.stat().st_size
    time.sleep(0.3)
    assert partial.stat().st_size == size


HELPERS = """
def cube(number):
    return number**3
"""
SPAWNING = """
    def process(self, row):
        import json
        import multiprocessing as mp
        import tempfile
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing.forkserver import _forkserver
        from multiprocessing.resource_tracker import _resource_tracker
        from helpers import cube

        folder = tempfile.mkdtemp(dir=self.raw_dir)
        os.chdir(folder)
        found = {}
        for how in ("fork", "spawn", "forkserver"):
            with mp.get_context(how).Pool(2) as pool:
                found[how] = [
                    pool.map_async(square, [1, 2, 3]).get(timeout=100),
                    pool.map_async(cube, [1, 2, 3]).get(timeout=100),
                    {pool.apply_async(os.getcwd).get(timeout=100)} == {folder},
                    pool.apply_async(of_module, [Holder(4)]).get(timeout=100),
                ]
        with ProcessPoolExecutor(2, mp_context=mp.get_context("spawn")) as pool:
            found["executor"] = list(pool.map(square, [1, 2, 3], timeout=100))
        alone = mp.get_context("spawn").Process(target=time.sleep, args=[600])
        alone.daemon = True
        alone.start()
        found["pids"] = [_forkserver._forkserver_pid, _resource_tracker._pid, alone.pid]
        (self.processed_dir / "a.json").write_text(json.dumps(found))


def square(number):
    return number**2


class Holder:
    def __init__(self, value):
        self.value = value


def of_module(holder):
    return [holder.value, type(holder).__module__, __name__]
"""


@pytest.mark.parametrize("warm", [True, False])
def test_spawned_processes_find_the_functions_of_a_pipeline(workspace, warm):
    pipeline = write(workspace, SPAWNING)
    (pipeline.parent / "helpers.py").write_text(HELPERS)
    run = workspace.run(str(pipeline), warm=warm)
    assert run.returncode == 0, workspace.folder().log("process_asset", "a").read_text()
    found = json.loads(data(workspace)["a.json"])
    for pid in found.pop("pids"):
        assert start_time(pid) is None
    module = ["pipeline_module"] * 2
    expected = [[1, 4, 9], [1, 8, 27], True, [4, *module]]
    ways = dict.fromkeys(("fork", "spawn", "forkserver"), expected)
    assert found == {**ways, "executor": [1, 4, 9]}
