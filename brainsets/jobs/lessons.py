"""What a step imports that the import of its pipeline did not.

Many pipelines import where they need it, and large packages (mne, say) load their parts
when these are first used. Each forked step would pay for that again, so a zygote
imports it, too, once a step has shown what it is.
"""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from brainsets.jobs.modules import imported_since

__all__ = ["learn", "lessons"]


def lessons() -> list[str]:
    """Return what this process has imported since it was forked, in that order.

    Those of Python and of installed packages only. What lies beside the pipeline is the
    pipeline's own, and quickly imported.
    """
    return [name for name in imported_since() if _is_installed(name)]


def learn(names: Iterable[str]) -> None:
    """Import what a step has imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            # A step that needs it goes on doing so by itself.
            continue


def _is_installed(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None)
    if not isinstance(file, str):
        return False
    parents = Path(file).parents
    return Path(sys.prefix) in parents or Path(sys.base_prefix) in parents
