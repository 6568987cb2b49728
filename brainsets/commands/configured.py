"""Settings of config/config.yaml, for commands that are no run of Snakemake."""

from pathlib import Path
from typing import Any

import yaml

from brainsets.errors import SettingsError
from brainsets.planning.settings import read_setting
from brainsets.shared.text.user_paths import expand_home

__all__ = ["ROOT", "configured", "configured_folder", "results_folder"]

ROOT = Path(__file__).resolve().parents[2]
"""The clone that this package is in."""


def configured(key: str) -> Any:
    """Return a setting as config/config.yaml has it, or its default.

    Raises
    ------
    SettingsError
        The file cannot be read, or the setting is wrong.
    """
    file = _file()
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{file} cannot be read: {reason}.") from error
    return read_setting({} if config is None else config, key, where=str(file))


def configured_folder(key: str) -> Path:
    """Return ``raw_dir`` or ``processed_dir`` as config/config.yaml has it."""
    return _file().absolute().parents[1] / expand_home(key, configured(key))


def results_folder() -> Path:
    """Return ``processed_dir``: in the current folder, if it is there, as for a run.

    A run in a folder without settings takes those of the clone, and leaves its results
    in the folder.
    """
    here = Path.cwd() / expand_home("processed_dir", configured("processed_dir"))
    return here if here.is_dir() else configured_folder("processed_dir")


def _file() -> Path:
    here = Path("config/config.yaml")
    return here if here.exists() else ROOT / here
