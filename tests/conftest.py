"""What tests of all folders are given, and how hypothesis makes its examples."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest

from tests.helpers.workspace import SHARED_DATA, Workspace

# A busy machine is no failure; and where people wait for a verdict on a change, the
# examples are the same each time.
hypothesis.settings.register_profile(
    "here",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("here")

# A shell that runs the tests in the background has what it starts ignore Ctrl-C, and so
# would all that the tests start; runs of people do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config):
    """Whole runs of Snakemake wait as long as they compute: two for each core."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.fixture
def workspace():
    root = Path(tempfile.mkdtemp(prefix="brains é "))
    yield Workspace(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def module_workspace():
    """A workspace for runs that all tests of a module look at."""
    root = Path(tempfile.mkdtemp(prefix="brains é "))
    yield Workspace(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def recorder(workspace):
    """A workspace whose pipeline is the recorder."""
    workspace.pipeline = workspace.copy_pipeline("recorder")
    return workspace


@pytest.fixture
def shared_data():
    """The folder of real recordings; not part of a clone."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    return SHARED_DATA


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """What came of preparing both datasets of PhysioNet."""
    from tests.helpers.physionet_story import told_story

    return told_story(tmp_path_factory)
