"""What a project on PhysioNet lists of itself.

Each has a file ``SHA256SUMS.txt`` (a line ``<sha256> <path>`` for every file), and
projects of recordings have a file ``RECORDS``. Its lines are paths of files, or, for
recordings in the form of WFDB, paths without what follows the dot (``waveforms/a1`` for
``a1.hea``, ``a1.dat`` and annotations), or folders, which may have a ``RECORDS`` too.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from brainsets.archives.downloads import download_file
from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError

__all__ = ["Listing", "file_url", "header_names", "read_listing", "stored_listing"]

_CHECKSUMS = "SHA256SUMS.txt"
_RECORDS = "RECORDS"
# As sha256sum writes them: with a star for binary files, a backslash before names that
# are escaped; and its option --tag.
_LINE = re.compile(
    r"(?P<escaped>\\)?(?P<sha256>[0-9a-f]{64})[ \t]+\*?(?P<path>.+)|"
    r"(?P<escaped2>\\)?SHA256 \((?P<path2>.+)\) ?= ?(?P<sha2562>[0-9a-f]{64})",
    re.I,
)


@dataclass(frozen=True)
class Listing:
    """The records of a project in its own order, and the SHA-256 of each of its files.

    All are paths as they stand below the project's address. A record is a file itself,
    or has `files`.
    """

    records: list[str]
    sha256: dict[str, str]

    def files(self, record: str, header: Path | None = None) -> dict[str, str]:
        """Return the files of a record, with the SHA-256 of each.

        They are the file of that name, and those that go on after it with a dot
        (``a1.hea``, ``a1.dat``, ``a1.atr``; ``a1.edf``, ``a1.edf.seizures``), unless a
        longer name among the records fits better; or all files in the folder of that
        name. A row of the manifest can hold what this returns.

        Parameters
        ----------
        record : str
            One of `records`.
        header : Path, optional
            Its ``.hea`` file, once it is here: adds the files that it names, and the
            files of its segments.

        Raises
        ------
        DownloadError
            There are none; or the header cannot be read, or names what the project does
            not have.
        """
        found = self._named(record)
        if not found:
            raise DownloadError(
                f"{shown(repr(record))} is no record of the project: {_CHECKSUMS} has "
                "no file of that name, with something after a dot, or below it."
            )
        if header is not None:
            folder = PurePosixPath(record).parent
            for name in header_names(header):
                path = str(folder / name)
                parts = [
                    p for p in [path, *self._by_stem.get(path, ())] if self._has(p)
                ]
                if not _is_inside(name) or not parts:
                    raise DownloadError(
                        f"{header} names {shown(repr(name))}, for which {_CHECKSUMS} "
                        "has no checksum."
                    )
                found += parts
        return {path: self.sha256[path] for path in dict.fromkeys(found)}

    def _has(self, path: str) -> bool:
        return path in self.sha256

    def _named(self, record: str) -> list[str]:
        # A record may be named by its header.
        stem = record.removesuffix(".hea") if self._has(record) else record
        found = [record] if self._has(record) else []
        for path in self._by_stem.get(stem, ()):
            # a.b.dat is of the record a.b, if there is one, and not of a.
            others = (s for s in _stems(path) if len(s) > len(stem) and s != record)
            if path not in self._records and not any(
                s in self._records for s in others
            ):
                found.append(path)
        return list(dict.fromkeys(found)) or list(self._by_folder.get(record, ()))

    @cached_property
    def _records(self) -> frozenset[str]:
        return frozenset(self.records)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return _grouped((stem, path) for path in self.sha256 for stem in _stems(path))

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        return _grouped(
            (str(folder), path)
            for path in self.sha256
            for folder in PurePosixPath(path).parents
        )


def file_url(base_url: str, path: str) -> str:
    """Return the address of a file of a project; the project's may end with a slash."""
    return f"{base_url.rstrip('/')}/{quote(path)}"


def read_listing(
    base_url: str,
    folder: Path,
    report: Callable[[str], object] | None = None,
    stale: Callable[[str], object] | None = None,
) -> Listing:
    """Fetch and read what a project lists.

    Empty lines, comments (``#``) and records that stand twice are left out. Where
    ``RECORDS`` names a folder that has a ``RECORDS`` of its own, that is read as well.

    Parameters
    ----------
    base_url : str
        The project's address, such as ``https://physionet.org/files/eegmat/1.0.0/``, or
        that of a mirror.
    folder : Path
        Where its lists are put, under their own names. ``SHA256SUMS.txt`` and
        ``RECORDS`` are fetched each time.
    report : callable, optional
        Is given status texts, see `download_file`.
    stale : callable, optional
        Is given each record that the project lists and has no file of, which is left
        out then; without it, that is an error.

    Raises
    ------
    DownloadError
        A list cannot be fetched or read, or a record has no checksum or a path that
        leads out of the project.
    """
    url = file_url(base_url, _CHECKSUMS)
    path = download_file(url, folder / _CHECKSUMS, again=True, report=report)
    files = Listing([], _read_checksums(_lines(path, url), url))
    records = _read_records(files, base_url, folder, "", report, stale)
    return Listing(list(dict.fromkeys(records)), files.sha256)


def stored_listing(base_url: str, folder: Path) -> Listing:
    """Return the files that a project lists, of which `read_listing` was told before.

    Its records are left out. The list is fetched if it is not in the folder.
    """
    url = file_url(base_url, _CHECKSUMS)
    path = download_file(url, folder / _CHECKSUMS)
    return Listing([], _read_checksums(_lines(path, url), url))


def _read_checksums(lines: Iterable[tuple[int, str]], url: str) -> dict[str, str]:
    sha256: dict[str, str] = {}
    for number, line in lines:
        found = _LINE.fullmatch(line)
        if found is None and line.startswith("#"):
            continue
        if found is None:
            raise DownloadError(
                f"{shown(url)}, line {number}: {shown(repr(line[:80]))} is no SHA-256 "
                "and path; is this the address of a project on PhysioNet?"
            )
        name = (found["path"] or found["path2"]).strip()
        value = (found["sha256"] or found["sha2562"]).lower()
        # RECORDS must not name a file there.
        if found["escaped"] or found["escaped2"] or not _is_inside(name):
            continue
        path = str(PurePosixPath(name))
        if sha256.setdefault(path, value) != value:
            raise DownloadError(
                f"{shown(url)}, line {number}: there are two checksums of "
                f"{shown(repr(path))}; one of them is wrong."
            )
    return sha256


def _read_records(
    files: Listing,
    base_url: str,
    folder: Path,
    below: str,
    report: Callable | None,
    stale: Callable | None,
) -> Iterator[str]:
    """Give the records that the list in a folder of the project names."""
    listed = f"{below}{_RECORDS}"
    url = file_url(base_url, listed)
    path = download_file(
        url,
        folder / listed,
        sha256=files.sha256.get(listed),
        # What has the checksum of a list that was just fetched need not be fetched.
        again=not below,
        report=report,
    )
    for _, line in _lines(path, url):
        if line.startswith("#") and line not in files.sha256:
            continue
        if not _is_inside(line):
            raise DownloadError(
                f"{shown(url)} names {shown(repr(line))}, which is not in the project."
            )
        record = str(PurePosixPath(below + line))
        if record != below.rstrip("/") and f"{record}/{_RECORDS}" in files.sha256:
            inside = f"{record}/"
            yield from _read_records(files, base_url, folder, inside, report, stale)
        elif files._named(record):
            yield record
        elif stale is not None:
            stale(record)
        else:
            raise DownloadError(
                f"{shown(url)} names {shown(repr(record))}, for which {_CHECKSUMS} has "
                "no checksum."
            )


def _is_inside(path: str) -> bool:
    """Whether a path stays below where it is put, on any machine."""
    pure = PurePosixPath(path)
    return bool(
        pure.parts
        and not pure.is_absolute()
        and ".." not in pure.parts
        and not re.search(r"[\x00-\x1f\x7f\\]", path)
    )


def _stems(path: str) -> Iterator[str]:
    """Give what is before each dot of a file's name, the longest first."""
    end = path.rfind(".")
    while end > path.rfind("/") + 1:
        yield path[:end]
        end = path.rfind(".", 0, end)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def header_names(path: Path) -> list[str]:
    """Return the files that a header of WFDB names, or its segments.

    Its form is in https://wfdb.io/spec/header-files.html.

    Raises
    ------
    DownloadError
        It is no such header.
    """
    lines = [
        line.split()
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    try:
        name, _, segments = lines[0][0].partition("/")
        count = int(segments) if segments else int(lines[0][1])
        names = [line[0] for line in lines[1 : count + 1]]
        if not name or count < 0 or len(names) < count:
            raise ValueError
    except (IndexError, ValueError):
        names = None
    if names is None:
        raise DownloadError(f"{path} is no header of WFDB, or was cut.")
    # A gap between segments, and what came from a pipe
    return [each for each in dict.fromkeys(names) if each not in ("~", "-")]


def _lines(path: Path, url: str) -> Iterator[tuple[int, str]]:
    """Give the lines that hold something, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        refusal = f"{shown(url)} is no text ({error})."
    else:
        refusal = ""
    if refusal:
        raise DownloadError(refusal)
    # Names may hold what splitlines() takes for the end of a line.
    for number, line in enumerate(re.split("\r\n?|\n", text), start=1):
        if line.strip():
            yield number, line.strip()
