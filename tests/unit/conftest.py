"""What tests of several modules of this folder are given."""

import pytest

from tests.helpers.supervised_scripts import Script

PIPELINE = """class Pipeline:
    brainset_id = "{}"
"""


@pytest.fixture
def recording(tmp_path):
    """A file as download leaves one among the raw data."""
    path = tmp_path / "raw" / "recording.edf"
    path.parent.mkdir()
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture
def unhurried(monkeypatch):
    """Let nobody wait, and let no proxy of this machine come between."""
    monkeypatch.setenv("BRAINSETS_RETRY_WAIT_S", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def path(tmp_path):
    """Where a download is to put its file."""
    return tmp_path / "raw" / "a.edf"


@pytest.fixture
def start(tmp_path):
    """Start scripts; whatever is left of them is ended afterwards."""
    started = []

    def start(body, before=""):
        script = Script(tmp_path, body, before)
        started.append(script)
        return script

    yield start
    for script in started:
        script.process.kill()
        script.process.wait()
        script.process.stdout.close()
        script.process.stderr.close()


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working folder with pipelines in ``p``."""
    folders = {"one": "one_2020", "two": "two_2020", "upper": "One_2020"}
    folders |= {"same": "one_2020", "bad": "a/b"}
    for folder, brainset in folders.items():
        (tmp_path / "p" / folder).mkdir(parents=True)
        (tmp_path / "p" / folder / "pipeline.py").write_text(PIPELINE.format(brainset))
    (tmp_path / "p" / "empty").mkdir()
    (tmp_path / "p" / "none").mkdir()
    (tmp_path / "p" / "none" / "pipeline.py").write_text("class Pipeline: pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path
