"""The two that are compared: this workflow, and the published Ray runner.

Each is given the same pipeline file, the same Python and the same packages, installed
before the clock starts, and fresh folders. Both list the assets while it runs.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import ROOT, packages_in
from benchmarks.meter import MeasuringError, Usage, measure
from benchmarks.workloads import CORES, Workload
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state.sentinels import DONE
from brainsets.sources.environments import interpreter, uv_program

__all__ = [
    "PUBLISHED",
    "OurWorkflow",
    "RayRunner",
    "remove_what_is_aside",
    "set_aside",
    "snakemake",
]

PUBLISHED = "brainsets==0.2.2"


def snakemake(run: Path, *arguments: object) -> list[object]:
    """Return the command that runs the workflow in a folder with its own settings."""
    where = ("--snakefile", ROOT / "Snakefile", "--directory", run)
    return [sys.executable, "-m", "snakemake", *where, *arguments]


def set_aside(folder: Path, work: Path, kept: Path | None = None) -> None:
    """Clear a folder, but for one folder in it, and leave the removal for later.

    A file system that has just removed thousands of files may be slow to make new ones:
    ext4 without a journal looks at each of them for minutes.
    """
    if folder.is_dir():
        earlier = Path(tempfile.mkdtemp(dir=_earlier(work))) / folder.name
        folder.rename(earlier)
        if kept is not None and (old := earlier / kept.relative_to(folder)).exists():
            kept.parent.mkdir(parents=True)
            old.rename(kept)


def _earlier(work: Path) -> Path:
    folder = work / "earlier"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove_what_is_aside(work: Path) -> None:
    """Remove what runs have set aside."""
    shutil.rmtree(_earlier(work))


def _checked(usage: Usage, log: Path, folder: Path, workload: Workload) -> Usage:
    """Make sure that a run has done all that it was measured for."""
    if usage.exit_status:
        raise MeasuringError(
            f"{workload.name}: exit status {usage.exit_status}; see {log}."
        )
    if workload.suffix:
        found = len([*folder.glob(f"*{workload.suffix}")])
        if found != workload.assets:
            raise MeasuringError(
                f"{workload.name}: {found} of {workload.assets} assets have a result; "
                f"see {log}."
            )
    return usage


@dataclass
class OurWorkflow:
    """This workflow, as a user starts it: ``snakemake --cores 2``."""

    work: Path
    name: str = "ours"
    settings: Mapping[str, object] = field(default_factory=dict)
    options: Sequence[str] = ()
    in_terminal: bool = False

    def _run(self, workload: Workload) -> Path:
        return self.work / self.name / workload.name

    def folder(self, workload: Workload) -> BrainsetFolder:
        """Return the brainset's processed folder."""
        return BrainsetFolder(self._run(workload) / "processed" / workload.brainset)

    def configure(self, workload: Workload, **settings: object) -> Path:
        """Write the settings of a run; return its folder."""
        run = self._run(workload)
        brainset = {"pipeline": str(workload.source), "args": workload.arguments}
        config = {
            "raw_dir": str(run / "raw"),
            "processed_dir": str(run / "processed"),
            "brainsets": [{**brainset, **settings}],
            **self.settings,
        }
        path = run / "config" / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")
        return run

    def prepare(self, workload: Workload) -> dict[str, str]:
        """Build the pipeline's environment; return its versions."""
        run = self.configure(workload)
        folder = self.folder(workload)
        ready = folder.environment_ready
        _quietly(snakemake(run, "--cores", CORES, ready), run / "environment.log")
        names = [requirement.partition("==")[0] for requirement in workload.packages]
        return packages_in(interpreter(folder), names)

    def run(self, workload: Workload, log: Path) -> Usage:
        """Run a workload from its beginning."""
        folder = self.folder(workload)
        set_aside(self._run(workload), self.work, kept=folder.environment)
        run = self.configure(workload)
        os.sync()
        command = snakemake(run, "--cores", CORES, *self.options)
        if self.in_terminal:
            command = [sys.executable, ROOT / "benchmarks" / "terminal.py", *command]
        usage = measure(command, folder=run, log=log)
        done = len([*folder.status.glob(f"*.{DONE}")])
        if not usage.exit_status and done != workload.assets:
            raise MeasuringError(
                f"{workload.name}: {done} of {workload.assets} assets are DONE; "
                f"see {log}."
            )
        return _checked(usage, log, folder.root, workload)


@dataclass
class RayRunner:
    """The runner of the published package, in a virtual environment of its own."""

    work: Path
    name: str = "ray"

    @property
    def _python(self) -> Path:
        return self.work / self.name / "environment" / "bin" / "python"

    def prepare(self, workloads: Sequence[Workload]) -> dict[str, str]:
        """Build the environment with what all pipelines need; return its versions."""
        packages = {package for workload in workloads for package in workload.packages}
        declared = [w.source.declaration for w in workloads]
        [python] = {each.python_version for each in declared if each}
        folder = self._python.parents[1]
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.parent / "environment.log"
        uv = uv_program()
        _quietly([uv, "venv", "--clear", "--python", python, folder], log)
        install = [uv, "pip", "install", "--python", self._python]
        _quietly([*install, PUBLISHED, *sorted(packages)], log)
        names = ["brainsets", "ray"]
        names += sorted(package.partition("==")[0] for package in packages)
        return packages_in(self._python, names)

    def run(self, workload: Workload, log: Path) -> Usage:
        """Run a workload from its beginning."""
        run = self.work / self.name / workload.name
        set_aside(run, self.work)
        run.mkdir(parents=True, exist_ok=True)
        os.sync()
        command = [self._python, "-m", "brainsets.runner", workload.source]
        command += ["--raw-dir", run / "raw", "--processed-dir", run / "processed"]
        command += ["-c", CORES, *workload.arguments]
        # Short, as it becomes a part of the names of sockets.
        with tempfile.TemporaryDirectory(prefix="ray") as session:
            environment = {"RAY_TMPDIR": session, "RAY_USAGE_STATS_ENABLED": "0"}
            # Otherwise Python would find this project in place of the published one.
            environment |= {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
            usage = measure(command, folder=run, log=log, environment=environment)
        listed = f"Discovered {workload.assets} manifest items"
        if not usage.exit_status and listed not in log.read_text("utf-8", "replace"):
            raise MeasuringError(f"{workload.name}: not all assets ran; see {log}.")
        return _checked(usage, log, run / "processed" / workload.brainset, workload)


def _quietly(command: Sequence[object], log: Path) -> None:
    with open(log, "a", encoding="utf-8") as stream:
        done = subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        raise MeasuringError(f"{command[0]}: exit status {done.returncode}; see {log}.")
