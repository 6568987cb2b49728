"""What imports depend on is noticed when a step changes it; ordinary work is not."""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainsets.jobs.surroundings import Surroundings

HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def change(do, packages=None):
    """Do something in a process that was forked; return what is noticed of it."""
    surroundings = Surroundings(HERE)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
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


CHANGES = {
    "os.unsetenv": set_and_unset,
    "os.chdir": there_and_back,
    "sys.path": lambda: sys.path.append("/somewhere"),
    "sys.argv": lambda: sys.argv.append("--fast"),
    "the umask": lambda: os.umask(0o777),
    "filters of warnings": lambda: warnings.simplefilter("error"),
    "numpy.seterr": lambda: np.seterr(all="raise"),
    "settings of pandas": lambda: pd.set_option("display.max_rows", 7),
    "an attribute in json": lambda: setattr(json, "dump", len),
    "an attribute in pandas": lambda: setattr(pd.DataFrame, "to_csv", len),
}


@LINUX
@pytest.mark.parametrize("name", CHANGES)
def test_what_imports_may_depend_on_is_noticed(name):
    assert change(CHANGES[name]).startswith(name)


def work():
    import xml.dom.minidom

    frame = pd.DataFrame({"a": np.arange(3)})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.log(frame.to_numpy() - 5)
    xml.dom.minidom.parseString(frame.to_xml(parser="etree"))
    json.loads(frame.to_json())


def test_ordinary_work_is_no_change():
    assert change(work) is None


def test_packages_that_do_not_matter_are_not_looked_at():
    assert change(CHANGES["an attribute in json"], ["pandas"]) is None
    assert change(CHANGES["settings of pandas"], ["pandas"]) == "settings of pandas"
