"""Paths of this project's own modules, the same in each place where it is installed."""

import os

__all__ = ["PROJECT", "imported_path", "place_of"]

PROJECT = os.path.abspath(
    os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, os.pardir)
)
"""The folder that has the package in it."""


def imported_path(file: str) -> str:
    """Return how the file of an imported module is written down.

    Parameters
    ----------
    file : str
        Its absolute path.

    Returns
    -------
    str
        A path below `PROJECT` for modules of this project, the same path for others.
    """
    inside = file.startswith(os.path.join(PROJECT, "brainsets", ""))
    return os.path.relpath(file, PROJECT) if inside else file


def place_of(path: str) -> str:
    """Return the absolute path of what `imported_path` has returned."""
    return os.path.join(PROJECT, path)
