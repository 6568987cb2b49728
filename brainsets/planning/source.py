"""What can be read from a pipeline's source text without running it."""

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from brainsets.errors import PipelineError
from brainsets.planning.declaration import Declaration, read_declaration

__all__ = ["PipelineSource"]

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ID_LINE = re.compile(r"""^\s+brainset_id\s*(?::[^=]+)?=\s*(["'])(.*?)\1""", re.M)
# Written beside a pipeline by its author, and no part of what it computes.
_TESTS = re.compile(r"(test_.*|.*_test|conftest)\.py")


@dataclass(frozen=True)
class PipelineSource:
    """One pipeline file."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The file's text."""
        try:
            return _read(self.path)
        except (OSError, UnicodeDecodeError) as error:
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
        if not _ID.fullmatch(found):
            raise PipelineError(
                f"{self.path}: brainset_id {found!r} cannot name a folder; "
                "use letters, digits, '.', '_' and '-', and no '.' at the start."
            )
        return found

    @cached_property
    def declaration(self) -> Declaration | None:
        """The dependencies that the file declares, None if it declares none."""
        return read_declaration(self.path, self.text)

    @cached_property
    def code(self) -> str:
        """A hash of the code: this file, and the modules and packages beside it.

        It is the same before and after a change of comments, docstrings or layout, and
        under every version of Python that can parse the code.
        """
        digest = hashlib.sha256()
        for path in _code_files(self.path):
            digest.update(path.relative_to(self.path.parent).as_posix().encode())
            digest.update(b"\0" + _normalized(path).encode() + b"\0")
        return digest.hexdigest()[:16]


def _read(path: Path) -> str:
    # Some editors on Windows put a mark before the first line, which is no part of it.
    return path.read_text(encoding="utf-8-sig")


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
        value = statement.value
        if isinstance(value, ast.Name):
            return constants.get(value.id)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _constant(statement: ast.stmt) -> tuple[str, str] | None:
    """Return name and value of an assignment of text to one name, else None."""
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


def _code_files(path: Path) -> list[Path]:
    """Return the pipeline file and every module that it could import from beside it."""
    folder = path.parent
    beside = [*folder.glob("*.py")]
    for package in folder.iterdir():
        if (package / "__init__.py").is_file():
            beside += package.rglob("*.py")
    return sorted({path, *(p for p in beside if _is_module(p))})


def _is_module(path: Path) -> bool:
    # Hidden files are locks and copies of editors and of macOS, and often no text.
    return not path.name.startswith(".") and not _TESTS.fullmatch(path.name)


def _normalized(path: Path) -> str:
    try:
        text = _read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read: {error}.") from error
    try:
        module = ast.parse(text)
    except SyntaxError:
        return text
    return _dump(module)


def _dump(node: object) -> str:
    """Return a syntax tree as text, alike in all versions of Python.

    `ast.dump` shows empty fields in some versions and not in others, so they are left
    out; positions, comments and layout are not in the tree, and docstrings are dropped.
    Python 3.12 has empty text in some f-strings; `repr` shows a new character escaped
    before the version that knows it.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and _has_docstring(node):
            value = value[1:]
        if isinstance(node, ast.JoinedStr) and name == "values":
            value = [part for part in value if not _is_empty_text(part)]
        if name in ("kind", "type_comment", "ctx") or value is None or value == []:
            # A constant None is the one None that means something.
            if not (isinstance(node, ast.Constant) and name == "value"):
                continue
        fields.append(f"{name}={_dump(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _is_empty_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _has_docstring(node: ast.AST) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node, False) is not None
