"""Projects of PhysioNet by their names: versions, what they say, and their recordings.

Addresses are those of https://physionet.org: files are below
``files/NAME/VERSION/``, and its programming interface, as its program
(https://github.com/MIT-LCP/physionet-build, ``export``) has it, is below ``api/v1/``.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from brainsets.archives.downloads import download_file
from brainsets.archives.physionet import (
    Listing,
    file_url,
    header_names,
    read_listing,
    stored_listing,
)
from brainsets.archives.transfer import shown
from brainsets.errors import DownloadError
from brainsets.shared.files import read_object, write_atomically

__all__ = ["Found", "Project", "recordings", "subject_of"]

_SIGNALS = (".edf", ".bdf", ".rec")
_ENDINGS = [*_SIGNALS, *(ending.upper() for ending in _SIGNALS)]
# The folder of the project, as a record.
_EVERYTHING = "."
_SEGMENT = re.compile(r"(.+)_\d+", re.DOTALL)
# What lies beside recordings and holds neither signals nor annotations.
_OTHERS = frozenset(
    "csv doc docx gif htm html jpeg jpg json m md mp4 pdf png ps py svg tsv txt wav "
    "xls xlsx xml xws zip gz".split()
)


@dataclass(frozen=True)
class Project:
    """A project.

    Parameters
    ----------
    name : str
        As in its address, ``eegmmidb``.
    url : str
        The archive's address, or a mirror's that is laid out in the same way.
    report : callable, optional
        Is given status texts.
    """

    name: str
    url: str = "https://physionet.org/"
    report: Callable[[str], object] | None = None

    def files_url(self, version: str) -> str:
        """Return the address below which the files of a version are."""
        return f"{self.url.rstrip('/')}/files/{quote(self.name)}/{quote(version)}/"

    def versions(self) -> list[str]:
        """Return its versions, the newest last.

        Raises
        ------
        DownloadError
            There is no such project, or the archive cannot be asked.
        """
        found = [one.get("version") for one in self._versions]
        versions = [v for v in found if isinstance(v, str) and _parts(v)]
        if not versions:
            raise DownloadError(
                f"PhysioNet has no project {self.name!r}, or no version of it; its "
                "name is the last word of its address, as in "
                "https://physionet.org/content/eegmat/."
            )
        return sorted(dict.fromkeys(versions), key=_parts)

    @cached_property
    def _versions(self) -> list[dict[str, Any]]:
        """What is said of each version; of a project that is not there, nothing."""
        try:
            answer = self._json(f"projects/{quote(self.name)}/versions/")
        except DownloadError as error:
            if error.status != 404:
                raise
            answer = []
        # In pages, as the same program may be set up.
        records = answer.get("results") if isinstance(answer, dict) else answer
        found = records if isinstance(records, list) else []
        return [one for one in found if isinstance(one, dict)]

    def listing(
        self, version: str, folder: Path, stale: Callable[[str], object]
    ) -> Listing:
        """Return what a version lists; all that it has if it has no RECORDS.

        Raises
        ------
        DownloadError
            There is no such version, it is not for everybody, or its lists are broken.
        """
        url = self.files_url(version)
        try:
            return read_listing(url, folder, report=self.report, stale=stale)
        except DownloadError as error:
            status, text = error.status, str(error)
        if status in (401, 403):
            raise DownloadError(
                f"the project {self.name!r} of PhysioNet, version {version}, is not "
                f"for everybody (the server answers {status}): ask for access on its "
                "page, and put your name and password there into ~/.netrc."
            )
        if status == 404 and "SHA256SUMS.txt" in text:
            known = self._known_versions()
            raise DownloadError(
                f"PhysioNet has no files of version {version} of a project "
                f"{self.name!r} that can be checked: {url}SHA256SUMS.txt is not there"
                f"{known}."
            )
        if status == 404:
            listing = stored_listing(url, folder)
            return Listing([_EVERYTHING], listing.sha256)
        raise DownloadError(text)

    def named_by(
        self, record: str, version: str, listing: Listing, folder: Path
    ) -> list[str]:
        """Return what the header of a WFDB record names: its files or segments.

        Of a header that is damaged that is nothing: its recording will say so.

        Raises
        ------
        DownloadError
            It cannot be had.
        """
        name = f"{record}.hea"
        if name not in listing.sha256:
            return []
        url, sha256 = file_url(self.files_url(version), name), listing.sha256[name]
        path = download_file(url, folder / name, sha256=sha256, report=self.report)
        try:
            return header_names(path)
        except DownloadError:
            return []

    def fetch_description(
        self, version: str, folder: Path, *, again: bool = False
    ) -> dict[str, str]:
        """Return what a version says of itself, and keep it in a folder.

        What cannot be had is left out: files are checked without it. The archive is
        asked once, and not by each job, as it answers few questions an hour.

        Parameters
        ----------
        version : str
            The version.
        folder : Path
            Where it is kept.
        again : bool, optional
            Whether to ask once more for what could not be had.
        """
        path = self._description_file(version, folder)
        said = read_object(path)
        if said is None or (again and not said):
            said = self._description(version)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(said).encode())
        terms = said.get("license")
        found = {
            "source": f"https://physionet.org/content/{self.name}/{version}/",
            "origin_version": version,
            "project": self.name,
            "description": said.get("title"),
            "doi": said.get("doi"),
            "license": terms.get("name") if isinstance(terms, dict) else terms,
            "citation": said.get("citation"),
        }
        return {key: v for key, v in found.items() if isinstance(v, str) and v}

    def total_bytes(self, version: str, folder: Path) -> int | None:
        """Return the size of all files, if the description that is kept says it."""
        said = read_object(self._description_file(version, folder)) or {}
        size = said.get("main_storage_size")
        return size if isinstance(size, int) and size > 0 else None

    def _description_file(self, version: str, folder: Path) -> Path:
        return folder / f"project_{self.name}_{version}.json"

    def _description(self, version: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            said = self._json(f"projects/{quote(self.name)}/versions/{version}/")
            found.update(said if isinstance(said, dict) else {})
            # How to cite it is said in the list of versions alone.
            of_list = [one for one in self._versions if one.get("version") == version]
            found.setdefault("citation", of_list[0].get("citation") if of_list else "")
        except DownloadError as error:
            if self.report is not None:
                self.report(f"no description of the project: {error}")
        return found

    def _known_versions(self) -> str:
        try:
            return f"; there are {', '.join(self.versions())}"
        except DownloadError:
            return ""

    def _json(self, path: str) -> Any:
        url = f"{self.url.rstrip('/')}/api/v1/{path}"
        with tempfile.TemporaryDirectory() as folder:
            file = download_file(
                url,
                Path(folder, "answer.json"),
                headers={"Accept": "application/json"},
                report=self.report,
            )
            content = file.read_bytes()
        try:
            return json.loads(content)
        except ValueError:
            pass
        raise DownloadError(f"{shown(url)} answers something that is no JSON.")


@dataclass(frozen=True)
class Found:
    """A recording of a project: ``edf`` or ``wfdb``, and its files with their SHA-256.

    `record` is the path of its file, or of its header without ``.hea``.
    """

    record: str
    form: str
    files: dict[str, str]


def recordings(
    listing: Listing, named_by: Callable[[str], Iterable[str]]
) -> tuple[list[Found], list[str], list[str]]:
    """Return the recordings of a project, and what is listed or found and is none.

    Parameters
    ----------
    listing : Listing
        What the project lists.
    named_by : callable
        Gives what the header of a record names. It is asked of those whose names others
        begin with.

    Returns
    -------
    found : list of Found
        The recordings.
    others : list of str
        Records of other forms.
    segments : list of str
        Of folders that are listed as a whole: what are segments of other recordings, as
        their headers say, or by their names, ``a_0001`` of ``a_layout``.
    """
    found: dict[str, Found] = {}
    others: list[str] = []
    segments: list[str] = []
    for record in listing.records:
        files = listing.files(record)
        inside = [record.removesuffix(".hea")]
        is_folder = not any(_is_of(path, inside[0]) for path in files)
        if is_folder:
            names = _signal_files(files)
            parts = _segments(names, named_by)
            inside = [name for name in names if name not in parts]
            segments += parts
        kept = [one for name in inside if (one := _found(listing, name)) is not None]
        found.update({one.record: one for one in kept})
        if not kept:
            others.append(record)
    left = [name for name in dict.fromkeys(segments) if name not in found]
    return list(found.values()), others, left


def _signal_files(paths: Iterable[str]) -> dict[str, None]:
    """Return the files that are recordings, headers without what follows the dot."""
    return dict.fromkeys(
        path.removesuffix(".hea")
        for path in paths
        if path.lower().endswith((*_SIGNALS, ".hea"))
    )


def _segments(
    names: Mapping[str, None], named_by: Callable[[str], Iterable[str]]
) -> dict[str, None]:
    """Return those of some records that are segments of others."""
    found: set[str] = set()
    ordered = sorted(names)
    for name, following in zip(ordered, ordered[1:]):
        if following.startswith(name):
            folder = PurePosixPath(name).parent
            found |= {str(folder / each) for each in named_by(name)}
    for name in names:
        part = _SEGMENT.fullmatch(name)
        if part is not None and f"{part[1]}_layout" in names:
            found.add(name)
    return {name: None for name in names if name in found}


def _found(listing: Listing, record: str) -> Found | None:
    names = [record, f"{record}.hea", *(f"{record}{end}" for end in _ENDINGS)]
    named = next((name for name in names if name in listing.sha256), None)
    if named is None:
        return None
    form = "edf" if named.lower().endswith(_SIGNALS) else "wfdb"
    if form == "wfdb" and not named.endswith(".hea"):
        return None
    files = {named: listing.sha256[named]}
    for path, sha256 in listing.files(record).items():
        if PurePosixPath(path).suffix[1:].lower() not in _OTHERS:
            files.setdefault(path, sha256)
    return Found(record if form == "wfdb" else named, form, files)


def _is_of(path: str, record: str) -> bool:
    return path == record or path.startswith(f"{record}.")


def subject_of(record: str) -> str:
    """Guess the subject of a recording from its name; empty if that says nothing.

    It is what recordings of one person have in common in most projects: the letters and
    digits at the beginning, ``S001`` of ``S001/S001R03``, ``chb01`` of ``chb01_03``,
    ``100`` of ``100``.
    """
    name = PurePosixPath(record).name
    found = re.match(r"[A-Za-z]*[_-]?\d+", name) or re.match(r"[A-Za-z]+", name)
    return found[0] if found else ""


def _parts(version: str) -> tuple[int, ...]:
    found = re.fullmatch(r"\d+(?:\.\d+)*", version, re.ASCII)
    return tuple(map(int, version.split("."))) if found else ()
