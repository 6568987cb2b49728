"""The command lines of jobs: a wrapper, in the interpreter that its pipeline needs."""

import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from brainsets.planning.settings import Brainset, Settings, Step
from brainsets.shared.sockets import socket_path
from brainsets.sources import environments

__all__ = ["batch_command", "client_words", "job_command"]

_CLIENT = Path(__file__).resolve().parents[1] / "warm" / "client"


def job_command(
    settings: Settings,
    script: Path,
    brainset: Brainset,
    asset: str,
    step: Step | None,
    warm_threads: int | None = None,
) -> str:
    """Return the command line of a job, without where its output goes.

    It differs between machines and settings, so it must not be a parameter that
    Snakemake compares between runs.

    Parameters
    ----------
    settings : Settings
        Those of the run.
    script : Path
        The wrapper of the rule.
    brainset : Brainset
        The brainset.
    asset : str
        The asset's name in file names; empty where a job is for the whole brainset.
    step : Step or None
        The settings of an asset's step.
    warm_threads : int, optional
        The job's threads, where a warm process may run it: libraries read how many
        they may use when they are imported.
    """
    words = _words(settings, script, brainset, asset, step)
    client = _client(settings, words[0], brainset, warm_threads)
    return shlex.join([*client, *words])


def batch_command(
    settings: Settings,
    script: Path,
    brainset: Brainset,
    batch: str,
    step: Step,
    warm_threads: int | None = None,
) -> str:
    """Return the command line of a job that runs a step of several assets.

    Parameters are those of `job_command`, with the batch's name in place of an asset's.
    Without `warm_threads` the job starts a warm process of its own.
    """
    words = _words(settings, script, brainset, "", step)
    client = _client(settings, words[0], brainset, warm_threads)
    options = ["--batch", str(brainset.folder.batch(batch))]
    options += ["--warm"] if settings.warm and not client else []
    split = words.index(str(script)) + 1
    words[split:split] = options
    return shlex.join([*(client or ["exec"]), *words])


def _client(
    settings: Settings, python: str, brainset: Brainset, warm_threads: int | None
) -> list[str]:
    if not settings.warm or warm_threads is None:
        return []
    common = (brainset.pipeline, brainset.raw_dir, brainset.processed_dir)
    return client_words(python, brainset.id, [*common, max(warm_threads, 1)])


def client_words(python: str, brainset: str, things: Sequence[object]) -> list[str]:
    """Return what to put before a job's command, so that a warm process may run it.

    Empty where this cannot be.

    Parameters
    ----------
    python : str
        The interpreter of the job.
    brainset : str
        The brainset's id.
    things : sequence
        All that jobs must have in common to be run by one process.
    """
    digest = hashlib.sha256(repr([python, brainset, *map(str, things)]).encode())
    path = socket_path(digest.hexdigest()[:12])
    if not path:
        return []
    perl = _perl()
    if perl is not None:
        client = [perl, f"{_CLIENT}.pl", path]
    else:
        client = [python, "-I", "-S", f"{_CLIENT}.py", path]
    # The shell need not stay and wait.
    return ["exec", *client]


@lru_cache(maxsize=1)
def _perl() -> str | None:
    # That of the system, which costs less than one behind a script that chooses one.
    system = "/usr/bin/perl"
    return system if os.access(system, os.X_OK) else shutil.which("perl")


def _words(
    settings: Settings, script: Path, brainset: Brainset, asset: str, step: Step | None
) -> list[str]:
    python = sys.executable
    words: list[object] = []
    if brainset.is_isolated:
        python = str(environments.interpreter(brainset.folder))
        # -I: nothing of the environment around this run reaches that one.
        words = ["-I"]
    source = brainset.source
    words += [script, "--brainset", brainset.id]
    words += ["--code", source.code, "--code-stamp", source.code_stamp]
    words += ["--pipeline", brainset.pipeline]
    if brainset.id != source.brainset_id:
        words += ["--own-id", source.brainset_id]
    words += ["--raw-dir", brainset.raw_dir]
    words += ["--processed-dir", brainset.processed_dir]
    words += ["--isolated"] if brainset.is_isolated else []
    words += [f"--asset={asset}"] if asset else []
    if step:
        words += ["--timeout", step.timeout] if step.timeout else []
        words += ["--download-only"] if settings.download_only else []
    else:
        selection = vars(brainset.selection)
        words += ["--selection", json.dumps(selection, ensure_ascii=False)]
    return [python, *map(str, words), "--", *brainset.args]
