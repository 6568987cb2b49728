"""Whether packages can be had here at all."""

import subprocess
import sys

import pytest

from brainsets.sources.environments import uv_program


def skip_without_package(requirement: str) -> None:
    """Skip the test if no package index is in reach; anything else is a failure."""
    command = [uv_program(), "pip", "compile", "--quiet", "--no-deps", "-"]
    done = subprocess.run(
        [*command, "--python", sys.executable],
        input=requirement,
        capture_output=True,
        text=True,
        timeout=120,
    )
    unreachable = ("error sending request", "Failed to fetch", "network was disabled")
    if done.returncode and any(word in done.stderr for word in unreachable):
        pytest.skip(
            f"{requirement} cannot be had: {done.stderr.strip().splitlines()[-1]}"
        )
    assert done.returncode == 0, done.stderr
