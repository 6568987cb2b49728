"""``brainsets``: all commands, and what they have in common."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from brainsets.commands import (
    completion,
    config,
    init,
    listing,
    report,
    status,
)
from brainsets.commands.exit_status import exit_status
from brainsets.commands.results import check, recordings, verify
from brainsets.commands.runs import look, prepare
from brainsets.errors import SettingsError
from brainsets.shared.version import VERSION

__all__ = ["main"]


_COMMANDS = (
    *(prepare, look, status, report),
    *(recordings, check, verify),
    *(listing, init, config, completion),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status.

    0 is success, 1 that an asset or the run failed, 2 that the command was wrong.
    """
    return exit_status(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="brainsets",
        description="Prepare public neural recordings for machine learning.",
        epilog="In a clone, or a folder made by 'init', 'snakemake --cores 4' runs "
        "what config/config.yaml asks for.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="the folder in which relative paths start; the current one by default",
    )
    parser.add_argument(
        "--install-completion",
        action=completion.InstallCompletion,
        nargs=0,
        help="install completion for your shell and exit",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.add_parser(commands)
    completion.complete(parser)
    options, remaining = parser.parse_known_args(argv)
    if remaining and options.command not in ("prepare", "look"):
        parser.error(f"unrecognized arguments: {' '.join(remaining)}")
    options.remaining = remaining
    if options.directory is not None:
        _enter(options.directory)
    status_code: int = options.run(options)
    return status_code


def _enter(folder: Path) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise SettingsError(f"--directory: {folder}: {error.strerror}.") from error
