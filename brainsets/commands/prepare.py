"""``brainsets prepare`` and ``python -m brainsets.runner``: one brainset by Snakemake.

They take what users of the published package type, and start Snakemake with it.
"""

import argparse
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from brainsets.commands.completion import completed_by
from brainsets.commands.configured import (
    ROOT,
    SETTINGS,
    configured,
    configured_folder,
    entries_here,
    folder_of_run,
)
from brainsets.commands.exit_status import exit_status
from brainsets.errors import BrainsetError, SettingsError
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state import sentinels
from brainsets.shared.text.secrets import without_secrets
from brainsets.shared.text.streams import print_to_stderr
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.catalog import NamedBrainset, find_brainset

__all__ = ["add_parser", "runner_main"]

# Snakemake reruns what has changed; these options force a rule without a change.
_AGAIN = {"--redownload": "download_asset", "--reprocess": "process_asset"}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "prepare",
        help="list, download and process one brainset",
        description="List, download and process the recordings of one brainset. "
        "Arguments that are not listed here go to the pipeline.",
        allow_abbrev=False,
    )
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
    _add_common(parser, required=False)
    parser.set_defaults(run=_run)


def _add_common(parser: argparse.ArgumentParser, *, required: bool) -> None:
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
    completed_by(
        parser.add_argument(
            "-s", "--single", metavar="ASSET", help="prepare one asset"
        ),
        "asset",
    )
    parser.add_argument(
        "-c", "--cores", type=int, default=4, help="cores to use (default: 4)"
    )
    parser.add_argument(
        "--list", action="store_true", help="print the manifest and exit"
    )
    parser.add_argument(
        "--download-only", action="store_true", help="download and exit"
    )


def _run(options: argparse.Namespace) -> int:
    path = options.brainset
    if options.local:
        path = str(expand_home("the pipeline", path).absolute())
    environment = "active" if options.use_active_env else "isolated"
    return _prepare(path, options, options.remaining, environment)


def runner_main(argv: Sequence[str] | None = None) -> int:
    """Run the published runner's command line; return its exit status."""
    return exit_status(lambda: _run_file(argv))


def _run_file(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m brainsets.runner",
        description="List, download and process the recordings of one pipeline, in "
        "this interpreter. Arguments that are not listed here go to the pipeline.",
        allow_abbrev=False,
    )
    parser.add_argument("pipeline_file", type=Path)
    _add_common(parser, required=True)
    options, remaining = parser.parse_known_args(argv)
    options.verbose, options.id = False, None
    path = str(expand_home("the pipeline", options.pipeline_file).absolute())
    return _prepare(path, options, remaining, "active")


def _prepare(
    pipeline: str, options: argparse.Namespace, arguments: list[str], environment: str
) -> int:
    if options.cores < 1:
        raise SettingsError(f"--cores is {options.cores}, but must be at least 1.")
    active = environment == "active"
    versions = configured("catalog")
    named = find_brainset(pipeline, options.id, versions=versions, active=active)
    arguments = [argument for argument in arguments if argument != "--"]
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
    settings: dict[str, Any] = {
        "raw_dir": raw_dir,
        "processed_dir": processed_dir,
        "brainsets": [
            {
                # The name of a dataset says more than the pipeline that is for all.
                "pipeline": pipeline if named.args else str(named.source),
                "args": arguments,
                "assets": [] if options.single is None else [options.single],
                "environment": environment,
            }
        ],
    }
    if options.id is not None:
        settings["brainsets"][0]["id"] = options.id
    if options.download_only:
        settings["download_only"] = True
    _say_what_is_left_out(named)
    folder = BrainsetFolder(Path(processed_dir, named.id))
    command = _snakemake(settings, options, arguments, start)
    if options.list:
        command.insert(command.index("--config"), "--quiet")
        command.insert(command.index("--config"), "all")
        command += ["--", str(folder.manifest)]
    if options.verbose:
        print_to_stderr(f"$ {without_secrets(shlex.join(command))}")
    before = _failure(folder)
    if start != Path.cwd():
        print_to_stderr(f"brainsets: going on in {start}, where this was begun")
    code = _call(command)
    usage = _failure(folder)
    if code and usage is not None and usage != before:
        if usage["error"] == "UsageError":
            print_to_stderr(str(usage["message"]))
            if folder.manifest.exists():
                # A mistyped argument does not make what was prepared before FAILED.
                folder.listing_failure.unlink(missing_ok=True)
            return 2
        if options.list:
            print_to_stderr(f"brainsets: {usage['message']}")
    if options.list and code == 0:
        sys.stdout.write(folder.manifest.read_text(encoding="utf-8"))
    return code


def _say_what_is_left_out(named: NamedBrainset) -> None:
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


def _snakemake(
    settings: dict[str, Any],
    options: argparse.Namespace,
    arguments: list[str],
    start: Path,
) -> list[str]:
    # Safe: with -P, no file of the current folder is taken for a module of Snakemake's.
    command = [sys.executable, "-P", "-m", "snakemake"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(start)]
    # A folder may have a profile of that name for other workflows.
    command += ["--workflow-profile", str(ROOT / "profiles" / "default")]
    command += ["--cores", str(options.cores)]
    command += ["--printshellcmds"] if options.verbose else []
    forced = [rule for flag, rule in _AGAIN.items() if flag in arguments]
    if options.list:
        # --list is about what the archive has now.
        forced = ["write_manifest"]
    command += ["--forcerun", *forced] if forced else []
    command.append("--config")
    command += [f"{key}={_as_yaml(value)}" for key, value in settings.items()]
    return command


def _as_yaml(value: object) -> str:
    """Return a value in one line, as Snakemake reads it on its command line.

    A bare path may not be YAML: " #" begins a comment in it. Snakemake takes away outer
    quotes, so there are blanks around them.
    """
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style='"', width=math.inf
    )
    return f" {text.strip()} "


def _failure(folder: BrainsetFolder) -> dict[str, Any] | None:
    """Return the last attempt to list the assets, if it failed."""
    record = sentinels.read_sentinel(folder.listing_failure)
    return record["attempts"][-1] if record else None


def _call(command: list[str]) -> int:
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # Snakemake got the same Ctrl-C and is putting its jobs away.
            continue
        return code if code >= 0 else 128 - code
