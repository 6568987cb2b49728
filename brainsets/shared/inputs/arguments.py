"""A pipeline's own arguments as they are recorded, to find out what is outdated.

Secrets are not recorded: a reference to one (``env:NAME``, ``file:PATH``) stays as it
is; what looks like a secret is replaced by a mask and a few bits of a hash, enough to
notice a change but not to guess it. An argument that names a file is followed by a hash
of the file's content.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from brainsets.shared.inputs.content_hashes import content_hash
from brainsets.shared.text.secrets import MASK, without_secrets

__all__ = [
    "without_repeat_flags",
    "literal_secrets",
    "named_files",
    "recorded",
    "secret_reference",
]

_NOT_COUNTED = {"--redownload", "--reprocess"}

# Compiled here, and not in each process that is forked for a step.
_OPTION = re.compile(r"--?[^\W\d][\w.-]*")
_REFERENCE = re.compile(
    r"(?P<option>--?[^=\s]+=)?(?P<where>env:[^\W\d]\w*|file:(?!//).+)"
)
_SECRET = (
    r"token|secret|passw(?:or)?d|passphrase|pwd|credentials?|"
    r"(?:api|access|account|private|secret|shared|subscription)[-_]?key"
)
_SECRET_OPTION = re.compile(rf"--?(?:[a-z0-9][\w-]*?)?(?:{_SECRET})", re.I)
_OPTION_OF_SECRET_FILE = re.compile(rf"--?[\w-]*(?:{_SECRET})[\w-]*", re.I)
_NO_SECRET = re.compile(r"[-+]?\d{1,5}(?:\.\d*)?|true|false|none|null|", re.I)
_MASKED = re.compile(rf"{re.escape(MASK)}[0-9a-f]{{4}}")
_ROUNDS = 100_000


def without_repeat_flags(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without the flags that only ask for a repetition."""
    return [argument for argument in arguments if argument not in _NOT_COUNTED]


def secret_reference(argument: str) -> tuple[str, str] | None:
    """Return the option before a reference to a secret, and the reference, or None."""
    match = _REFERENCE.fullmatch(argument)
    return (match["option"] or "", match["where"]) if match else None


def recorded(
    arguments: Sequence[str], folder: Path | None, *, with_files: bool = True
) -> list[str]:
    """Return the arguments as they are recorded, and compared with later ones.

    Parameters
    ----------
    arguments : sequence of str
        The arguments.
    folder : Path or None
        Where relative paths start; None if only absolute paths count.
    with_files : bool
        Whether to add hashes of files.
    """
    found = []
    for option, before, value in _parts(without_repeat_flags(arguments)):
        argument = before + value
        if _is_literal_secret(option, value, folder):
            argument = f"{before}{_masked(value)}"
        elif not _SECRET_OPTION.fullmatch(option) and (
            (shown := _shown(argument)) != argument
        ):
            argument = f"{shown} ({_mark(argument)})"
        elif with_files:
            files = _files(option, before, value, folder)
            hashes = [content for _, content in files]
            argument += f" [sha256 {' '.join(hashes)}]" if hashes else ""
        found.append(argument)
    return found


def literal_secrets(
    arguments: Sequence[str], folder: Path | None
) -> list[tuple[str, str]]:
    """Return secrets given literally, each with its option."""
    return [
        (option, value)
        for option, _, value in _parts(arguments)
        if _is_literal_secret(option, value, folder)
    ]


def named_files(arguments: Sequence[str], folder: Path | None) -> list[Path]:
    """Return the files whose content counts."""
    parts = _parts(without_repeat_flags(arguments))
    return [path for part in parts for path, _ in _files(*part, folder)]


def _parts(arguments: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the option, the text before the value, and the value of each argument."""
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and _OPTION.fullmatch(name):
            yield name, f"{name}=", value
            option = ""
        else:
            is_option = bool(_OPTION.fullmatch(argument))
            yield "" if is_option else option, "", argument
            option = argument if is_option else ""


def _is_literal_secret(option: str, value: str, folder: Path | None) -> bool:
    if not _SECRET_OPTION.fullmatch(option) or secret_reference(value):
        return False
    if _NO_SECRET.fullmatch(value) and not re.search("pass|pwd", option, re.I):
        return False
    # The path of a file with a secret is no secret.
    return bool(value) and content_hash(_path(value, folder)) is None


@lru_cache(maxsize=256)
def _shown(argument: str) -> str:
    return without_secrets(argument)


def _masked(value: str) -> str:
    return value if _MASKED.fullmatch(value) else MASK + _mark(value)


@lru_cache(maxsize=64)
def _mark(value: str) -> str:
    """Return 16 bits of a slow hash."""
    content = value.encode("utf-8", "surrogateescape")
    salt = b"brainsets: arguments"
    return hashlib.pbkdf2_hmac("sha256", content, salt, _ROUNDS, 2).hex()


def _files(
    option: str, before: str, value: str, folder: Path | None
) -> list[tuple[Path, str]]:
    """Return the files that an argument names, each with a hash of its content."""
    if secret_reference(value) or _OPTION_OF_SECRET_FILE.fullmatch(option):
        return []
    # Also argparse's files of arguments (@file), and lists separated by commas.
    candidates = [value, value.removeprefix("@"), *value.split(",")]
    found = []
    for candidate in dict.fromkeys(filter(None, candidates)):
        path = _path(candidate, folder)
        content = content_hash(path) if path else None
        if content is not None:
            found.append((Path(path), content))
    return found


def _path(value: str, folder: Path | None) -> str:
    """Return an absolute path; empty for a relative one without a folder."""
    path = os.path.expanduser(value) if value.startswith("~") else value
    if os.path.isabs(path):
        return path
    return os.path.join(folder, path) if folder else ""
