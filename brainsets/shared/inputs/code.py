"""Hashes of a pipeline's code: of its bytes, and of its syntax trees."""

import ast
import hashlib
import os
from pathlib import Path

from brainsets.shared.inputs.code_files import code_files, declared_files
from brainsets.shared.inputs.content_hashes import content_hash

__all__ = ["EDITED", "code_files", "code_hash", "code_stamp", "file_hash"]

EDITED = "edited while the step ran"
"""Recorded instead of a hash of what was edited."""


def code_stamp(path: Path) -> str:
    """Return a hash of the code's bytes, which any edit changes."""
    digest = hashlib.sha256()
    for file in code_files(path):
        digest.update(_label(file, path) + file.read_bytes() + b"\0")
    digest.update(_named(path))
    return digest.hexdigest()[:16]


def code_hash(path: Path) -> str:
    """Return a hash of what the code does.

    Changes of comments, docstrings and layout do not change it, nor does the version of
    Python, if it can parse the code.
    """
    digest = hashlib.sha256()
    for file in code_files(path):
        digest.update(_label(file, path) + _normalized(file.read_bytes()) + b"\0")
    digest.update(_named(path))
    return digest.hexdigest()[:16]


def file_hash(path: Path) -> str:
    """Return a hash of one file of code, which ignores what `code_hash` ignores."""
    content = path.read_bytes()
    is_python = path.suffix == ".py"
    content = _normalized(content) if is_python else content
    return hashlib.sha256(content).hexdigest()[:16]


def _label(file: Path, path: Path) -> bytes:
    # Declared files may be outside of the pipeline's folder.
    name = Path(os.path.relpath(file, path.parent)).as_posix()
    return name.encode("utf-8", "surrogateescape") + b"\0"


def _named(path: Path) -> bytes:
    """Return hashes of the files that the pipeline declares; empty if none."""
    found = b""
    for file in declared_files(path):
        content = content_hash(file) or "it cannot be read"
        found += b"file\0" + _label(file, path) + content.encode() + b"\0"
    return found


def _normalized(source: bytes) -> bytes:
    try:
        return _dump(ast.parse(source)).encode()
    except (SyntaxError, ValueError):
        # It needs a newer Python, or is no Python.
        return source


def _dump(node: object) -> str:
    """Return a syntax tree as text that is the same in all versions of Python.

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
