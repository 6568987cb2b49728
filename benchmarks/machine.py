"""What a benchmark ran on, and with which versions."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brainsets.shared.version import VERSION

__all__ = ["commit", "machine", "packages_in", "versions"]

ROOT = Path(__file__).resolve().parents[1]

_LIST_PACKAGES = """
import importlib.metadata as m, json, platform, sys
found = {name: m.version(name) for name in sys.argv[1:]}
print(json.dumps({"python": platform.python_version(), **found}))
"""


def machine() -> dict[str, Any]:
    """Return CPU, cores, memory (GB), kernel, and how busy it is before the start."""
    cpu = _field("/proc/cpuinfo", "model name") or platform.processor()
    memory_kb = int(_field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_kb * 1024 / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "architecture": platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def versions() -> dict[str, str]:
    """Return the versions of this project and of what runs it."""
    return {
        "brainsets-workflow": VERSION,
        "snakemake": version("snakemake"),
        "python": platform.python_version(),
    }


def packages_in(python: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the versions that an interpreter and packages in it have."""
    found = subprocess.run(
        [python, "-I", "-c", _LIST_PACKAGES, *names],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(found.stdout)


def commit() -> str:
    """Return the commit of this clone, and whether files differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return done.stdout.strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return f"{head} and uncommitted changes" if git("status", "--short") else head
    except FileNotFoundError:
        return ""
