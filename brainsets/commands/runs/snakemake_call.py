"""Start Snakemake for one brainset, and tell what the list of its assets failed of."""

import math
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from brainsets.commands.configured import ROOT
from brainsets.commands.runs.typed_brainset import TypedBrainset
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.state import sentinels
from brainsets.shared.state.listing_notes import listing_notes
from brainsets.shared.text.secrets import without_secrets
from brainsets.shared.text.streams import print_to_stderr

__all__ = ["list_assets", "run_snakemake", "snakemake_words"]


def list_assets(
    typed: TypedBrainset, cores: int, *, again: bool, verbose: bool = False
) -> int:
    """Have the manifest written, `again` even if it is there; return the exit status.

    Nothing of it is shown but what it failed of.
    """
    options = ["--quiet", "all"]
    options += ["--forcerun", "write_manifest"] if again else []
    words = snakemake_words(typed.settings, typed.start, cores, options)
    words += ["--", str(typed.folder.manifest)]
    code = run_snakemake(typed, words, verbose=verbose, is_quiet=True)
    if again and code == 0:
        for note in listing_notes(typed.folder.log("write_manifest")):
            print_to_stderr(f"brainsets: {note}")
    return code


def snakemake_words(
    settings: Mapping[str, Any], start: Path, cores: int, options: Sequence[str]
) -> list[str]:
    """Return the command line of Snakemake, ending with the settings."""
    # Safe: with -P, no file of the current folder is taken for a module of Snakemake's.
    words = [sys.executable, "-P", "-m", "snakemake"]
    words += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(start)]
    # A folder may have a profile of that name for other workflows.
    words += ["--workflow-profile", str(ROOT / "profiles" / "default")]
    words += ["--cores", str(cores), *options, "--config"]
    return [*words, *(f"{key}={_as_yaml(value)}" for key, value in settings.items())]


def _as_yaml(value: object) -> str:
    """Return a value in one line, as Snakemake reads it on its command line.

    A bare path may not be YAML: " #" begins a comment in it. Snakemake takes away outer
    quotes, so there are blanks around them.
    """
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style='"', width=math.inf
    )
    return f" {text.strip()} "


def run_snakemake(
    typed: TypedBrainset, words: Sequence[str], *, verbose: bool, is_quiet: bool = False
) -> int:
    """Run it; return the exit status, 2 if the arguments of the pipeline are wrong.

    `is_quiet` is for runs that show nothing: the reason is then told here.
    """
    if verbose:
        print_to_stderr(f"$ {without_secrets(shlex.join(words))}")
    before = _failure(typed.folder)
    if typed.start != Path.cwd():
        print_to_stderr(f"brainsets: going on in {typed.start}, where this was begun")
    code = _call(words)
    usage = _failure(typed.folder)
    if code and usage is not None and usage != before:
        if usage["error"] == "UsageError":
            print_to_stderr(str(usage["message"]))
            if typed.folder.manifest.exists():
                # A mistyped argument does not make what was prepared before FAILED.
                typed.folder.listing_failure.unlink(missing_ok=True)
            return 2
        if is_quiet:
            print_to_stderr(f"brainsets: {usage['message']}")
    return code


def _failure(folder: BrainsetFolder) -> dict[str, Any] | None:
    """Return the last attempt to list the assets, if it failed."""
    record = sentinels.read_sentinel(folder.listing_failure)
    return record["attempts"][-1] if record else None


def _call(words: Sequence[str]) -> int:
    process = subprocess.Popen(words)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # Snakemake got the same Ctrl-C and is putting its jobs away.
            continue
        return code if code >= 0 else 128 - code
