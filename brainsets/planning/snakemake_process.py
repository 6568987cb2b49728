"""What concerns Snakemake's process as a whole: memory, exit codes, other programs."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from brainsets.errors import BrainsetError
from brainsets.shared.text.lines import single_line

__all__ = ["collect_garbage_rarely", "exit_on_user_error", "write_report"]

_Result = TypeVar("_Result")


def collect_garbage_rarely() -> None:
    """Have Python look for garbage less often.

    What is planned for an asset stays until the end. To look for garbage as often as
    Python does by itself is a quarter of the time that planning ten thousand assets
    takes.
    """
    gc.freeze()
    gc.set_threshold(200_000)


def exit_on_user_error(function: Callable[[], _Result]) -> _Result:
    """Call a function; turn a `BrainsetError` into a one-line exit."""
    try:
        return function()
    except BrainsetError as error:
        raise SystemExit(f"brainsets: {single_line(error)}") from None


def write_report(
    root: str,
    processed_dir: str,
    brainsets: Iterable[str],
    page: Path,
    stylesheet: Path | None,
) -> None:
    """Write the report, in a process that imports what reads and draws data.

    Parameters
    ----------
    root : str
        The folder of this project.
    processed_dir : str
        The folder of all results.
    brainsets : iterable of str
        Ids of those that the report is about.
    page : Path
        The page to write.
    stylesheet : Path, optional
        What ``--report-stylesheet`` names.

    Raises
    ------
    SystemExit
        It could not be written; why was printed.
    """
    command = [sys.executable, "-P", "-m", "brainsets", "report", "--all-named"]
    command += ["--processed-dir", processed_dir, "--output", str(page)]
    if stylesheet is not None:
        command += ["--stylesheet", str(stylesheet)]
    paths = [root, os.environ.get("PYTHONPATH")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run([*command, "--", *brainsets], env=environment)
    if done.returncode:
        raise SystemExit(done.returncode)
