"""One brainset as it is typed, as settings of a run."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import (
    SETTINGS,
    configured,
    configured_folder,
    entries_here,
    folder_of_run,
)
from brainsets.errors import BrainsetError, SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.streams import print_to_stderr
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.catalog import NamedBrainset, find_brainset

__all__ = [
    "TypedBrainset",
    "add_folders",
    "add_name",
    "say_what_is_left_out",
    "typed_brainset",
]


@dataclass(frozen=True)
class TypedBrainset:
    """The settings of a run for one brainset, and the folder in which it starts."""

    named: NamedBrainset
    settings: dict[str, Any]
    start: Path

    @property
    def folder(self) -> BrainsetFolder:
        """Its processed folder."""
        return BrainsetFolder(Path(self.settings["processed_dir"], self.named.id))


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add what names the brainset."""
    completed_by(
        parser.add_argument(
            "brainset",
            help="name of a pipeline, path of its folder, or ARCHIVE:ID[@VERSION]",
        ),
        "pipeline",
    )
    parser.add_argument(
        "--local", action="store_true", help="BRAINSET is a path, not a name"
    )
    parser.add_argument(
        "--id", metavar="NAME", help="name the brainset's folders otherwise"
    )
    parser.add_argument(
        "--use-active-env",
        action="store_true",
        help="run in this interpreter, not in one built for the pipeline",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show the commands of all jobs"
    )


def add_folders(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the folders of downloads and of results."""
    where = "" if required else "; by default as in the settings"
    parser.add_argument(
        "--raw-dir", type=Path, required=required, help=f"folder of downloads{where}"
    )
    parser.add_argument(
        "--processed-dir",
        type=Path,
        required=required,
        help=f"folder of results{where}",
    )


def typed_brainset(options: argparse.Namespace, arguments: list[str]) -> TypedBrainset:
    """Return the settings of a run for what was typed.

    Parameters
    ----------
    options : Namespace
        Those that `add_name` and `add_folders` have added, and ``single``, an asset.
    arguments : list of str
        The pipeline's own.

    Raises
    ------
    SettingsError
        There is no such pipeline, or nothing can be written where the run starts.
    """
    pipeline, active = options.brainset, options.use_active_env
    if options.local:
        pipeline = str(expand_home("the pipeline", pipeline).absolute())
    versions = configured("catalog")
    named = find_brainset(pipeline, options.id, versions=versions, active=active)
    start = Path.cwd()
    if options.processed_dir is None:
        start = folder_of_run(named.id)
    _check_writable(start)
    raw_dir, processed_dir = (
        os.path.abspath(
            expand_home(key, given) if given else configured_folder(key, start)
        )
        for key, given in (
            ("raw_dir", options.raw_dir),
            ("processed_dir", options.processed_dir),
        )
    )
    entry: dict[str, Any] = {
        # The name of a dataset says more than the pipeline that is for all.
        "pipeline": pipeline if named.args else str(named.source),
        "args": arguments,
        "assets": [] if options.single is None else [options.single],
        "environment": "active" if active else "isolated",
    }
    if options.id is not None:
        entry["id"] = options.id
    settings = {"raw_dir": raw_dir, "processed_dir": processed_dir}
    return TypedBrainset(named, {**settings, "brainsets": [entry]}, start)


def say_what_is_left_out(named: NamedBrainset) -> None:
    """Say which settings of a brainset do not count, as only what is typed does."""
    for entry in entries_here():
        try:
            other = find_brainset(
                entry["pipeline"], entry.get("id"), versions=configured("catalog")
            )
        except (BrainsetError, KeyError, TypeError):
            continue
        keys = ", ".join(sorted(map(str, {*entry} - {"pipeline", "id"})))
        is_same = str(other.source) == str(named.source) and other.id == named.id
        if keys and is_same:
            print_to_stderr(
                f"brainsets: of {named.id}, prepare leaves out what "
                f"{SETTINGS} sets ({keys}): only what is typed counts; 'snakemake' "
                "takes the settings"
            )


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"nothing can be written to {folder}, where a run that is started there "
            "keeps its records (.snakemake); go to another folder, or name one with "
            "'brainsets --directory FOLDER prepare ...'."
        )
