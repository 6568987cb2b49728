"""The workflow as somebody has installed it: from a wheel, in a read-only folder.

`.ci/run` builds the wheel and says in WHEEL where it is; by hand:

    python -m build && WHEEL=$(ls dist/*.whl) python -m pytest tests/installed
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

UV = find_uv_bin()
WHEEL = os.environ.get("WHEEL")


def without_rights(command):
    """Return a command to which permissions of files apply, also for root."""
    if os.geteuid() or shutil.which("setpriv") is None:
        return command
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", *command]


class Installation:
    """A virtual environment with the wheel in it, which nobody can write to."""

    def __init__(self, root, *more):
        self.root, self.home = root / "environment", root / "home"
        self.home.mkdir()
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run([UV, "venv", "-q", "-p", python, self.root], check=True)
        install = [UV, "pip", "install", "-q", "-p", self.root / "bin/python"]
        subprocess.run([*install, WHEEL, *more], check=True)
        [site] = self.root.glob("lib/python*/site-packages")
        self.package = site / "brainsets_workflow"
        self._set_writable(False)

    def _set_writable(self, is_writable):
        for folder, _, files in os.walk(self.root):
            for path in (folder, *(f"{folder}/{name}" for name in files)):
                if not os.path.islink(path):
                    mode = os.stat(path).st_mode & ~0o222
                    os.chmod(path, mode | (stat.S_IWUSR if is_writable else 0))

    def files(self):
        """Return all files of the environment, with size and time."""
        return {
            path: (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in self.root.rglob("*")
        }

    def run(self, folder, *command, status=0, **variables):
        """Run one of its programs in a folder; return what it prints."""
        program, *words = map(str, command)
        names = ("PYTHONPATH", "VIRTUAL_ENV", "SNAKEMAKE_PROFILE")
        environment = {k: v for k, v in os.environ.items() if k not in names}
        environment |= {"HOME": str(self.home), "COLUMNS": "120", **variables}
        environment["PATH"] = f"{self.root}/bin:{environment['PATH']}"
        ended = subprocess.run(
            without_rights([str(self.root / "bin" / program), *words]),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ended.returncode == status, f"{command}\n{ended.stdout}"
        return ended.stdout

    def remove(self):
        self._set_writable(True)
        shutil.rmtree(self.root)


def tracked_files(root: Path):
    """Return the files of a clone that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, stdout=subprocess.PIPE, check=True
    )
    return [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]
