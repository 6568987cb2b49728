"""What can be read from a pipeline's source text without running it."""

import ast
import re
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, PipelineError, SettingsError
from brainsets.shared.inputs.code import code_files, code_hash, code_stamp
from brainsets.sources.declaration import Declaration, read_declaration
from brainsets.sources.imports import imported_packages, is_importable
from brainsets.sources.published import pinned

__all__ = ["PipelineSource", "check_id"]

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ID_LINE = re.compile(r"""^\s+brainset_id\s*(?::[^=]+)?=\s*(["'])(.*?)\1""", re.M)


@dataclass(frozen=True)
class PipelineSource:
    """One pipeline file.

    `versions` are those of the published packages, where it imports from them.
    """

    path: Path
    versions: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def text(self) -> str:
        """The file's text."""
        try:
            # As Python reads it: by its mark, or its coding line, or as UTF-8.
            with tokenize.open(self.path) as file:
                return file.read()
        except (OSError, SyntaxError, UnicodeDecodeError) as error:
            raise PipelineError(f"{self.path} cannot be read: {error}.") from error

    @cached_property
    def brainset_id(self) -> str:
        """The id that the class ``Pipeline`` assigns.

        Raises
        ------
        PipelineError
            There is none, or it cannot name a folder.
        """
        found = _assigned_id(self.text)
        if found is None:
            raise PipelineError(
                f'{self.path} has no line brainset_id = "..." in a class Pipeline; '
                "add one, as plain text."
            )
        check_id(found, f"{self.path}: brainset_id {found!r}", PipelineError)
        return found

    @cached_property
    def declaration(self) -> Declaration | None:
        """The dependencies that the file declares, None if it declares none.

        A published package that the code imports from without declaring it is among
        them: the published tools install themselves beside what is declared. A file
        that declares nothing runs in the active interpreter if that has the package.
        """
        declared = read_declaration(self.path, self.text)
        if declared is not None and not declared.is_isolated:
            declared = None
        packages = imported_packages([self.text, *self._texts_beside()])
        if declared is None and all(map(is_importable, packages)):
            return None
        declared = declared or Declaration(None)
        return declared.implying([pinned(name, self.versions) for name in packages])

    @property
    def environment_key(self) -> str | None:
        """A hash of what the environment holds; None if it needs none of its own."""
        return self.declaration.key if self.declaration else None

    def file(self, environment: Path) -> Path:
        """Return the pipeline's file, wherever the environment built for it is."""
        return self.path

    def _texts_beside(self) -> list[str]:
        try:
            files = [file for file in code_files(self.path) if file != self.path]
            return [file.read_text(encoding="utf-8") for file in files]
        except (OSError, UnicodeDecodeError):
            # Whoever needs such a file says that it cannot be read.
            return []

    @cached_property
    def code(self) -> str:
        """A hash of what the code does: the file, modules beside it, files it names."""
        return self._hashed(code_hash)

    @cached_property
    def code_stamp(self) -> str:
        """A hash of the same code's bytes."""
        return self._hashed(code_stamp)

    def _hashed(self, function: Callable[[Path], str]) -> str:
        try:
            return function(self.path)
        except OSError as error:
            raise PipelineError(
                f"the code of {self.path} cannot be read: {error}."
            ) from error


def check_id(
    brainset_id: str, what: str, error: type[BrainsetError] = SettingsError
) -> None:
    """Check that an id can name a folder; `what` names it in the sentence."""
    if not _ID.fullmatch(brainset_id):
        raise error(
            f"{what} cannot name a folder; use letters, digits, '.', '_' and '-', "
            "and start with neither '.' nor '-'."
        )


def _assigned_id(text: str) -> str | None:
    try:
        module = ast.parse(text)
    except SyntaxError:
        # Written for a newer Python than this one: its own interpreter will judge.
        match = _ID_LINE.search(text)
        return match[2] if match else None
    constants = dict(filter(None, map(_constant, module.body)))
    for statement in module.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Pipeline":
            return _id_in(statement, constants)
    return None


def _id_in(pipeline: ast.ClassDef, constants: dict[str, Any]) -> str | None:
    for statement in pipeline.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if "brainset_id" not in names:
            continue
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Name):
            return constants.get(value.id)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _constant(statement: ast.stmt) -> tuple[str, str] | None:
    """Return name and value of an assignment of text to one name, else None."""
    target: ast.expr
    if isinstance(statement, ast.AnnAssign):
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    else:
        return None
    if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
        if isinstance(value.value, str):
            return target.id, value.value
    return None
