"""What the imports of a pipeline's code imply: the published packages that it needs."""

import ast
import re
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from brainsets.sources.published import PACKAGES

__all__ = ["imported_packages", "is_importable"]


def imported_packages(sources: Iterable[str]) -> list[str]:
    """Return which published packages the code imports from, apart from what is ours.

    ``brainsets.pipeline`` and whatever else this project has is ours; helper modules
    such as ``brainsets.descriptions`` are the published package's.
    """
    found: set[str] = set()
    for text in sources:
        try:
            found.update(filter(None, map(_package, _imports(ast.parse(text)))))
        except (SyntaxError, ValueError):
            # For a newer Python than this one.
            lines = re.findall(r"^\s*(?:from|import)\s+([\w.]+)", text, re.M)
            found.update(filter(None, map(_package, lines)))
    return [name for name in PACKAGES if name in found]


def is_importable(package: str) -> bool:
    """Whether this interpreter has a published package; imports nothing of it."""
    module = "brainsets.descriptions" if package == "brainsets" else package
    return find_spec(module) is not None


def _imports(module: ast.Module) -> Iterable[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _package(imported: str) -> str | None:
    """Return the published package that a dotted name is imported from, or None."""
    first, _, rest = imported.partition(".")
    if first != "brainsets":
        return first if first in PACKAGES else None
    return "brainsets" if rest and not _is_ours(rest.partition(".")[0]) else None


def _is_ours(name: str) -> bool:
    ours = Path(__file__).resolve().parents[1]
    is_module = (ours / f"{name}.py").is_file() or (ours / name).is_dir()
    return is_module or hasattr(sys.modules["brainsets"], name) or name == "*"
