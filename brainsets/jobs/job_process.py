"""Set up the process of a job as a pipeline expects it."""

import io
import os
import sys
from pathlib import Path

from brainsets.errors import SettingsError
from brainsets.jobs.job import Job
from brainsets.shared.inputs.raw_folder_check import why_unusable

__all__ = ["set_up_process"]

# What Snakemake sets to the threads of a job.
_THREADS = (
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def set_up_process(job: Job) -> None:
    """Make its folders, and set environment variables and standard streams."""
    _make("raw_dir", job.raw_dir)
    _make("processed_dir", job.folder.root)
    if job.isolated:
        # As if the environment were activated: programs of its packages are found.
        os.environ["VIRTUAL_ENV"] = sys.prefix
        scripts = f"{os.path.dirname(sys.executable)}{os.pathsep}"
        path = os.environ.get("PATH", "")
        # A warm process does this for each step.
        if not path.startswith(scripts):
            os.environ["PATH"] = f"{scripts}{path}"
        for name in ("PYTHONPATH", "PYTHONHOME"):
            os.environ.pop(name, None)
    for name in _THREADS:
        # A download has 0 threads, which some libraries refuse.
        if os.environ.get(name) == "0":
            os.environ[name] = "1"
    null = os.open(os.devnull, os.O_RDONLY)
    if null:
        os.dup2(null, 0)
        os.close(null)
    # A killed process does not flush its buffers.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    os.environ["PYTHONUNBUFFERED"] = "1"


def _make(setting: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = why_unusable(folder) or f"{folder} cannot be made ({reason})."
        raise SettingsError(f"{setting}: {problem}") from error
