"""``brainsets config``: the user's own folders of data, as in the published command."""

import argparse
import json
import os
import re
import sys
from pathlib import Path

from brainsets.commands.configured import SETTINGS, configured_folder, has_settings
from brainsets.errors import SettingsError
from brainsets.shared.text.streams import print_to_stderr
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.stored_folders import (
    KEYS,
    store_folders,
    stored_file,
    stored_folders,
)

__all__ = ["add_parser"]

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
_TITLES = {"raw_dir": "Raw data dir", "processed_dir": "Processed data dir"}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "config",
        help="show or set your folders of data",
        description="Show or set the folders that are used wherever there is no "
        "config/config.yaml.",
        allow_abbrev=False,
    )
    _add_folders(parser, hidden=True)
    parser.set_defaults(run=_run_old_form)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="show them, and those of this folder",
        description="Show the folders that are stored, and those that are used in the "
        "current folder.",
        allow_abbrev=False,
    )
    show.add_argument("--json", action="store_true", help="print JSON for scripts")
    show.set_defaults(run=_show)
    change = actions.add_parser(
        "set",
        help="set them",
        description="Store folders, and make them. What is not given stays; what was "
        "never set is asked for.",
        allow_abbrev=False,
    )
    _add_folders(change)
    change.set_defaults(run=_set)


def _add_folders(parser: argparse.ArgumentParser, *, hidden: bool = False) -> None:
    for key, what in (("raw_dir", "downloads"), ("processed_dir", "results")):
        parser.add_argument(
            f"--{key.replace('_', '-')}",
            metavar="DIR",
            help=argparse.SUPPRESS if hidden else f"folder of {what}",
        )


def _show(options: argparse.Namespace) -> int:
    stored = stored_folders()
    here = {key: str(configured_folder(key)) for key in KEYS}
    settings = str(SETTINGS.absolute()) if has_settings() else None
    if options.json:
        found = {
            "config_file": str(stored_file()),
            "stored": {key: stored.get(key) for key in KEYS},
            "settings": settings,
            "used_here": here,
        }
        print(json.dumps(found, indent=1))
        return 0
    if stored_file().exists():
        print(f"Config file: {stored_file()}")
    else:
        print(f"Config file: {stored_file()}, not there: see 'brainsets config set'")
    for key in KEYS:
        print(f"{_TITLES[key]}: {stored.get(key, 'not set')}")
    if settings or here != stored:
        print(f"In this folder, {settings or 'without settings of its own'}:")
        for key in KEYS:
            print(f"  {_TITLES[key]}: {here[key]}")
    return 0


def _run_old_form(options: argparse.Namespace) -> int:
    print_to_stderr(
        "brainsets: 'brainsets config' without 'show' or 'set' is the old form of "
        "'brainsets config set'"
    )
    return _set(options)


def _set(options: argparse.Namespace) -> int:
    was_there = stored_file().exists()
    stored = stored_folders()
    given = {key: getattr(options, key) for key in KEYS}
    for key, text in given.items():
        if text == "":
            raise SettingsError(f"{key}: no folder was named; nothing was changed.")
    is_asked = not any(given.values())
    for key in KEYS:
        if given[key] is None and (is_asked or key not in stored):
            given[key] = _ask(key)
    folders = {key: _absolute(key, text) for key, text in given.items() if text}
    for key, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{key}: {folder} cannot be made: {error.strerror}; name another one."
            ) from error
    store_folders(folders)
    print(f"{'Updated' if was_there else 'Created'} config file at {stored_file()}")
    for key in KEYS:
        print(f"{_TITLES[key]}: {folders.get(key, stored.get(key))}")
    if has_settings():
        print(f"In this folder {SETTINGS.absolute()} decides, not these.")
    return 0


def _ask(key: str) -> str:
    option = f"--{key.replace('_', '-')}"
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{option} is missing, and there is no terminal to ask in; give it as "
            f"'brainsets config set {option} FOLDER'."
        )
    # What it asks is no part of what a script may read.
    print(f"{_TITLES[key]}: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        raise SettingsError(f"{option}: no folder was named; nothing was changed.")
    return answer


def _absolute(key: str, text: str) -> Path:
    folder = text if os.path.isdir(text) else os.path.expandvars(text)
    if (unset := _VARIABLE.search(folder)) and not os.path.isdir(folder):
        raise SettingsError(
            f"{key}: {text} names the environment variable {unset[1]}, which is not "
            "set; set it, or write the path in full."
        )
    return Path(os.path.abspath(expand_home(key, folder)))
