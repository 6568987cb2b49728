"""What a file holds, apart from how it is laid out on disk.

Two HDF5 files of the same data may differ in their bytes, as they can hold times of
creation and gaps; so they are compared by what a reader finds in them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["OutputFile", "differences"]

# Datasets may be larger than memory: this much of one is read at a time.
_BYTES_AT_ONCE = 1 << 24
# Of the root of a file, as `_hdf5_contents` writes it.
_KIND, _OF_TEMPORALDATA = "/@object", "str 'Data'"


@dataclass(frozen=True)
class OutputFile:
    """One file as it was found.

    `contents` says what each place of an HDF5 file holds; it is empty for other files,
    and where h5py is not installed. `unreadable` is why the file could not be read to
    its end, "" if it could. `problems` says what stops a training loop from using a
    file in the layout of temporaldata.
    """

    bytes: int
    sha256: str
    contents: Mapping[str, str] = field(default_factory=dict)
    unreadable: str = ""
    problems: tuple[str, ...] = ()

    @classmethod
    def found(cls, path: Path) -> "OutputFile":
        """Read a file to its end."""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
        contents, unreadable = {}, ""
        try:
            contents = dict(_hdf5_contents(path))
        except (OSError, RuntimeError, ValueError) as error:
            # What h5py raises where a file is damaged depends on where it is.
            unreadable = f"{type(error).__name__}: {error}"
        problems: tuple[str, ...] = ()
        if contents.get(_KIND) == _OF_TEMPORALDATA:
            # Not before, as it needs h5py.
            from brainsets.conversion.checking import problems as problems_of

            problems = tuple(problems_of(path))
        size = path.stat().st_size
        return cls(size, digest.hexdigest(), contents, unreadable, problems)

    def differs_in(self, other: "OutputFile") -> list[str]:
        """Return where another file holds something else; [] if nowhere."""
        if self.sha256 == other.sha256:
            return []
        if not self.contents or not other.contents:
            return ["its bytes"]
        places = sorted({*self.contents, *other.contents})
        return [p for p in places if self.contents.get(p) != other.contents.get(p)]


def differences(
    before: Mapping[str, OutputFile], after: Mapping[str, OutputFile]
) -> list[str]:
    """Return what is different between two sets of files, by path; [] if nothing is."""
    found = [f"{path} is missing" for path in sorted({*before} - {*after})]
    found += [f"{path} is new" for path in sorted({*after} - {*before})]
    for path in sorted({*before} & {*after}):
        places = before[path].differs_in(after[path])
        if places:
            more = f" and {len(places) - 3} more" if len(places) > 3 else ""
            if path.endswith(".h5") and find_spec("h5py") is None:
                more = " (with h5py installed, what it holds would be compared)"
            found.append(f"{path} differs in {', '.join(places[:3])}{more}")
    return found


def _hdf5_contents(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each group, dataset and attribute of an HDF5 file, and what it holds."""
    try:
        import h5py
    except ImportError:
        return
    if not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visit(names.append)
        for name in ["/", *names]:
            item = file[name]
            place = item.name
            if isinstance(item, h5py.Dataset):
                yield place, f"{item.dtype} {item.shape} {_dataset_hash(item)}"
            else:
                yield place, type(item).__name__
            for key in item.attrs:
                value = item.attrs[key]
                kind = getattr(value, "dtype", type(value).__name__)
                yield f"{place}@{key}", f"{kind} {_plain(value)!r}"


def _dataset_hash(dataset: Any) -> str:
    digest = hashlib.sha256()
    for part in _parts(dataset):
        # Objects, as text of any length, are pointers in memory.
        is_plain = hasattr(part, "dtype") and not part.dtype.hasobject
        digest.update(part.tobytes() if is_plain else repr(_plain(part)).encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _parts(dataset: Any) -> Iterator[Any]:
    if not dataset.shape:
        yield dataset[()]
        return
    row_bytes = dataset.dtype.itemsize * (dataset.size // (dataset.shape[0] or 1))
    rows = max(1, _BYTES_AT_ONCE // (row_bytes or 1))
    for start in range(0, dataset.shape[0], rows):
        yield dataset[start : start + rows]
