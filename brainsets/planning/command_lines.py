"""The command lines of jobs: a wrapper, in the interpreter that its pipeline needs."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from brainsets.planning.settings import Brainset, Settings, Step
from brainsets.planning.warm import client_words
from brainsets.sources import environments

__all__ = ["batch_command", "job_command"]


def job_command(
    settings: Settings,
    script: Path,
    brainset: Brainset,
    asset: str,
    step: Any,
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
        The job's threads, where a warm process may run it: libraries are told of
        threads when they are imported.
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
