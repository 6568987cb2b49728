"""Code that is edited while a run goes on is not taken for the planned one."""

import time

import pytest

from tests.helpers.small_pipeline import data, write


def test_code_edited_during_the_run_is_not_taken_for_the_planned_one(workspace):
    body = """
    VALUE = 1
    def process(self, row):
        time.sleep(3)
        (self.processed_dir / "a.txt").write_text(str(self.VALUE))
"""
    pipeline = write(workspace, body)
    planned = pipeline.read_text()
    run = workspace.start(str(pipeline))
    deadline = time.monotonic() + 60
    while not workspace.folder().sentinel("a", "RUNNING").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pipeline.write_text(planned.replace("VALUE = 1", "VALUE = 2"))
    assert run.wait(timeout=60) == 0
    pipeline.write_text(planned)
    before = data(workspace)
    again = workspace.run(str(pipeline), display="snakemake")
    assert ": process recorder a (pipeline code changed)" in again.stdout
    assert data(workspace) == {"a.txt": "1"}, before


@pytest.mark.parametrize("more", [{}, {"warm": False}, {"batch_size": 2}], ids=str)
def test_an_edit_that_stays_is_applied_to_what_ran_meanwhile(workspace, more):
    """What was imported before the edit must not count as made by the edited code."""
    body = """
    assets = ["a", "b"]
    VALUE = 1
    def process(self, row):
        (self.raw_dir / f"started {row.Index}").touch()
        while not (self.raw_dir / "go").exists():
            time.sleep(0.05)
        (self.processed_dir / f"{row.Index}.txt").write_text(str(self.VALUE))
"""
    pipeline = write(workspace, body)
    run = workspace.start(str(pipeline), cores=1, **more)
    raw = workspace.raw_dir / "recorder"
    deadline = time.monotonic() + 60
    while not list(raw.glob("started *")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pipeline.write_text(pipeline.read_text().replace("VALUE = 1", "VALUE = 2"))
    (raw / "go").touch()
    assert run.wait(timeout=60) == 0
    assert "1" in data(workspace).values()
    workspace.run(str(pipeline), **more)
    assert data(workspace) == {"a.txt": "2", "b.txt": "2"}
    assert "Nothing to be done" in workspace.run(str(pipeline), **more).stdout


def test_code_edited_before_a_step_and_mended_within_it_is_noticed(workspace):
    """The step imports the edit, and no trace of it is left when the step ends."""
    body = """
    assets = ["a", "b"]
    VALUE = 1
    def process(self, row):
        (self.raw_dir / f"started {row.Index}").touch()
        while not (self.raw_dir / f"go {row.Index}").exists():
            time.sleep(0.05)
        (self.processed_dir / f"{row.Index}.txt").write_text(str(self.VALUE))
"""
    pipeline = write(workspace, body)
    planned = pipeline.read_text()
    raw = workspace.raw_dir / "recorder"

    def wait_for_start(number):
        deadline = time.monotonic() + 60
        while len(list(raw.glob("started *"))) < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return {path.name.split()[-1] for path in raw.glob("started *")}

    run = workspace.start(str(pipeline), cores=1)
    [first] = wait_for_start(1)
    # The second step starts with the edit, and ends without it.
    pipeline.write_text(planned.replace("VALUE = 1", "VALUE = 2"))
    pipeline.touch()
    (raw / f"go {first}").touch()
    [second] = wait_for_start(2) - {first}
    pipeline.write_text(planned)
    (raw / f"go {second}").touch()
    assert run.wait(timeout=60) == 0
    assert data(workspace)[f"{second}.txt"] == "2"
    again = workspace.run(str(pipeline), display="snakemake")
    assert f": process recorder {second} (pipeline code changed)" in again.stdout
    assert data(workspace) == {"a.txt": "1", "b.txt": "1"}


@pytest.mark.parametrize("more", [{}, {"warm": False}], ids=str)
def test_an_edit_of_what_is_imported_from_elsewhere_is_noticed(workspace, more):
    """A base class next door, and a module that only process imports."""
    body = """
    @staticmethod
    def lab():
        return str(Path(__file__).parent.parent / "lab")
    def process(self, row):
        from late import LATE
        (self.processed_dir / "a.txt").write_text(f"{lab_base.VALUE} {LATE}")
"""
    pipeline = write(workspace, body)
    lines = 'from pathlib import Path\nsys.path.insert(0, "../lab")\nimport lab_base\n'
    source = pipeline.read_text().replace("class Base", f"{lines}class Base", 1)
    pipeline.write_text(source)
    lab = pipeline.parent.parent / "lab"
    lab.mkdir()
    base, late = lab / "lab_base.py", lab / "late.py"
    base.write_text("VALUE = 1\n")
    late.write_text("LATE = 1\n")
    assert workspace.run(str(pipeline), **more).returncode == 0
    assert data(workspace) == {"a.txt": "1 1"}
    imported = workspace.sentinel("a", "DONE")["imported"]
    assert set(imported) == {str(base), str(late)}
    late.write_text("LATE = 1  # one\n")
    assert "Nothing to be done" in workspace.run(str(pipeline), **more).stdout
    late.write_text("LATE = 2\n")
    again = workspace.run(str(pipeline), display="snakemake", **more)
    assert ": process recorder a (pipeline code changed)" in again.stdout
    assert data(workspace) == {"a.txt": "1 2"}
    base.write_text("VALUE = 2\n")
    workspace.run(str(pipeline), **more)
    assert data(workspace) == {"a.txt": "2 2"}
    assert "Nothing to be done" in workspace.run(str(pipeline), **more).stdout
