"""What a step imports that the import of its pipeline did not.

Large packages (mne, say) load their parts when these are first used. Each forked step
would pay for that again, so a zygote imports them, too, once a step has shown which.

What an import finds around it is part of what it gives, and steps may change that
first. So a part is learned only from a step that has changed nothing of its
surroundings, and only if its package was there when the pipeline was imported:
whoever imports a whole package within a step may have a reason. A step that was forked
with such parts and has changed anything is not believed: it runs once more, without.
"""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from brainsets.jobs.code.imported_modules import imported_since, remembered_packages
from brainsets.warm.surroundings import OWN

__all__ = ["imported_by_step", "preload"]


def imported_by_step(whole_packages: bool) -> list[str]:
    """Return what this process has imported since it was forked, in that order.

    Those of Python and of installed packages only. What lies beside the pipeline is the
    pipeline's own, and quickly imported.

    Parameters
    ----------
    whole_packages : bool
        Whether packages count of which nothing was there before.
    """
    names = [name for name in imported_since() if _is_installed(name)]
    if whole_packages or not names:
        return names
    there = remembered_packages() - OWN
    return [name for name in names if name.partition(".")[0] in there]


def preload(names: Iterable[str]) -> None:
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
