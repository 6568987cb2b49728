"""Build the interpreter that a pipeline declares, with uv."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from brainsets.errors import EnvironmentBuildError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.locks import lock_building
from brainsets.shared.processes import die_with_parent
from brainsets.shared.state.sentinels import read_sentinel, write_sentinel
from brainsets.shared.text.suggestions import did_you_mean
from brainsets.shared.times import utc_timestamp
from brainsets.sources.declaration import Declaration
from brainsets.sources.pipeline_file import PipelineSource
from brainsets.sources.published import PublishedPipeline

__all__ = [
    "build_environment",
    "interpreter",
    "is_built",
    "is_ready",
    "is_replaced",
    "record_failure",
    "uv_program",
    "withdraw",
]


def interpreter(folder: BrainsetFolder) -> Path:
    """Return the path of a brainset's own interpreter."""
    return folder.environment / "bin" / "python"


def is_ready(folder: BrainsetFolder) -> bool:
    """Whether a brainset's interpreter was built to its end, for whatever pipeline."""
    return read_sentinel(folder.environment_ready) is not None


def is_built(folder: BrainsetFolder, key: str | None) -> bool:
    """Whether a brainset has the interpreter that is asked for, whole.

    Not so if it stands on a Python that is gone, as when the folder came from another
    machine.
    """
    record = read_sentinel(folder.environment_ready)
    return record is not None and record.get("key") == key and _can_start(folder)


def is_replaced(folder: BrainsetFolder, key: str | None) -> bool:
    """Whether a brainset has an interpreter that is another than the one asked for."""
    there = os.path.lexists(folder.environment_ready) and _can_start(folder)
    return there and not is_built(folder, key)


def _can_start(folder: BrainsetFolder) -> bool:
    return os.access(interpreter(folder), os.X_OK)


def withdraw(folder: BrainsetFolder) -> None:
    """Remove the file that says an environment is whole, or what is in its place."""
    ready = folder.environment_ready
    # The job that builds it says what cannot be removed.
    with suppress(OSError):
        if not folder.environment.is_dir():
            # A file, or a link that leads nowhere.
            folder.environment.unlink(missing_ok=True)
        elif ready.is_dir() and not ready.is_symlink():
            shutil.rmtree(ready)
        else:
            ready.unlink(missing_ok=True)


def build_environment(
    source: PipelineSource | PublishedPipeline, folder: BrainsetFolder
) -> None:
    """Build the interpreter anew and install what is declared.

    The file ``ready.json`` is removed first and written last: without it there is no
    environment. Waits for whoever builds or uses it for a run that was killed.

    Raises
    ------
    EnvironmentBuildError
        There is no such Python, or something cannot be installed.
    """
    step = f"{folder.root.name}: the environment cannot be built"
    if not lock_building(folder.lock, wait=False):
        print("waiting for an earlier run's job, which builds it or runs in it")
        sys.stdout.flush()
        lock_building(folder.lock, wait=True)
        if is_built(folder, source.environment_key):
            print("it has been built meanwhile")
            return
    try:
        _remove(folder)
    except OSError as error:
        raise EnvironmentBuildError(
            f"{step}: {error.filename or folder.environment} of the old one cannot be "
            f"removed ({error.strerror or error}); remove it and run again."
        ) from error
    if isinstance(source, PublishedPipeline):
        declaration = _fetched_declaration(source, step)
    else:
        declaration = source.declaration or Declaration(None)
    wanted = declaration.python_version
    _uv(
        ["venv", "--python", wanted or sys.executable, folder.environment],
        f"{step}: there is no Python {wanted}" if wanted else step,
    )
    python = interpreter(folder)
    _uv(["pip", "install", "--python", python, *declaration.requirements], step)
    frozen = _uv(["pip", "freeze", "--python", python], step)
    if isinstance(source, PublishedPipeline):
        _link_pipeline(source, folder, step)
    folder.environment_failure.unlink(missing_ok=True)
    record = {
        "brainset": folder.root.name,
        "pipeline": str(source),
        "key": source.environment_key,
        "python_version": wanted,
        "dependencies": [*declaration.dependencies, *declaration.implied],
        "packages": frozen.splitlines(),
        "built": utc_timestamp(),
    }
    write_sentinel(folder.environment_ready, record, durable=True)


def _remove(folder: BrainsetFolder) -> None:
    if not os.path.lexists(folder.environment):
        return
    if not folder.environment.is_symlink():
        # First, so that what is left is not taken for an environment.
        withdraw(folder)
    if os.path.lexists(folder.environment):
        # Says of a link that it is one, and does not follow it.
        shutil.rmtree(folder.environment)


def _fetched_declaration(source: PublishedPipeline, step: str) -> Declaration:
    """Fetch a published package, and return what the pipeline in it declares."""
    with tempfile.TemporaryDirectory(prefix="brainsets-") as site:
        _uv(
            ["pip", "install", "--no-deps", "--python", sys.executable]
            + ["--target", site, source.requirement],
            step,
        )
        file = source.package.file(Path(site), source.name)
        if not file.is_file():
            files = file.parents[1].glob("*/pipeline.py")
            names = sorted(path.parent.name for path in files)
            hint = (
                did_you_mean(source.name, names)
                or f"it has {', '.join(names) or 'none'}."
            )
            raise EnvironmentBuildError(
                f"{step}: {source.requirement} has no pipeline {source.name!r}; {hint}"
            )
        fetched = PipelineSource(file)
        if fetched.brainset_id != source.brainset_id:
            raise EnvironmentBuildError(
                f"{step}: the pipeline {source} has the brainset_id "
                f"{fetched.brainset_id!r}; copy its folder and give the copy's path."
            )
        declared = fetched.declaration or Declaration(None)
    # The package itself instead of what the imports imply: it is where the code is.
    return declared.implying([source.requirement])


def _link_pipeline(
    source: PublishedPipeline, folder: BrainsetFolder, step: str
) -> None:
    """Give the pipeline a place that does not depend on the version of Python."""
    sites = folder.environment.glob("lib/python3.*/site-packages")
    files = [source.package.file(site, source.name) for site in sites]
    target = next((file.parent for file in files if file.is_file()), None)
    if target is None:
        raise EnvironmentBuildError(
            f"{step}: the {source.package.name} that was installed has no pipeline "
            f"{source.name!r}; see the log for its version, or give the path of a "
            "folder with the pipeline."
        )
    link = source.file(folder.environment).parent
    link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)


def record_failure(folder: BrainsetFolder, error: Exception) -> None:
    """Leave the reason where the closing table finds it."""
    attempt = {
        "time": utc_timestamp(),
        "error": type(error).__name__,
        "message": str(error),
    }
    record = {
        "brainset": folder.root.name,
        "step": "build_environment",
        "attempts": [attempt],
        "log": str(folder.log("build_environment")),
    }
    write_sentinel(folder.environment_failure, record)


def _uv(arguments: Sequence[object], failing: str) -> str:
    """Run uv, showing all it prints in the log; return what it printed to stdout."""
    command = [uv_program(), *map(str, arguments)]
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
        # If this process is killed, the next one must be alone with the environment.
        preexec_fn=partial(die_with_parent, True),
    )
    print(done.stdout + done.stderr, flush=True)
    if done.returncode:
        reason = _reason(done.stderr)
        raise EnvironmentBuildError(f"{failing}: {reason}")
    return done.stdout


def uv_program() -> str:
    """Return the program uv: the one that is installed with this project, or any.

    Raises
    ------
    EnvironmentBuildError
        There is none.
    """
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
