"""Programs that a step starts end with it, and leave the workflow's own alone."""

import os
import signal
import time

from small_pipeline import data, write


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
    partial = workspace.folder().staging("a") / "out.txt"
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


def test_processes_that_a_pipeline_spawns_do_not_run_the_wrapper(workspace):
    body = """
    def process(self, row):
        import math, multiprocessing
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            roots = pool.map_async(math.sqrt, [1, 4, 9]).get(timeout=60)
        (self.processed_dir / "a.txt").write_text(str(roots))
"""
    run = workspace.run(str(write(workspace, body)))
    assert run.returncode == 0, workspace.folder().log("process_asset", "a").read_text()
    assert data(workspace) == {"a.txt": "[1.0, 2.0, 3.0]"}
