"""Build the interpreter that a pipeline declares, with uv."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from brainsets.errors import EnvironmentBuildError
from brainsets.planning.declaration import Declaration
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.sentinels import now, write_sentinel

__all__ = [
    "READY",
    "build_environment",
    "interpreter",
    "is_ready",
    "record_failure",
]

READY = "ready.json"
"""The file that says an environment is whole, inside its folder."""


def interpreter(folder: BrainsetFolder) -> Path:
    """Return the path of a brainset's own interpreter."""
    return folder.environment / "bin" / "python"


def is_ready(folder: BrainsetFolder) -> bool:
    """Whether a brainset's interpreter was built to its end."""
    return (folder.environment / READY).exists()


def build_environment(
    brainset: str, declaration: Declaration, folder: BrainsetFolder
) -> None:
    """Build the interpreter anew and install what is declared.

    The file ``ready.json`` is written last: without it there is no environment.

    Raises
    ------
    EnvironmentBuildError
        There is no such Python, or something cannot be installed.
    """
    shutil.rmtree(folder.environment, ignore_errors=True)
    wanted = declaration.python_version
    step = f"{brainset}: the environment cannot be built"
    _uv(
        ["venv", "--python", wanted or sys.executable, folder.environment],
        f"{step}: there is no Python {wanted}" if wanted else step,
    )
    python = interpreter(folder)
    _uv(["pip", "install", "--python", python, *declaration.requirements], step)
    frozen = _uv(["pip", "freeze", "--python", python], step)
    folder.environment_failure.unlink(missing_ok=True)
    record = {
        "brainset": brainset,
        "key": declaration.key,
        "python_version": wanted,
        "dependencies": list(declaration.dependencies),
        "packages": frozen.splitlines(),
        "built": now(),
    }
    write_sentinel(folder.environment / READY, record, durable=True)


def record_failure(brainset: str, folder: BrainsetFolder, error: Exception) -> None:
    """Leave the reason where the closing table finds it."""
    attempt = {"time": now(), "error": type(error).__name__, "message": str(error)}
    record = {
        "brainset": brainset,
        "step": "build_environment",
        "attempts": [attempt],
        "log": str(folder.log("build_environment")),
    }
    write_sentinel(folder.environment_failure, record)


def _uv(arguments: Sequence[object], failing: str) -> str:
    """Run uv, showing all it prints in the log; return what it printed to stdout."""
    command = [_uv_program(), *map(str, arguments)]
    print("$", " ".join(command), flush=True)
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "UV_NO_PROGRESS": "1",
        # An environment that is active around us must not be changed.
        "VIRTUAL_ENV": "",
    }
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
    )
    print(done.stdout + done.stderr, flush=True)
    if done.returncode:
        reason = _reason(done.stderr)
        raise EnvironmentBuildError(f"{failing}: {reason}")
    return done.stdout


def _uv_program() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise EnvironmentBuildError(
            "uv is not installed; install this project's dependencies, or set "
            "'environment: active' for pipelines whose packages you have installed."
        )
    return found


def _reason(output: str) -> str:
    """Return the sentence in which uv says why, out of all that it prints."""
    lines = [re.sub(r"^[\s×╰─▶├│]+|^error:\s*", "", x) for x in output.splitlines()]
    kept = [
        line.strip()
        for line in lines
        if line.strip() and not line.startswith(("Using ", "Resolved ", "warning:"))
    ]
    text = " ".join(kept) or "uv did not say why; see the log"
    text = text.removeprefix("No solution found when resolving dependencies: ")
    return text if len(text) <= 600 else f"{text[:600]} ..."
