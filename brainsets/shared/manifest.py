"""The manifest on disk: a readable table, and what each of its columns holds.

``manifest.tsv`` is the source of truth: one line of column names, one line per asset,
the index first. ``manifest.schema.json`` beside it gives the type of each column (see
`brainsets.shared.text.manifest_cells`), and which code and arguments the list is of.
Reading needs the standard library only, so planning a run imports no pandas.
"""

import hashlib
import json
import os
from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from brainsets.errors import ManifestError
from brainsets.shared.files import is_regular, read_regular
from brainsets.shared.manifest_schema import Column, read_columns, schema_path
from brainsets.shared.text import manifest_cells as cells
from brainsets.shared.text.asset_names import AssetNames, asset_name, decoded_id
from brainsets.shared.text.escapes import escape

__all__ = [
    "Manifest",
    "Manifests",
    "RowText",
    "find_row",
    "is_broken",
    "prepare_row_class",
    "make_row",
    "read_manifest",
]


_FIRST_PART = 1 << 16
_Stamp = tuple[tuple[int, int, int], ...]


class Rows(Mapping[str, list[str]]):
    """The fields of each row as they stand in the file, by id, in the file's order.

    A line is split when it is used: of half a million, a run may need two.
    """

    def __init__(self, lines: dict[str, str]) -> None:
        self._lines = lines

    def __getitem__(self, asset: str) -> list[str]:
        return self._lines[asset].split("\t")

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, asset: object) -> bool:
        return asset in self._lines


@dataclass
class Manifest:
    """The table as text: ids, and each row's fields as they stand in the file."""

    path: Path
    columns: list[Column]
    rows: Rows = field(repr=False)

    @cached_property
    def names(self) -> AssetNames:
        """The file name of each asset, by id, in the order of the table."""
        return AssetNames(self.rows)

    def row_hash(self, asset: str) -> str:
        """Return a hash of what the row says, and nothing else."""
        return _row_hash(self.columns, self.rows[asset])


def _row_hash(columns: Sequence[Column], fields: Sequence[str]) -> str:
    # Neither the index's name nor the type of a column is part of a row: other rows may
    # change the latter.
    header = ["Index", *(column.name for column in columns[1:])]
    content = [
        (name, *cells.content(text, column.type))
        for name, column, text in zip(header, columns, fields)
    ]
    packed = json.dumps(content).encode()
    return hashlib.sha256(packed).hexdigest()[:16]


def is_broken(path: Path) -> bool:
    """Whether no list of assets is where the table should be.

    A crash leaves an empty file, or zeros. A wrong edit is reported with its line when
    the table is read, and not replaced.
    """
    if not is_regular(path):
        return True
    try:
        start = read_regular(path, max_bytes=_FIRST_PART)
    except OSError:
        # It cannot be read, or is too long to be blank.
        return False
    return not start.strip(b"\0\r\n\t ")


def _lines(path: Path) -> list[str]:
    try:
        text = read_regular(path).decode("utf-8")
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be read: {error.strerror}; "
            "list the assets anew with --forcerun write_manifest."
        ) from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path} is not UTF-8 text: {error}.") from error
    lines = text.split("\n")
    if "\r" in text:
        # An editor may have written Windows line ends; ours are escaped inside fields.
        lines = [line.removesuffix("\r") for line in lines]
    return lines


def read_manifest(path: Path) -> Manifest:
    """Read a manifest as text.

    Raises
    ------
    ManifestError
        The file is missing, or an edit by hand has left it inconsistent.
    """
    columns = read_columns(path)
    lines = _lines(path)
    _check_header(path, lines[0], columns)
    rows = _rows_at_once(lines, columns)
    if rows is None:
        rows = _rows_one_by_one(path, lines, columns)
    return Manifest(path, columns, Rows(rows))


def _rows_at_once(lines: list[str], columns: list[Column]) -> dict[str, str] | None:
    """Return each row's line by its id; None if rows must be checked one by one.

    Operations on the whole list take a fraction of the time.
    """
    kept = [line for line in lines[1:] if line]
    if {line.count("\t") for line in kept} - {len(columns) - 1}:
        return None
    ids = [line.partition("\t")[0] for line in kept]
    if columns[0].type == "str" and any("\\" in asset for asset in ids):
        return None
    rows = dict(zip(ids, kept))
    return None if "" in rows or len(rows) < len(kept) else rows


def _rows_one_by_one(
    path: Path, lines: list[str], columns: list[Column]
) -> dict[str, str]:
    is_text = columns[0].type == "str"
    rows: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        asset = _fields(path, number, line, columns)[0]
        if is_text and "\\" in asset:
            asset = _parsed(path, number, columns[0], asset)
        if not isinstance(asset, str) or not asset:
            raise ManifestError(
                f"{path}, line {number}: the asset has no id; "
                f"fill in column {columns[0].name!r}."
            )
        if asset in rows:
            raise ManifestError(
                f"{path}, line {number}: asset {asset!r} stands twice; "
                "remove one of the two lines."
            )
        rows[asset] = line
    return rows


class Manifests:
    """Manifests that are read again only when their files have changed."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[_Stamp, Manifest]] = {}

    def read(self, path: Path) -> Manifest:
        """Return a manifest; raises what `read_manifest` raises."""
        stamp = _stamp(path)
        if stamp is None:
            return read_manifest(path)
        kept = self._kept.get(path)
        if kept is None or kept[0] != stamp:
            kept = self._kept[path] = (stamp, read_manifest(path))
        return kept[1]


def _check_header(path: Path, line: str, columns: Sequence[Column]) -> None:
    expected = [escape(column.name) for column in columns]
    if line.split("\t") != expected:
        raise ManifestError(
            f"{path}: the first line names the columns {line.split(chr(9))}, but "
            f"{schema_path(path).name} {expected}; "
            "list the assets anew with --forcerun write_manifest."
        )


def _fields(path: Path, number: int, line: str, columns: Sequence[Column]) -> list[str]:
    fields = line.split("\t")
    if len(fields) != len(columns):
        raise ManifestError(
            f"{path}, line {number}: {len(fields)} fields instead of {len(columns)}; "
            "columns are separated by one tab each."
        )
    return fields


def _parsed(path: Path, number: int | str, column: Column, text: str) -> Any:
    try:
        return cells.parse(text, column.type)
    except cells.CellError as error:
        raise ManifestError(
            f"{path}, line {number}, column {column.name!r}: {error}."
        ) from error


@dataclass(frozen=True)
class RowText:
    """One row as text: it is identified before its values are parsed."""

    path: Path
    number: int
    asset: str
    hash: str
    columns: list[Column]
    fields: list[str]

    def row(self) -> Any:
        """Return the row as ``DataFrame.itertuples()`` gives it."""
        values = [
            _parsed(self.path, self.number, column, text)
            for column, text in zip(self.columns, self.fields)
        ]
        return make_row([column.name for column in self.columns[1:]], values)


def find_row(path: Path, name: str) -> RowText:
    """Find the row of one asset by its name in file names, without parsing the others.

    A process that asks for several assets reads the manifest once, as long as nobody
    changes it.

    Raises
    ------
    ManifestError
        The manifest cannot be read, or has no such asset.
    """
    stamp = _stamp(path)
    table = _table(path, stamp) if stamp else _Table(path)
    number = table.number(name)
    if number is None:
        raise ManifestError(
            f"{path} has no asset that is called {name!r} in file names; "
            "it may have vanished from the archive since this run was planned."
        )
    columns, line = table.columns, table.lines[number - 1]
    asset, fields = table.asset(number), _fields(path, number, line, columns)
    return RowText(path, number, asset, _row_hash(columns, fields), columns, fields)


class _Table:
    """The lines of a manifest, indexed by asset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns = read_columns(path)
        self.lines = _lines(path)
        _check_header(path, self.lines[0], self.columns)
        self._is_text = self.columns[0].type == "str"

    @cached_property
    def _by_text(self) -> dict[str, int]:
        """Numbers of lines by the text of their first field."""
        # Backwards, so that the first of two lines counts.
        numbered = [*enumerate(self.lines, start=1)][:0:-1]
        return {line.partition("\t")[0]: n for n, line in numbered if line}

    @cached_property
    def _by_hash(self) -> dict[str, int]:
        """Numbers of lines by names that cannot be turned back into ids."""
        found = {}
        for number in self._by_text.values():
            found[asset_name(self.asset(number), hashed=True)] = number
        return found

    def asset(self, number: int) -> str:
        text = self.lines[number - 1].partition("\t")[0]
        if not self._is_text:
            return text
        return str(_parsed(self.path, number, self.columns[0], text))

    def number(self, name: str) -> int | None:
        """Return the line of an asset, counted from 1, by its name in file names."""
        # Most names can be decoded: then no id has to be encoded.
        plain = None if "~" in name else decoded_id(name)
        if plain is None:
            return self._by_hash.get(name)
        return self._by_text.get(escape(plain) if self._is_text else plain)


@lru_cache(maxsize=1)
def _table(path: Path, stamp: _Stamp) -> _Table:
    return _Table(path)


def _stamp(path: Path) -> _Stamp | None:
    """Return times, sizes and inodes of the files; None if one is missing."""
    try:
        stats = [os.stat(file) for file in (path, schema_path(path))]
    except OSError:
        return None
    return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in stats)


@lru_cache(maxsize=8)
def _row_class(columns: tuple[str, ...]) -> Any:
    # As in DataFrame.itertuples(): names that are no identifiers become _1, _2, ...
    make_class: Any = namedtuple
    base = make_class("Pandas", ["Index", *columns], rename=True)

    def reduce(row: Any) -> tuple[Any, ...]:
        return make_row, (columns, tuple(row))

    members = {"__slots__": (), "__reduce__": reduce, "__module__": __name__}
    return type("Pandas", (base,), members)


def prepare_row_class(path: Path) -> None:
    """Make the class of a manifest's rows, for processes forked from this one."""
    try:
        columns = read_columns(path)
    except (ManifestError, OSError):
        return
    _row_class(tuple(column.name for column in columns[1:]))


def make_row(columns: Sequence[str], values: Sequence[Any]) -> Any:
    """Return a row as ``DataFrame.itertuples()`` gives it; it can be pickled.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns, without the index.
    values : sequence
        The index, then the columns.
    """
    return _row_class(tuple(columns))._make(values)
