"""What tests of whole runs are given: a brainset that is done, and warm jobs."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.helpers.reruns import ASSETS
from tests.helpers.warm_jobs import Jobs
from tests.helpers.workspace import Workspace


@pytest.fixture(scope="module")
def prepared():
    """A brainset of three assets, all DONE, and a copy of all of its folder."""
    with TemporaryDirectory(prefix="brains é ", ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder) / "here")
        pipeline = workspace.copy_pipeline("recorder")
        workspace.write_rows([{"id": asset} for asset in ASSETS])
        run = workspace.run(str(pipeline))
        assert run.returncode == 0, run.stdout
        workspace.events()
        shutil.copytree(workspace.root, workspace.root.with_name("copy"), symlinks=True)
        yield workspace.root


@pytest.fixture
def done(prepared):
    """A brainset of three assets, all DONE, at the path where they were made."""
    # The last run may still tidy up: first its folder goes away, at once.
    with TemporaryDirectory(dir=prepared.parent, ignore_cleanup_errors=True) as past:
        prepared.rename(Path(past) / "here")
    shutil.copytree(prepared.with_name("copy"), prepared, symlinks=True)
    workspace = Workspace(prepared)
    workspace.pipeline = workspace.root / "pipeline of recorder" / "pipeline.py"
    return workspace


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
