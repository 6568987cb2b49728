"""What imports depend on is noticed when a step changes it; ordinary work is not."""

import ctypes
import decimal
import gc
import json
import locale
import os
import random
import re
import socket
import sys
import threading
import warnings
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from brainsets.warm.state_changes import Surroundings, random_states

VARIABLE = ContextVar("VARIABLE")
HERE = Path(__file__).parent
OTHER_LOCALE = "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"
LAB = sys.modules.setdefault("lab_notes", ModuleType("lab_notes"))
LAB.STEPS, LAB.TABLE = ["a", "b"], {"x": np.zeros(2)}
PYTEST = (
    "_pytest",
    "pluggy",
    "xdist",
    "execnet",
    "hypothesis",
    "_hypothesis_pytestplugin",
)


class Settings:
    mode = "usual"

    def __init__(self):
        self.table = {"x": [["usual"]]}


class Options(dict):
    """Settles what it is when it is asked, as those of matplotlib do."""

    def __iter__(self):
        return super().__iter__()

    def __getitem__(self, key):
        self.was_asked = True
        return super().__getitem__(key)


LAB.__path__, LAB.__all__, LAB.__config__ = ["/lab"], ["STEPS"], {"mode": "usual"}
LAB.OPTIONS = Options(backend="auto")
LAB.SETTINGS, LAB.NAMES, LAB.LOCAL = Settings(), {"usual"}, threading.local()
LAB.LOCAL.mode = "usual"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def change(do, packages=None, read=()):
    """Do something in a process that was forked; return what is noticed of it."""
    # Hypothesis, which other tests use, counts the time that it takes.
    gc.disable()
    surroundings = Surroundings(HERE, read)
    for package in PYTEST:
        surroundings._contents.pop(package, None)
    reading, writing = os.pipe()
    pid = os.fork()
    gc.enable()
    if pid == 0:
        gc.disable()
        try:
            surroundings.watch()
            do()
            os.write(writing, json.dumps(surroundings.change(packages)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with open(reading) as file:
        return json.loads(file.read())


def set_and_unset():
    os.environ["LAB_FLAVOUR"] = "x"
    del os.environ["LAB_FLAVOUR"]


def there_and_back():
    folder = os.getcwd()
    os.chdir("/")
    os.chdir(folder)


def another(name):
    """Return a module that has all that another one has."""
    module = ModuleType(name)
    vars(module).update(vars(sys.modules[name]))
    return module


def one_for_two():
    del sys.modules["lab_notes"]
    sys.modules |= {"json.more": another("json"), "json.most": another("json")}


def gone_and_back():
    sys.modules["lab_notes"] = sys.modules.pop("lab_notes")


CHANGES = {
    "os.unsetenv": set_and_unset,
    "os.chdir": there_and_back,
    "sys.path": lambda: sys.path.append("/somewhere"),
    "sys.meta_path": lambda: sys.meta_path.append(object()),
    "sys.argv": lambda: sys.argv.append("--fast"),
    "the working folder": lambda: ctypes.CDLL(None).chdir(b"/"),
    "the umask": lambda: os.umask(0o777),
    "the locale": lambda: locale.setlocale(locale.LC_ALL, OTHER_LOCALE),
    "filters of warnings": lambda: warnings.simplefilter("error"),
    "numpy.seterr": lambda: np.seterr(all="raise"),
    "numpy.set_printoptions": lambda: np.set_printoptions(precision=3),
    "settings of pandas": lambda: pd.set_option("display.max_rows", 7),
    "settings of lab_notes": lambda: LAB.STEPS.reverse(),
    "settings of lab_notes, compared to arrays": lambda: LAB.TABLE.update(x=np.ones(2)),
    "settings of lab_notes, a name that has come": lambda: LAB.TABLE.update(mode="x"),
    "settings of lab_notes, a text that has come": lambda: LAB.STEPS.append("c"),
    "settings of lab_notes, a member": lambda: LAB.NAMES.add("x"),
    "settings of lab_notes, on an object": lambda: setattr(LAB.SETTINGS, "mode", "x"),
    "settings of lab_notes, of a thread": lambda: setattr(LAB.LOCAL, "mode", "x"),
    "settings of lab_notes, deep": lambda: LAB.SETTINGS.table["x"][0].append("x"),
    "settings of lab_notes, where its parts are": lambda: LAB.__path__.append("/other"),
    "settings of lab_notes, what a star means": lambda: LAB.__all__.append("TABLE"),
    "settings of lab_notes, under a name of Python's": lambda: LAB.__config__.update(
        mode="x"
    ),
    "settings of pandas, deep": lambda: pd.set_option(
        "io.excel.xlsx.reader", "openpyxl"
    ),
    "an attribute in lab_notes": lambda: setattr(LAB, "MODE", "x"),
    "sys.modules": lambda: sys.modules.update(lab_gpu=ModuleType("lab_gpu")),
    "sys.modules, hidden": lambda: sys.modules.update(lab_gpu=None),
    "sys.modules, gone": lambda: sys.modules.pop("lab_notes"),
    "sys.modules, gone, and others have come": one_for_two,
    "sys.modules, exchanged": lambda: sys.modules.update(lab_notes=another("json")),
    "the limit of recursion": lambda: sys.setrecursionlimit(12345),
    "the cores": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "variables of the context": lambda: VARIABLE.set("x"),
    "the context of decimal": lambda: setattr(decimal.getcontext(), "prec", 5),
    "the time-out of sockets": lambda: socket.setdefaulttimeout(5),
    "an attribute in json": lambda: setattr(json, "dump", len),
    "an attribute in pandas": lambda: setattr(pd.DataFrame, "to_csv", len),
}


@LINUX
@pytest.mark.parametrize("name", CHANGES)
def test_what_imports_may_depend_on_is_noticed(name):
    assert change(CHANGES[name]).startswith(name.partition(",")[0])


def work():
    import xml.dom.minidom

    frame = pd.DataFrame({"a": np.arange(3)})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.log(frame.to_numpy() - 5)
    xml.dom.minidom.parseString(frame.to_xml(parser="etree"))
    json.loads(frame.to_json())
    # A cache of Python, and what the pipeline's own modules hold.
    re.purge()
    CHANGES.clear()


def test_to_remember_settings_asks_for_none():
    Surroundings(HERE)
    assert not hasattr(LAB.OPTIONS, "was_asked")
    assert change(lambda: dict.update(LAB.OPTIONS, backend="agg")) == (
        "settings of lab_notes"
    )


@pytest.mark.parametrize("do", [work, gone_and_back])
def test_ordinary_work_is_no_change(do):
    assert change(do) is None


def test_attributes_of_packages_that_do_not_matter_are_not_looked_at():
    assert change(CHANGES["an attribute in json"], ["pandas"]) is None
    assert change(CHANGES["settings of pandas"], ["json"]) == "settings of pandas"


def test_drawing_random_numbers_is_noticed():
    before = random_states()
    assert random_states() == before
    random.random()
    middle = random_states()
    np.random.rand()
    assert before != middle != random_states()


@LINUX
@pytest.mark.parametrize("before", ["usual", None])
def test_a_file_that_was_read_and_has_changed_is_noticed(tmp_path, before):
    path = tmp_path / "settings"
    if before:
        path.write_text(before)
    assert change(lambda: None, read=[str(path)]) is None
    assert change(lambda: path.write_text("other"), read=[str(path)]) == str(path)
