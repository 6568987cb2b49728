"""Which files a pipeline consists of: modules beside it, and files that it declares.

The result depends on the files alone, not on the version of Python, as jobs with
another version have to find the same. It is needed before each step, so the search is
bounded; modules from outside are recorded by the step that imports them.
"""

import glob
import json
import os
import re
import time
import tokenize
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = [
    "BLOCK",
    "metadata_blocks",
    "code_files",
    "files_in_block",
    "declared_files",
    "matching_files",
]

BLOCK = "brainset-pipeline"
"""The name of the block of comments in which a pipeline declares what it needs."""

# Tests beside a pipeline are no part of it.
_TESTS = re.compile(r"(test_.*|.*_test|conftest)\.py")
# Larger folders hold data, and listing them at each step would be slow.
_MAX_ENTRIES = 1000
_MAX_FOLDERS = 200
_NO_CODE = {"__pycache__", "node_modules"}
# A folder changed just now may change again without a new time.
_SETTLED_NS = 2_000_000_000

# Comments and triple-quoted strings are dropped; short strings may name a folder.
_LEXEME = re.compile(
    r"(?P<long>\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?''')"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<comment>#[^\n]*)",
    re.S,
)
_IMPORT = re.compile(
    r"(?:^|[;:])[ \t]*(?:from[ \t]+(?P<source>\w+)|import[ \t]+(?P<names>[^\n;]+))",
    re.M,
)
_FIRST = re.compile(r"(?:\./)?(\w+)(?:[./]|$)")


def code_files(path: Path) -> list[Path]:
    """Return the pipeline file and every module that it could import from beside it.

    Folders without ``__init__.py`` may hold anything, so only those count that the code
    names: in an import, or at the start of a string.
    """
    folder = path.parent
    beside: list[Path] = []
    plain = {}
    for name in os.listdir(folder):
        if name.endswith(".py"):
            beside.append(folder / name)
        # os.path.isfile is false, and no error, where permission is missing.
        if os.path.isfile(f"{folder}/{name}/__init__.py"):
            beside += (folder / name).rglob("*.py")
        elif _may_be_imported(name) and os.path.isdir(f"{folder}/{name}"):
            plain[name] = folder / name
    found = {path, *(p for p in beside if _is_module(p))}
    unread = [*found]
    while unread and plain:
        names = _named_folders(_source(unread.pop()))
        for name in sorted(names & {*plain}):
            more = {*_modules_below(plain.pop(name))} - found
            found |= more
            unread += more
    return sorted(found)


def _is_module(path: Path) -> bool:
    # Hidden files are locks and backups of editors, or metadata of macOS.
    hidden = path.name.startswith(".")
    return path.is_file() and not hidden and not _TESTS.fullmatch(path.name)


def _may_be_imported(name: str) -> bool:
    return name.isidentifier() and name not in _NO_CODE


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # The error is raised when the file is hashed.
        return b""


@lru_cache(maxsize=512)
def _named_folders(source: bytes) -> frozenset[str]:
    """Return the names of folders that code may refer to."""
    text = _text(source).replace("\\\n", " ")
    found = set()

    def take(lexeme: re.Match[str]) -> str:
        if lexeme["text"] and (first := _FIRST.match(lexeme["text"][1:-1])):
            found.add(first[1])
        return '""'

    for match in _IMPORT.finditer(_LEXEME.sub(take, text)):
        names = [match["source"] or "", *(match["names"] or "").split(",")]
        found.update(name.strip(" \t()").partition(".")[0] for name in names)
    return frozenset(re.split(r"\W", name)[0] for name in found)


def _text(source: bytes) -> str:
    """Return source as text, in whatever encoding."""
    lines = iter(source.splitlines(keepends=True))
    try:
        encoding, _ = tokenize.detect_encoding(lambda: next(lines, b""))
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text = source.decode("latin-1")
    return text.replace("\r\n", "\n")


def _modules_below(folder: Path) -> Iterator[Path]:
    """Yield all modules that can be imported from a folder without ``__init__.py``."""
    waiting, seen = deque([folder]), set[tuple[int, int]]()
    while waiting and len(seen) < _MAX_FOLDERS:
        folder = waiting.popleft()
        try:
            status = os.stat(folder)
            # A link may lead in a circle.
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            modules, folders = _listed(folder, status)
        except OSError:
            continue
        yield from (Path(folder, name) for name in modules)
        waiting.extend(Path(folder, name) for name in folders)


_listings: dict[Path, tuple[tuple[int, int], tuple[list[str], list[str]]]] = {}


def _listed(folder: Path, status: os.stat_result) -> tuple[list[str], list[str]]:
    """Return the modules and folders in a folder that can be imported."""
    identity = status.st_mtime_ns, status.st_ino
    known = _listings.get(folder)
    if known is not None and known[0] == identity:
        return known[1]
    modules: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MAX_ENTRIES or entry.name in ("pyvenv.cfg", "conda-meta"):
                modules, folders = [], []
                break
            stem, dot, suffix = entry.name.partition(".")
            if not _may_be_imported(stem) or (dot and suffix != "py"):
                continue
            if not dot and os.path.isdir(entry):
                folders.append(entry.name)
            elif dot and os.path.isfile(entry) and not _TESTS.fullmatch(entry.name):
                modules.append(entry.name)
    listing = sorted(modules), sorted(folders)
    if abs(time.time_ns() - status.st_mtime_ns) > _SETTLED_NS:
        _listings[folder] = identity, listing
    return listing


def metadata_blocks(lines: list[str]) -> Iterator[tuple[int, str | None]]:
    """Yield line number and content of each block of a pipeline's source.

    The form is that of inline script metadata (PEP 723). The content is None if the
    block is not closed.
    """
    number = 0
    while number < len(lines):
        opening = re.fullmatch(r"#\s*///\s*(\S+)\s*", lines[number])
        number += 1
        if not opening or opening[1] != BLOCK:
            continue
        start, content = number, []
        while number < len(lines) and re.match(r"#( |$)", lines[number]):
            content.append(lines[number][2:])
            number += 1
        # As in PEP 723 the last "# ///" of the comment closes the block.
        while content and content[-1].rstrip() != "///":
            content.pop()
        yield start, "\n".join(content[:-1]) if content else None


_FILES = re.compile(
    r"^[ \t]*(?:files|\"files\"|'files')[ \t]*=[ \t]*\["
    r"(?P<items>(?:[\s,]|#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')*)\]",
    re.M,
)
_ITEM = re.compile(r"#[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")


def files_in_block(content: str) -> list[str]:
    """Return what a block names as ``files``: patterns, relative to the pipeline.

    Without a parser of TOML, which is not in Python 3.10.
    """
    match = _FILES.search(content)
    if not match:
        return []
    items = _ITEM.findall(match["items"])
    return [_unquoted(item) for item in items if not item.startswith("#")]


def _unquoted(item: str) -> str:
    if item.startswith("'"):
        return item[1:-1]
    try:
        return str(json.loads(item, strict=False))
    except ValueError:
        return item[1:-1]


@lru_cache(maxsize=16)
def _patterns(source: bytes) -> list[str]:
    if BLOCK.encode() not in source:
        return []
    found = metadata_blocks(_text(source).splitlines())
    return [p for _, content in found if content for p in files_in_block(content)]


def declared_files(path: Path) -> list[Path]:
    """Return the files that a pipeline declares in its block, sorted."""
    names: set[str] = set()
    for pattern in _patterns(_source(path)):
        names.update(matching_files(path.parent, pattern))
    return [path.parent / name for name in sorted(names)]


def matching_files(folder: Path, pattern: str) -> list[str]:
    """Return the files that match a pattern, relative to a folder.

    A matching folder stands for all files in it, other than hidden ones.
    """
    found = []
    for name in glob.glob(pattern, root_dir=folder, recursive=True):
        if os.path.isdir(folder / name):
            inside = glob.glob(
                f"{glob.escape(name)}/**", root_dir=folder, recursive=True
            )
            found += [each for each in inside if os.path.isfile(folder / each)]
        elif os.path.isfile(folder / name):
            found.append(name)
    return [os.path.normpath(name) for name in found]
