"""Completion in the shell: of commands, pipelines, brainsets and assets.

argcomplete does it: the shell calls the command itself, which then looks for what
begins as the word that is being typed.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from brainsets.commands.configured import configured, results_folder
from brainsets.errors import BrainsetError, SettingsError
from brainsets.shared.files import write_atomically
from brainsets.shared.manifest import read_manifest
from brainsets.shared.state.status import find_brainsets
from brainsets.sources.archive_datasets import dataset_named

__all__ = ["InstallCompletion", "add_parser", "complete", "completed_by"]

_COMMANDS = ["brainsets", "brainsets-workflow"]
_SHELLS = ("bash", "zsh", "tcsh", "fish")
# Where the published command puts its own, below the home folder.
_FILES = {
    "bash": ".local/share/bash-completion/completions/brainsets",
    "zsh": ".zfunc/_brainsets",
}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "completion",
        help="print a script that completes these commands in a shell",
        description="Print a script that completes commands, options, pipelines and "
        'assets. In bash: eval "$(brainsets completion bash)". '
        "'brainsets --install-completion' puts it where bash and zsh find it.",
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=_SHELLS)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    print(_script(options.shell))
    return 0


class InstallCompletion(argparse.Action):
    """The option ``--install-completion`` of the published command."""

    def __call__(self, *_: Any) -> None:
        shell = os.path.basename(os.environ.get("SHELL", ""))
        if shell not in _FILES:
            raise SettingsError(
                f"--install-completion works for bash and zsh, but SHELL is {shell!r}; "
                "see 'brainsets completion --help'."
            )
        file = Path(os.path.expanduser("~")) / _FILES[shell]
        write_atomically(file, _script(shell).encode())
        print(f"Completion installed for {shell} at {file}")
        if shell == "zsh":
            print("Make sure ~/.zfunc is in your fpath.")
        print("Restart your shell to activate.")
        raise SystemExit(0)


def _script(shell: str) -> str:
    from argcomplete.shell_integration import shellcode

    return str(shellcode(_COMMANDS, shell=shell))


def complete(parser: argparse.ArgumentParser) -> None:
    """End this process with completions, if that is what the shell asks for."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def completed_by(action: argparse.Action, what: str) -> None:
    """Have the value of an option completed: ``pipeline``, ``brainset``, ``asset``."""
    action.completer = _COMPLETERS[what]  # type: ignore[attr-defined]


def _pipelines(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from argcomplete.completers import DirectoriesCompleter

    from brainsets.sources.catalog import catalog

    is_path = bool(prefix) or parsed_args.local
    folders = [*DirectoriesCompleter()(prefix)] if is_path else []
    try:
        names = [
            entry.usage.partition("ID")[0] for entry in catalog(configured("catalog"))
        ]
    except BrainsetError:
        return folders
    return folders if parsed_args.local else [*names, *folders]


def _brainsets(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    try:
        folders = find_brainsets(_results(parsed_args), [])
    except BrainsetError:
        return []
    return [folder.root.name for folder in folders]


def _assets(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Return the ids of what was listed, of the brainset that is typed if one is."""
    typed = getattr(parsed_args, "id", None) or getattr(parsed_args, "brainset", [])
    names = [typed] if isinstance(typed, str) else typed or []
    names = [_folder_name(name) for name in names]
    found: list[str] = []
    try:
        for folder in find_brainsets(_results(parsed_args), []):
            if not names or folder.root.name in names:
                found += read_manifest(folder.manifest).names
    except BrainsetError:
        pass
    return found


def _folder_name(typed: str) -> str:
    """Return the name of the folder of what is typed for a pipeline."""
    try:
        dataset = dataset_named(typed)
    except BrainsetError:
        dataset = None
    return dataset.brainset_id if dataset else os.path.basename(os.path.normpath(typed))


def _results(parsed_args: argparse.Namespace) -> Path:
    return getattr(parsed_args, "processed_dir", None) or results_folder()


_COMPLETERS = {"pipeline": _pipelines, "brainset": _brainsets, "asset": _assets}
