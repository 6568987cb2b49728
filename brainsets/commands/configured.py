"""Settings of the current folder, for commands that are no run of Snakemake.

They are those of its ``config/config.yaml``. Where there is none, they are those that
come with the workflow, with the folders that ``brainsets config set`` has stored; the
Snakefile does the same.
"""

import os
from pathlib import Path
from typing import Any

import yaml

from brainsets.errors import BrainsetError, SettingsError
from brainsets.planning.settings import Brainset, read_setting, read_settings
from brainsets.shared.folders import WORKFLOW_FOLDER
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.stored_folders import KEYS, stored_folders

__all__ = [
    "ROOT",
    "SETTINGS",
    "brainsets_here",
    "configured",
    "configured_folder",
    "entries_here",
    "folder_of_run",
    "has_settings",
    "results_folder",
]

ROOT = Path(__file__).resolve().parents[2]
"""The folder of this project: a clone, or what a wheel has installed."""

SETTINGS = Path("config/config.yaml")
"""The settings of a folder, relative to it."""


def has_settings() -> bool:
    """Whether the current folder has settings of its own, be it a broken link."""
    return os.path.lexists(SETTINGS)


def configured(key: str) -> Any:
    """Return a setting as it is for a run in the current folder, or its default.

    Raises
    ------
    SettingsError
        The file of settings cannot be read, or the setting is wrong.
    """
    file = SETTINGS if has_settings() else ROOT / SETTINGS
    value = read_setting(_content(file), key, where=str(file))
    if key in KEYS and not has_settings():
        return stored_folders().get(key, value)
    return value


def _content(file: Path) -> Any:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{file} cannot be read: {reason}.") from error
    return {} if config is None else config


def entries_here() -> list[dict[str, Any]]:
    """Return the brainsets of the current folder's settings that are mappings."""
    config = _content(SETTINGS) if has_settings() else {}
    brainsets = config.get("brainsets") if isinstance(config, dict) else None
    listed = brainsets if isinstance(brainsets, list) else [brainsets]
    return [entry for entry in listed if isinstance(entry, dict)]


def brainsets_here() -> list[Brainset]:
    """Return the brainsets of the current folder's settings, none if these are wrong.

    Whoever starts a run is told what is wrong with them.
    """
    try:
        config = _content(SETTINGS) if has_settings() else {}
        if not isinstance(config, dict) or not config.get("brainsets"):
            return []
        return [*read_settings(config, where=str(SETTINGS)).brainsets.values()]
    except BrainsetError:
        return []


def configured_folder(key: str, start: Path | None = None) -> Path:
    """Return ``raw_dir`` or ``processed_dir``; a relative one starts at `start`.

    That is the current folder by default.
    """
    return (start or Path.cwd()) / expand_home(key, configured(key))


def folder_of_run(brainset: str) -> Path:
    """Return the folder in which a run of a brainset is to be started.

    That is the current one. But earlier versions of a clone prepared brainsets in the
    clone, wherever they were started; what was begun there goes on there, as long as
    nothing says otherwise.
    """
    here = configured_folder("processed_dir")
    in_clone = configured_folder("processed_dir", ROOT)
    is_begun_in_clone = (
        not has_settings()
        and not (here / brainset / WORKFLOW_FOLDER).is_dir()
        and (in_clone / brainset / WORKFLOW_FOLDER).is_dir()
    )
    return ROOT if is_begun_in_clone else Path.cwd()


def results_folder() -> Path:
    """Return ``processed_dir``; that of the clone if there is none here."""
    here = configured_folder("processed_dir")
    in_clone = configured_folder("processed_dir", ROOT)
    if not has_settings() and not here.is_dir() and in_clone.is_dir():
        return in_clone
    return here
