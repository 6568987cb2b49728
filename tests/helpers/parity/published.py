"""The published Ray runner, in the interpreter that the workflow built."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

RUNNER = "torch_brain.pipeline.runner"


def run_published(
    python: Path,
    pipeline: Path,
    raw_dir: Path,
    processed_dir: Path,
    *arguments: str,
    environment: Mapping[str, str],
    runner: str = RUNNER,
) -> subprocess.CompletedProcess:
    """Run a pipeline with a published runner; all it prints is in ``stdout``.

    It runs in a folder of its own, with nothing else on the import path than what is
    installed in `python`: nothing of this project.
    """
    # Short and plain: Ray makes sockets below it, and their paths may not be long.
    work = tempfile.mkdtemp(prefix="ray")
    try:
        return subprocess.run(
            [
                *(python, "-P", "-m", runner, pipeline, *arguments),
                *("--raw-dir", raw_dir, "--processed-dir", processed_dir),
            ],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": "",
                "RAY_TMPDIR": work,
                "RAY_USAGE_STATS_ENABLED": "0",
                # It would leave a key in the home of whoever runs the tests.
                "RAY_AUTH_MODE": "disabled",
                **environment,
            },
            timeout=300,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
