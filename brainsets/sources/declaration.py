"""The block in which a pipeline declares the interpreter and packages it needs.

::

    # /// brainset-pipeline
    # python-version = "3.11"
    # dependencies = ["dandi==0.74.0", "scikit-learn==1.5.1"]
    # files = ["channels.json", "tables/*.csv"]
    # ///

The form is that of inline script metadata (PEP 723), the content is TOML.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomllib
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from brainsets.errors import PipelineError
from brainsets.shared.inputs.code_files import (
    BLOCK,
    files_in_block,
    matching_files,
    metadata_blocks,
)
from brainsets.shared.text.suggestions import did_you_mean

__all__ = ["Declaration", "read_declaration"]

_KEYS = ("files", "python-version", "dependencies")
_VERSION = re.compile(r"3\.\d+(\.\d+)?")
# The workflow's own code in that interpreter needs this, and nothing else.
_ALWAYS = ("pandas>=1.5",)


@dataclass(frozen=True)
class Declaration:
    """What a pipeline declares; `python_version` is None where it does not care.

    `implied` are requirements that it does not declare, but imports from; `files` are
    patterns of files that count as its code. `is_isolated` says whether it asks for an
    interpreter of its own.
    """

    python_version: str | None
    dependencies: Sequence[str] = ()
    implied: Sequence[str] = ()
    files: Sequence[str] = ()
    is_isolated: bool = True

    @property
    def requirements(self) -> list[str]:
        """Everything to install."""
        return [*self.dependencies, *self.implied, *_ALWAYS]

    def names(self, package: str) -> bool:
        """Whether a package is among the declared dependencies."""
        named = (canonicalize_name(Requirement(d).name) for d in self.dependencies)
        return canonicalize_name(package) in named

    def implying(self, requirements: Sequence[str]) -> "Declaration":
        """Return the same with implied requirements that are not declared already."""
        implied = [r for r in requirements if not self.names(Requirement(r).name)]
        return replace(self, implied=tuple(implied))

    @property
    def key(self) -> str:
        """A hash of all that decides what the environment holds."""
        content = json.dumps([self.python_version, self.requirements])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def read_declaration(path: Path, text: str) -> Declaration | None:
    """Return what a pipeline's source declares, None if there is no block.

    Raises
    ------
    PipelineError
        The block is malformed, or has a key or value that is not allowed.
    """
    found = []
    for start, content in metadata_blocks(text.splitlines()):
        if content is None:
            raise PipelineError(
                f"{path}, line {start}: the block '# /// {BLOCK}' is not closed; "
                "end it with a line '# ///', each line before it starting with '# '."
            )
        found.append((start, content))
    if not found:
        return None
    if len(found) > 1:
        raise PipelineError(
            f"{path}: the block '# /// {BLOCK}' stands in lines "
            f"{' and '.join(str(line) for line, _ in found)}; keep one of them."
        )
    number, content = found[0]
    where = f"{path}, block '# /// {BLOCK}' in line {number}"
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise PipelineError(f"{where}: not TOML: {error}.") from error
    for key in table:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS)
            raise PipelineError(
                f"{where}: unknown key {key!r}; allowed are "
                f"{', '.join(_KEYS[:-1])} and {_KEYS[-1]}"
                f"{'; ' + hint if hint else '.'}"
            )
    return Declaration(
        _python_version(where, table),
        _dependencies(where, table),
        files=_files(where, path.parent, table, content),
        # Who only names files has nothing to install.
        is_isolated=not table or bool({*table} - {"files"}),
    )


def _python_version(where: str, table: dict[str, Any]) -> str | None:
    version = table.get("python-version")
    if version is None:
        return None
    if not isinstance(version, str) or not _VERSION.fullmatch(version.strip()):
        raise PipelineError(
            f"{where}: python-version is {version!r}; "
            'give one version of Python 3 as text, such as "3.11".'
        )
    return version.strip()


def _dependencies(where: str, table: dict[str, Any]) -> tuple[str, ...]:
    dependencies = table.get("dependencies", [])
    if not isinstance(dependencies, list):
        raise PipelineError(
            f'{where}: dependencies is {dependencies!r}; give a list such as ["mne"].'
        )
    for dependency in dependencies:
        try:
            Requirement(dependency)
        except (InvalidRequirement, TypeError) as error:
            first = str(error).splitlines()[0]
            raise PipelineError(
                f"{where}: {dependency!r} is no requirement that can be installed "
                f'({first}); write it as in "mne==1.11.0".'
            ) from error
    return tuple(dependencies)


def _files(
    where: str, folder: Path, table: dict[str, Any], content: str
) -> tuple[str, ...]:
    files = table.get("files", [])
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise PipelineError(
            f'{where}: files is {files!r}; give a list such as ["channels.json"].'
        )
    if files_in_block(content) != files:
        # Jobs read it without a reader of TOML.
        raise PipelineError(
            f"{where}: files can only be read where it is written plainly, as in "
            'files = ["channels.json", "tables/*.csv"].'
        )
    for pattern in files:
        if os.path.isabs(pattern) or not pattern:
            raise PipelineError(
                f"{where}: files has {pattern!r}; name files relative to the "
                f"pipeline's folder, {folder}."
            )
        if not matching_files(folder, pattern):
            raise PipelineError(
                f"{where}: files has {pattern!r}, but there is no such file in "
                f"{folder}, where relative paths start; mend the name, or leave it out."
            )
    return tuple(files)
