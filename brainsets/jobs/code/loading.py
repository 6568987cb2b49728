"""Import a pipeline, and parse its own arguments."""

import contextlib
import importlib.util
import io
import os
import sys
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

from brainsets.errors import PipelineError
from brainsets.jobs.code import outside_modules
from brainsets.shared.inputs.arguments import recorded, without_repeat_flags
from brainsets.shared.inputs.code import code_hash, code_stamp
from brainsets.supervision.hidden_secrets import (
    UsageError,
    mask_secrets,
    resolve_secrets,
)

__all__ = [
    "UsageError",
    "code_in_memory",
    "keep_in_memory",
    "load_in_spawned",
    "load_pipeline",
    "parsed_args",
]

MODULE_NAME = "pipeline_module"
"""The name under which a pipeline's module is known, so that what it returns can be
pickled in one process and unpickled in another."""

# Spawned processes find that module in this folder, and its path in this variable.
_SPAWNED = Path(__file__).parent / "spawned"
_PIPELINE_VARIABLE = "BRAINSETS_PIPELINE"

_in_memory: dict[Path, tuple[Any, tuple[str, str]]] = {}


def load_pipeline(file: Path) -> Any:
    """Import a pipeline file the way published runners do, and return its class.

    Its folder is the working folder and the first place where imports are looked for.
    """
    if file in _in_memory:
        return _in_memory[file][0]
    os.chdir(file.parent)
    # Argument parsers of the pipeline show it as the program's name.
    sys.argv = [str(file)]
    if sys.path[:1] != [str(file.parent)]:
        sys.path.insert(0, str(file.parent))
    if str(_SPAWNED) not in sys.path:
        sys.path.append(str(_SPAWNED))
    os.environ[_PIPELINE_VARIABLE] = str(file)
    outside_modules.begin()
    spec = importlib.util.spec_from_file_location(MODULE_NAME, file)
    if spec is None or spec.loader is None:
        raise PipelineError(f"{file} is not a Python file.")
    module: types.ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    spec.loader.exec_module(module)
    try:
        return module.Pipeline
    except AttributeError as error:
        raise PipelineError(
            f"{file} defines no class named Pipeline; derive one from "
            "brainsets.pipeline.BrainsetPipeline."
        ) from error


def load_in_spawned() -> None:
    """Import the pipeline of the step that has spawned this process.

    Raises
    ------
    ImportError
        The environment variable with its path is not set.
    """
    file = os.environ.get(_PIPELINE_VARIABLE)
    if file is None:
        raise ImportError(
            f"{_PIPELINE_VARIABLE} is not in the environment of this process."
        )
    arguments = sys.argv
    # The working folder stays that of the parent process.
    folder = os.open(".", os.O_RDONLY)
    try:
        load_pipeline(Path(file))
    finally:
        sys.argv = arguments
        os.fchdir(folder)
        os.close(folder)


def keep_in_memory(file: Path) -> str:
    """Import a pipeline for all processes that are forked from this one.

    Returns
    -------
    str
        The stamp of its code.

    Raises
    ------
    PipelineError
        The code was edited meanwhile, so its version is unknown.
    """
    stamp, code = code_stamp(file), code_hash(file)
    pipeline = load_pipeline(file)
    if code_stamp(file) != stamp:
        raise PipelineError(f"{file} was edited while it was imported.")
    _in_memory[file] = pipeline, (stamp, code)
    return stamp


def code_in_memory(file: Path) -> tuple[str, str] | None:
    """Return stamp and hash of the code kept in memory; None if there is none."""
    return _in_memory[file][1] if file in _in_memory else None


def parsed_args(pipeline: Any, arguments: list[str]) -> Namespace | None:
    """Parse the pipeline's own arguments with its own parser.

    Flags that only ask for a repetition are left out where the parser does not know
    them: the workflow repeats the step all the same. References to secrets are replaced
    by the secrets.

    Raises
    ------
    UsageError
        The parser refuses them; the text is what argparse printed. Or a secret is not
        found.
    """
    try:
        return _parsed(pipeline, arguments)
    except UsageError:
        if without_repeat_flags(arguments) == arguments:
            raise
        return _parsed(pipeline, without_repeat_flags(arguments))


def _parsed(pipeline: Any, arguments: list[str]) -> Namespace | None:
    if pipeline.parser is None:
        if arguments:
            raise UsageError(
                f"{pipeline.brainset_id} takes no arguments, but was given "
                f"{' '.join(recorded(arguments, None))!r}."
            )
        return None
    given = resolve_secrets(arguments)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            args: Namespace = pipeline.parser.parse_args(given)
            return args
    except SystemExit as error:
        text = printed.getvalue().strip() or f"its parser ended with {error.code}"
        if "No such file or directory" in text:
            text += f" (relative paths start at {os.getcwd()})"
        raise UsageError(mask_secrets(text)) from error
