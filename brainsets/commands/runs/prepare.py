"""``brainsets prepare`` and ``python -m brainsets.runner``: one brainset by Snakemake.

They take what users of the published package type, and start Snakemake with it.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from brainsets.commands.completion import completed_by
from brainsets.commands.exit_status import exit_status
from brainsets.commands.runs.snakemake_call import (
    list_assets,
    run_snakemake,
    snakemake_words,
)
from brainsets.commands.runs.typed_brainset import (
    add_folders,
    add_name,
    say_what_is_left_out,
    typed_brainset,
)
from brainsets.display.units import size_text
from brainsets.errors import SettingsError
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.text.streams import print_to_stderr

__all__ = ["add_parser", "runner_main"]

# Of bytes; a column with a value missing has its numbers as floats.
_NUMBER = re.compile(r"\d+(\.\d*)?", re.ASCII)
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
    add_name(parser)
    _add_common(parser, required=False)
    parser.set_defaults(run=_run)


def _add_common(parser: argparse.ArgumentParser, *, required: bool) -> None:
    add_folders(parser, required=required)
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
    return _prepare(options, options.remaining)


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
    options.brainset, options.local = str(options.pipeline_file), True
    options.verbose, options.id, options.use_active_env = False, None, True
    return _prepare(options, remaining)


def _prepare(options: argparse.Namespace, arguments: list[str]) -> int:
    if options.cores < 1:
        raise SettingsError(f"--cores is {options.cores}, but must be at least 1.")
    arguments = [argument for argument in arguments if argument != "--"]
    typed = typed_brainset(options, arguments)
    if options.download_only:
        typed.settings["download_only"] = True
    say_what_is_left_out(typed.named)
    if options.list:
        # --list is about what the archive has now.
        code = list_assets(typed, options.cores, again=True, verbose=options.verbose)
        if code == 0:
            sys.stdout.write(typed.folder.manifest.read_text(encoding="utf-8"))
            sys.stdout.flush()
            print_to_stderr(_total(read_manifest(typed.folder.manifest)))
        return code
    forced = [rule for flag, rule in _AGAIN.items() if flag in arguments]
    asked = ["--printshellcmds"] if options.verbose else []
    asked += ["--forcerun", *forced] if forced else []
    words = snakemake_words(typed.settings, typed.start, options.cores, asked)
    return run_snakemake(typed, words, verbose=options.verbose)


def _total(manifest: Manifest) -> str:
    """Return how many assets there are, and their size if a column says that."""
    count = len(manifest.rows)
    text = f"{count:,} asset{'' if count == 1 else 's'}"
    names = [column.name for column in manifest.columns]
    if "size" not in names[1:]:
        return text
    position = names.index("size", 1)
    known = [row[position] for row in manifest.rows.values()]
    sizes = [float(value) for value in known if _NUMBER.fullmatch(value)]
    unknown = count - len(sizes)
    if not sizes:
        return text
    text += f", {size_text(sum(sizes))}"
    return f"{text}, and {unknown:,} of unknown size" if unknown else text
