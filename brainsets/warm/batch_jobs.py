"""A job that runs a batch on a cluster, and brings a warm process of its own for it."""

import sys
from collections.abc import Callable, Sequence

from brainsets.jobs.job import Job, parse_job
from brainsets.shared.sockets import socket_path
from brainsets.warm import client

__all__ = ["run_batch"]


def run_batch(step: Callable[[Job], int], words: Sequence[str]) -> int:
    """Run a batch as its command line says; return the exit status.

    Parameters
    ----------
    step : callable
        Runs it in this process.
    words : sequence of str
        The arguments of the command line.
    """
    job = parse_job(words)
    if job.brings_warmth and (path := socket_path("batch")):
        return client.main(path, _without_warmth())
    return step(job)


def _without_warmth() -> list[str]:
    """Return the command of this process, as a warm process or none is to run it."""
    words = [sys.executable, *sys.orig_argv[1:]]
    words.remove("--warm")
    return words
