"""The documents of the project taken apart: blocks, commands, files to be saved."""

import re
import shlex

import pytest

from tests.helpers.workspace import ROOT

DOCUMENTS = sorted(
    path
    for folder in ("", "benchmarks", "benchmarks/results", "config", "docs", "profiles")
    for path in (ROOT / folder).glob("*.md")
)
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS
}
README = TEXTS["README.md"]


def blocks(text, language):
    """Return the content of all fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def marked_command(marker):
    pattern = rf"^<!-- command: {marker} -->\n```bash\n(.*?)```$"
    [block] = re.findall(pattern, README, re.M | re.S)
    return block


def shown(language):
    """Return the content of all fenced blocks of a language, in all documents."""
    return [block for text in TEXTS.values() for block in blocks(text, language)]


def saved_files(text):
    """Return the files that a document asks its reader to save, by path."""
    saved = re.findall(
        r"[Ss]ave this as `(\S+)`.*?^```\w+\n(.*?)^```$", text, re.M | re.S
    )
    return dict(saved)


def commands(text):
    return [line for block in blocks(text, "bash") for line in block.splitlines()]


ALL_COMMANDS = [
    pytest.param(command, id=f"{name}: {command[:60]}")
    for name, text in TEXTS.items()
    for command in commands(text)
]


OURS = ("brainsets ", "brainsets-workflow ", "uvx brainsets-workflow ")
OURS += ("python -m brainsets ", "python -m brainsets.runner ")
"""How commands of this project begin: installed, without that, from a clone."""


def module_and_words(command):
    """Return what ``python -m`` runs in place of a command of ours, as words."""
    [beginning] = [start for start in OURS if command.startswith(start)]
    module = "brainsets.runner" if ".runner" in beginning else "brainsets"
    return [module, *shlex.split(command.removeprefix(beginning))]


def starting_with(*beginnings):
    return [param for param in ALL_COMMANDS if param.values[0].startswith(beginnings)]


def stripped(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
