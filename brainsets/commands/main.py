"""``brainsets``: prepare, status, report and list."""

import argparse
from collections.abc import Sequence

from brainsets.commands import listing, prepare, report, status
from brainsets.commands.exit_status import exit_status
from brainsets.shared.version import VERSION

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status.

    0 is success, 1 that an asset or the run failed, 2 that the command was wrong.
    """
    return exit_status(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="brainsets",
        description="Prepare public neural recordings for machine learning.",
        epilog="'snakemake --cores 16' runs what config/config.yaml asks for; "
        "see README.md.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    prepare.add_parser(commands)
    status.add_parser(commands)
    report.add_parser(commands)
    listing.add_parser(commands)
    options, remaining = parser.parse_known_args(argv)
    if remaining and options.command != "prepare":
        parser.error(f"unrecognized arguments: {' '.join(remaining)}")
    options.remaining = remaining
    return options.run(options)
