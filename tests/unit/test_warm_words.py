"""Where jobs look for their warm process, and how the end of a run is noticed."""

import os
import subprocess
import sys
import tempfile
import time

import pytest

from brainsets.planning import command_lines
from brainsets.shared import sockets
from brainsets.shared.processes import start_time
from brainsets.warm.server import _remove_leftovers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def words(things=("pipeline.py", 1)):
    return command_lines.client_words("/env/bin/python", "mine", things)


def test_socket_is_that_of_this_process_user_and_brainset():
    path = words()[-1]
    folder, name = os.path.split(path)
    assert os.path.basename(folder) == f"brainsets-{os.getuid()}"
    assert name.startswith(f"{os.getpid()}-{start_time(os.getpid())}-")
    assert words() == words() and path != words(("pipeline.py", 2))[-1]


def test_temporary_folder_with_a_long_name_is_not_used(monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/" + "é" * 50)
    assert words()[-1].startswith(f"{sockets.SHORT_FOLDER}/brainsets-")


@pytest.mark.parametrize("what", ["file", "link", "open to others", "of another user"])
def test_what_has_the_name_of_the_folder_is_left_alone(monkeypatch, tmp_path, what):
    monkeypatch.setattr(sockets, "_MAX_PATH_BYTES", 1000)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"brainsets-{os.getuid()}"
    if what == "file":
        folder.touch()
    elif what == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir(mode=0o755 if what == "open to others" else 0o700)
    if what == "of another user":
        if os.getuid():
            pytest.skip("only root can give a folder to somebody else")
        os.chown(folder, 65534, 65534)
    assert os.path.dirname(words()[-1]) == f"{folder}-1"
    assert not os.path.lexists(f"{folder}-1")


def test_python_does_what_perl_would_do(monkeypatch):
    monkeypatch.setattr(command_lines, "_perl", lambda: None)
    assert words()[1:4] == ["/env/bin/python", "-I", "-S"]
    monkeypatch.setattr(command_lines, "_perl", lambda: "/usr/bin/perl")
    assert words()[1] == "/usr/bin/perl"


def test_other_systems_have_no_warm_processes(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert words() == []


def test_a_process_has_a_start_until_it_has_ended(tmp_path):
    program = tmp_path / "a ) R 1"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    started = start_time(process.pid)
    assert started >= start_time(os.getpid())
    process.kill()
    # It has ended once it waits to be asked how.
    end = time.monotonic() + 10
    while start_time(process.pid) is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.wait()
    assert start_time(process.pid) is None


def test_odd_names_beside_the_sockets_of_warm_processes_are_borne(tmp_path):
    for name in ("a-b-c", "1-2-3-4", "x--", "999999999-١-d", "-1-2-3", "5-6-new"):
        (tmp_path / name).touch()
    (tmp_path / "4194305-1-folder").mkdir()
    _remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert {"a-b-c", "x--", "-1-2-3", "4194305-1-folder"} <= left
    assert "5-6-new" not in left
