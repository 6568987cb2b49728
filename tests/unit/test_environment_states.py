"""When an environment counts as built, whatever was left in its place."""

import json
import subprocess
import sys
import time

import pytest

from brainsets.shared.folders import BrainsetFolder
from brainsets.sources import environments
from brainsets.sources.environments import build_environment, is_built, is_replaced
from brainsets.sources.pipeline_file import PipelineSource

PIPELINE = """# /// brainset-pipeline
# dependencies = ["six"]
# ///
class Pipeline:
    brainset_id = "isolated"
"""
# Holds the lock of an asset, as a step does that goes on for a run that was killed.
STEP = """
import sys, time
from pathlib import Path
from brainsets.shared.locks import {lock}
assert {lock}(Path(sys.argv[1]), {asset} wait=False)
print("locked", flush=True)
sys.stdin.read()
{end}
"""


@pytest.fixture
def folder(tmp_path):
    folder = BrainsetFolder(tmp_path / "isolated")
    python = environments.interpreter(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    folder.environment_ready.write_text('{"key": "k1"}')
    return folder


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "pipeline.py"
    path.write_text(PIPELINE)
    return PipelineSource(path)


@pytest.fixture
def ran(folder, monkeypatch):
    """What uv was asked for; the interpreter comes with its environment."""
    asked = []

    def uv(arguments, failing):
        if arguments[0] == "venv":
            python = environments.interpreter(folder)
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        asked.append(arguments[0])
        return ""

    monkeypatch.setattr(environments, "_uv", uv)
    return asked


def test_an_environment_of_the_same_key_is_built(folder):
    assert is_built(folder, "k1") and not is_replaced(folder, "k1")
    assert not is_built(folder, "k2") and is_replaced(folder, "k2")


@pytest.mark.parametrize(
    "content", ["", "garbage", "[]", "null", '"k1"', "{}", '{"key": ["k1"]}', "\udcff"]
)
def test_what_cannot_be_read_is_not_built(folder, content):
    folder.environment_ready.write_bytes(content.encode(errors="surrogateescape"))
    assert not is_built(folder, "k1") and is_replaced(folder, "k1")
    environments.withdraw(folder)
    assert not folder.environment_ready.exists()


def test_a_folder_or_link_in_its_place_is_taken_away_and_not_followed(folder, tmp_path):
    ready = folder.environment_ready
    ready.unlink()
    (ready / "inner").mkdir(parents=True)
    assert not is_built(folder, "k1")
    environments.withdraw(folder)
    ready.symlink_to(tmp_path / "nowhere")
    assert not is_built(folder, "k1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    ready.unlink()
    ready.symlink_to(elsewhere)
    environments.withdraw(folder)
    assert not ready.is_symlink() and elsewhere.read_text() == "somebody's"
    environments.withdraw(folder)


def test_a_file_in_place_of_the_folder_is_taken_away(tmp_path):
    folder = BrainsetFolder(tmp_path / "isolated")
    folder.workflow.mkdir(parents=True)
    for make in (
        lambda: folder.environment.write_text("x"),
        lambda: folder.environment.symlink_to(tmp_path / "nowhere"),
    ):
        make()
        assert not is_built(folder, "k1") and not is_replaced(folder, "k1")
        environments.withdraw(folder)
        folder.environment_ready.parent.mkdir()
        folder.environment.rmdir()


def test_data_from_another_machine_have_none_and_need_none(folder):
    environments.interpreter(folder).unlink()
    environments.interpreter(folder).symlink_to("/no/such/python")
    for key in ("k1", "k2"):
        assert not is_built(folder, key) and not is_replaced(folder, key)


def test_building_removes_the_claim_first(folder, source, ran, monkeypatch):
    def removed(path):
        assert not folder.environment_ready.exists()
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(environments.shutil, "rmtree", removed)
    with pytest.raises(environments.EnvironmentBuildError, match="remove it and run"):
        build_environment(source, folder)
    assert not is_built(folder, source.environment_key)


@pytest.mark.parametrize("kind", ["step", "list", "builder"])
def test_a_builder_waits_for_what_a_killed_run_has_left(
    folder, source, ran, kind, capsys
):
    """And takes over what another builder has finished meanwhile."""
    lock = {"step": "lock_asset", "list": "lock_listing", "builder": "lock_building"}
    end = ""
    if kind == "builder":
        record = json.dumps({"key": source.environment_key})
        end = f"Path({str(folder.environment_ready)!r}).write_text({record!r})"
    code = STEP.format(lock=lock[kind], asset='"a",' if kind == "step" else "", end=end)
    left = subprocess.Popen(
        [sys.executable, "-c", code, folder.lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert left.stdout.readline() == b"locked\n"
    # Ends by itself while the builder waits.
    subprocess.Popen(["sleep", "0.5"], stdout=left.stdin)
    left.stdin.close()
    began = time.monotonic()
    build_environment(source, folder)
    assert time.monotonic() - began > 0.2
    assert "waiting for an earlier run's job" in capsys.readouterr().out
    assert is_built(folder, source.environment_key)
    assert bool(ran) == (kind != "builder")
    left.wait()
