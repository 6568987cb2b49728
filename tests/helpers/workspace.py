"""A folder for whole runs of Snakemake, and where the project and its data are."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.asset_names import asset_names
from tests.helpers.forked import can_fork, run_snakemake

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = ROOT / "tests" / "pipelines"
SHARED_DATA = ROOT.parent / "shared" / "data"
_MAX_RUN_S = 300


@dataclass
class Workspace:
    """A folder with everything of some runs: pipeline, raw and processed data.

    Its path has a blank and a letter that is not ASCII, as people's folders do, and not
    the word "test", which one published pipeline looks for in its paths.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def raw_dir(self) -> Path:
        return self.root / "raw data"

    @property
    def processed_dir(self) -> Path:
        return self.root / "processed é"

    def folder(self, brainset: str = "recorder") -> BrainsetFolder:
        return BrainsetFolder(self.processed_dir / brainset)

    def copy_pipeline(self, name: str = "recorder") -> Path:
        """Return a copy of one of the tests' pipelines, to be edited."""
        target = self.root / f"pipeline of {name}"
        shutil.copytree(PIPELINES / name, target, dirs_exist_ok=True)
        return target / "pipeline.py"

    def write_pipeline(self, source: str, name: str = "mine") -> Path:
        path = self.root / name / "pipeline.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    def write_rows(self, rows: list[dict], brainset: str = "recorder") -> None:
        """Say what the recorder lists: rows with id, and what is not the default."""
        default = {"behave": "", "seconds": 0.0, "value": 1}
        path = self.raw_dir / brainset / "rows.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{**default, **row} for row in rows]))

    def events(self, brainset: str = "recorder") -> list[str]:
        """Return what ran since the last call, in order."""
        path = self.raw_dir / brainset / "events.txt"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        path.unlink()
        return lines

    def command(self, brainsets, *arguments: str, cores: int = 4, **settings):
        config = {
            "raw_dir": str(self.raw_dir),
            "processed_dir": str(self.processed_dir),
            "brainsets": brainsets,
            "warm": os.environ.get("WARM", "1") != "0",
            **settings,
        }
        path = self.root / "settings.json"
        path.write_text(json.dumps(config, default=str), encoding="utf-8")
        return [
            *(sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"),
            *("--directory", self.root, "--cores", str(cores)),
            *("--configfile", path, "--scheduler", "greedy"),
            *arguments,
        ]

    def start(self, brainsets, *arguments: str, **settings) -> subprocess.Popen:
        """Start Snakemake in a process group of its own."""
        return self.start_command(self.command(brainsets, *arguments, **settings))

    def start_command(self, command: list) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.full_environment,
            start_new_session=True,
        )

    def run(self, brainsets, *arguments: str, **settings):
        """Run Snakemake to its end; all it prints is in ``stdout``."""
        command = self.command(brainsets, *arguments, **settings)
        environment = self.full_environment
        if not can_fork(environment):
            return self.finish(self.start_command(command))
        words = [str(word) for word in command[command.index("snakemake") + 1 :]]
        status, output = run_snakemake(words, environment, _MAX_RUN_S)
        return subprocess.CompletedProcess(command, status, output)

    @staticmethod
    def finish(process: subprocess.Popen):
        """Wait for the end of a run that was started."""
        try:
            output, _ = process.communicate(timeout=_MAX_RUN_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    @property
    def full_environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": "", "COLUMNS": "120", **self.environment}

    def brainsets(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run ``python -m brainsets``."""
        return subprocess.run(
            [sys.executable, "-m", "brainsets", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.full_environment,
            timeout=_MAX_RUN_S,
        )

    def sentinel(self, asset: str, state: str, among: list[str] | None = None):
        """Return what a sentinel says, None if it is not there."""
        name = asset_names(among or [asset])[asset]
        path = self.folder().sentinel(name, state)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return json.loads(text)
