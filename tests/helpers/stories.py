"""Stories: runs that many tests look at, made once for all of them."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.workspace import SHARED_DATA

__all__ = ["told_once"]


def told_once(tmp_path_factory, folder: str, story: Callable[[Path], Any]):
    """Return a story of real recordings; told by the first worker that asks.

    Parameters
    ----------
    folder : str
        Where it takes place, below pytest's own folder.
    story : callable
        Returns the story of a folder; its `tell` ends by writing ``story.json`` there.
    """
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {SHARED_DATA} is not there")
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    with open(base / f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = base / folder
        if not (root / "story.json").exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            story(root).tell()
    return story(root)
