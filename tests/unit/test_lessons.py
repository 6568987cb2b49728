"""Which imports of a step others learn, and who serves its kind of step then."""

import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from brainsets.jobs.code import imported_modules as modules
from brainsets.supervision.child import RunAgain
from brainsets.warm.preload import Succession, imported_by_step
from brainsets.warm.zygote import _Zygote


def forget(monkeypatch):
    """Have what is remembered of modules be put back after a test."""
    for name in ("_known", "_known_packages", "_known_versions"):
        monkeypatch.setattr(modules, name, getattr(modules, name))


def test_parts_of_installed_packages_are_learned_and_whole_ones_where_asked_for(
    monkeypatch, tmp_path
):
    installed = Path(sysconfig.get_paths()["purelib"])
    files = {
        "lab_there": installed / "lab_there" / "__init__.py",
        "lab_there.part": installed / "lab_there" / "part.py",
        "lab_whole": installed / "lab_whole.py",
        "lab_own": tmp_path / "lab_own.py",
    }
    forget(monkeypatch)
    for number, (name, file) in enumerate(files.items()):
        module = ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
        if number == 0:
            modules.remember_modules()
    assert imported_by_step(whole_packages=False) == ["lab_there.part"]
    assert imported_by_step(whole_packages=True) == ["lab_there.part", "lab_whole"]


@pytest.mark.parametrize("ending", [None, ValueError, SystemExit, KeyboardInterrupt])
def test_whatever_the_end_of_a_step_it_is_not_believed_after_a_change(ending):
    zygote, told = _Zygote(SimpleNamespace(pipeline=Path("/x/y.py")), {}, -1, -1), []
    zygote._preloaded = {"lab"}
    zygote._surroundings = SimpleNamespace(
        watch=lambda: None, change=lambda packages: "a change"
    )
    zygote._send_imports = lambda *lesson: told.append(lesson)

    def step():
        if ending is not None:
            raise ending

    with pytest.raises(RunAgain, match="a change"):
        zygote._run_checked("process", step)
    assert told == [("process", None)]


def test_a_kind_of_step_is_taken_back_when_its_successor_ends():
    succession = Succession(["process", "inspect"])
    ours, theirs = succession.new_tie("process")
    succession.ties[ours] = "process"
    assert not succession.may_start("process") and succession.may_start("inspect")
    os.write(theirs, b".")
    succession.hear(ours)
    assert succession.is_served_elsewhere("process")
    os.close(theirs)
    succession.hear(ours)
    # It has had a reason: there is no other one.
    assert not succession.is_served_elsewhere("process")
    assert not succession.may_start("process") and succession.may_start("inspect")


def test_what_a_zygote_imports_itself_is_told_once_by_its_steps(monkeypatch):
    forget(monkeypatch)
    modules.remember_modules()
    monkeypatch.setitem(sys.modules, "lab_own", ModuleType("lab_own"))
    assert modules.imported_since() == ["lab_own"]
    zygote = _Zygote(SimpleNamespace(pipeline=Path("/x/y.py")), {"inspect": None}, 0, 0)
    zygote._start_successor("inspect", ["lab_own"])
    assert modules.imported_since() == []
