"""Compare HDF5 files field by field: every difference, by its path inside the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.helpers.folders import files_below

HDF5_SUFFIXES = {".h5", ".hdf5", ".nwb"}
# Where the workflow and the published runner keep their logs and states.
NOTES = {"_workflow", "pipeline_logs"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in two files.

    ``path`` is that of the object inside the file (``/units/id``), with ``@name``
    behind it for an attribute (``/brainset@derived_version``).
    """

    path: str
    what: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}: {self.left} | {self.right}"


def compare_files(
    left: Path, right: Path, excluded: Mapping[str, str] | None = None
) -> list[Difference]:
    """Return what differs between two HDF5 files, sorted by path; ``[]`` if nothing.

    Compared are: the names of groups, datasets, links and attributes; which names are
    hard links to one object; types as HDF5 knows them (byte order, length and character
    set of strings, members of enums and compounds); shapes and maximal shapes; chunks
    and filters; and values by their bytes, so that a NaN equals a NaN of the same bits
    only, and 0.0 is not -0.0.

    Parameters
    ----------
    left, right
        Paths of the files.
    excluded
        Paths as in `Difference`, each with the reason why it may differ. What lies
        below the path is excluded too.

    Raises
    ------
    ValueError
        An excluded path is in neither file, or is the same in both: it excuses nothing.
    """
    with h5py.File(left, "r") as a, h5py.File(right, "r") as b:
        comparison = _Comparison()
        comparison.objects("/", a, b)
    found = sorted(comparison.found, key=lambda each: (each.path, each.what))
    for path in excluded or {}:
        kept = [each for each in found if not _is_at_or_below(each.path, path)]
        if len(kept) == len(found):
            raise ValueError(f"{path} is excluded, but there is no difference in it")
        found = kept
    return found


def compare_folders(
    left: Path, right: Path, excluded: Mapping[str, str] | None = None
) -> list[Difference]:
    """Return what differs between two folders: the set of files, and their contents.

    HDF5 files are compared by `compare_files` (their differences have the file's name
    before the path), other files by their bytes. Not looked at are hidden files and
    folders and the runners' own notes. `excluded` counts for every HDF5 file.
    """
    files = [_data_files(folder) for folder in (left, right)]
    found = [
        Difference(name, "file", *_presence(name in files[0]))
        for name in sorted(files[0] ^ files[1])
    ]
    for name in sorted(files[0] & files[1]):
        one, other = left / name, right / name
        if one.suffix in HDF5_SUFFIXES:
            found += [
                Difference(f"{name}:{each.path}", each.what, each.left, each.right)
                for each in compare_files(one, other, excluded)
            ]
        elif one.read_bytes() != other.read_bytes():
            sizes = (f"{path.stat().st_size} bytes" for path in (one, other))
            found.append(Difference(name, "content", *sizes))
    return found


def _data_files(folder: Path) -> set[str]:
    names = (path.relative_to(folder) for path in files_below(folder))
    return {
        name.as_posix()
        for name in names
        if not any(part.startswith(".") or part in NOTES for part in name.parts)
    }


def _is_at_or_below(path: str, top: str) -> bool:
    return path == top or path.startswith((f"{top.rstrip('/')}/", f"{top}@"))


def _presence(in_left: bool) -> tuple[str, str]:
    return ("there", "missing") if in_left else ("missing", "there")


class _Comparison:
    """One walk through two open files, side by side."""

    def __init__(self):
        self.found: list[Difference] = []
        # Where an object was met first, by its address in each of the files.
        self._met: tuple[dict[int, str], dict[int, str]] = ({}, {})

    def _differ(self, path: str, what: str, left: Any, right: Any) -> bool:
        """Note a difference if there is one; return whether there is."""
        if left == right:
            return False
        self.found.append(Difference(path, what, str(left), str(right)))
        return True

    def objects(self, path: str, a, b) -> None:
        firsts = [
            met.setdefault(h5py.h5o.get_info(each.id).addr, path)
            for met, each in zip(self._met, (a, b))
        ]
        self._differ(path, "is the same object as", *firsts)
        if firsts != [path, path]:
            return
        if self._differ(path, "kind", type(a).__name__, type(b).__name__):
            return
        self._attributes(path, a, b)
        if isinstance(a, h5py.Group):
            self._members(path, a, b)
        elif isinstance(a, h5py.Dataset):
            self._differ(path, "maximal shape", a.maxshape, b.maxshape)
            self._differ(path, "storage", _storage(a), _storage(b))
            self._values(path, a.id, b.id)
        else:
            self._types(path, a.id, b.id)

    def _members(self, path: str, a: h5py.Group, b: h5py.Group) -> None:
        for name, in_both in _names(a, b):
            inner = f"{path.rstrip('/')}/{name}"
            if not in_both:
                self._differ(inner, "name", *_presence(name in {*a}))
                continue
            links = [_link(group, name) for group in (a, b)]
            if not self._differ(inner, "link", *links) and links[0] == "hard":
                self.objects(inner, a[name], b[name])

    def _attributes(self, path: str, a, b) -> None:
        for name, in_both in _names(a.attrs, b.attrs):
            inner = f"{path}@{name}"
            if in_both:
                self._values(inner, a.attrs.get_id(name), b.attrs.get_id(name))
            else:
                self._differ(inner, "name", *_presence(name in a.attrs))

    def _types(self, path: str, a, b) -> bool:
        """Note a difference of HDF5 types; `a` and `b` have a type, or are one."""
        types = [
            each if isinstance(each, h5py.h5t.TypeID) else each.get_type()
            for each in (a, b)
        ]
        # HDF5 says that strings of variable length in ASCII and in UTF-8 are one type.
        texts = [_type_text(each) for each in types]
        if types[0] == types[1] and texts[0] == texts[1]:
            return False
        self.found.append(Difference(path, "type", *texts))
        return True

    def _values(self, path: str, a, b) -> None:
        types_differ = self._types(path, a, b)
        if self._differ(path, "shape", *map(_shape, (a, b))) or types_differ:
            return
        if _shape(a) is None or not np.prod(_shape(a)):
            return
        sides = [_read(each) for each in (a, b)]
        where = np.flatnonzero(_unequal(*sides))
        if len(where):
            shape = _shape(a)
            index = tuple(map(int, np.unravel_index(where[0], shape)))
            first = f", the first at {index}" if shape else ""
            what = f"{len(where)} of {int(np.prod(shape))} values{first}"
            shown = [repr(side[index]) for side in sides]
            if shown[0] == shown[1]:
                shown = [side[index].tobytes().hex() for side in sides]
            self.found.append(Difference(path, what, *shown))


def _names(a, b) -> list[tuple[str, bool]]:
    return [(name, name in {*a} & {*b}) for name in sorted({*a} | {*b})]


def _link(group: h5py.Group, name: str) -> str:
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return f"external to {link.filename}:{link.path}"
    return f"soft to {link.path}" if isinstance(link, h5py.SoftLink) else "hard"


def _storage(dataset: h5py.Dataset) -> tuple:
    creation = dataset.id.get_create_plist()
    filters = [creation.get_filter(i) for i in range(creation.get_nfilters())]
    return (dataset.chunks, filters)


def _shape(each) -> tuple[int, ...] | None:
    """Return the shape of a dataset or attribute; None if it has no values at all."""
    space = each.get_space()
    return None if space.get_simple_extent_type() == h5py.h5s.NULL else each.shape


def _read(each) -> np.ndarray:
    """Return all values as they are stored: strings are bytes, nothing is decoded."""
    # Zeros: what lies between the members of a compound is not read.
    values = np.zeros(each.shape, each.dtype)
    if isinstance(each, h5py.h5d.DatasetID):
        each.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    else:
        each.read(values, mtype=h5py.h5t.py_create(each.dtype))
    if values.dtype.hasobject:
        _resolve_references(values, each)
    return values


def _resolve_references(values: np.ndarray, file) -> None:
    """Put in place of each reference what it refers to: its bits differ by file."""
    if values.dtype.names:
        for name in values.dtype.names:
            if values.dtype[name].hasobject:
                _resolve_references(values[name], file)
        return
    for index in np.ndindex(values.shape):
        reference = values[index]
        if isinstance(reference, h5py.h5r.Reference):
            values[index] = _referred(reference, file)


def _referred(reference, file) -> bytes:
    if not reference:
        return b"nothing"
    name = h5py.h5r.get_name(reference, file)
    if isinstance(reference, h5py.h5r.RegionReference):
        return name + b" " + h5py.h5r.get_region(reference, file).encode()
    return name


def _unequal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return for each element, flattened, whether its bytes differ."""
    if a.dtype.names:
        parts = [_unequal(a[name], b[name]) for name in a.dtype.names]
        # A member may be an array: several values for each element.
        return np.any([part.reshape(a.size, -1).any(axis=1) for part in parts], axis=0)
    if a.dtype.hasobject:
        return np.array([_plain(x) != _plain(y) for x, y in zip(a.flat, b.flat)])
    # Comparing numbers would take 0.0 for -0.0, and no NaN for itself.
    width = a.dtype.itemsize
    rows = [
        np.frombuffer(side.tobytes(), np.uint8).reshape(-1, width) for side in (a, b)
    ]
    return (rows[0] != rows[1]).any(axis=1)


def _plain(value):
    """Return something that compares by bytes, of an element of variable length."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return [_plain(each) for each in value.flat]
        return (value.shape, value.tobytes())
    return value


def _type_text(type_id: h5py.h5t.TypeID) -> str:
    """Return what a type is, down to what HDF5's own comparison takes for equal."""
    if isinstance(type_id, h5py.h5t.TypeStringID):
        character_set = {h5py.h5t.CSET_ASCII: "ASCII", h5py.h5t.CSET_UTF8: "UTF-8"}
        length = "variable" if type_id.is_variable_str() else type_id.get_size()
        parts = [f"length {length}", f"padding {type_id.get_strpad()}"]
        return f"string({character_set[type_id.get_cset()]}, {', '.join(parts)})"
    if isinstance(type_id, h5py.h5t.TypeVlenID):
        return f"sequence({_type_text(type_id.get_super())})"
    if isinstance(type_id, h5py.h5t.TypeArrayID):
        inner = _type_text(type_id.get_super())
        return f"array({type_id.get_array_dims()}, {inner})"
    if isinstance(type_id, h5py.h5t.TypeCompoundID):
        members = [
            f"{type_id.get_member_name(i).decode()} at {type_id.get_member_offset(i)}: "
            f"{_type_text(type_id.get_member_type(i))}"
            for i in range(type_id.get_nmembers())
        ]
        return f"compound({', '.join(members)})"
    return repr(type_id.dtype)
