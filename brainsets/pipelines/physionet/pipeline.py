# /// brainset-pipeline
# dependencies = [
#   "temporaldata==0.1.6",
#   "requests>=2.28",
#   "h5py>=3.8",
#   "numpy>=1.24",
#   "pandas>=1.5",
#   "soundfile>=0.12",
# ]
# ///
"""Any project of PhysioNet by its name: ``physionet:eegmmidb``, or ``...@1.0.0``.

One recording for each EDF, BDF or WFDB record that the project lists: its signals, each
at its own rate, by type and in SI units, and its annotations. What becomes of each
signal is in the inventory of the recording that is made of it.

Without a version it is the newest one, and stays at that version, also when there are
newer ones, until another is asked for. Of projects that are not for everybody, name and
password are taken from ``~/.netrc``.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from brainsets.archives.downloads import download_file
from brainsets.archives.physionet import Listing, file_url, stored_listing
from brainsets.archives.physionet_projects import Project, recordings, subject_of
from brainsets.archives.recording_ids import is_like, recording_ids
from brainsets.archives.versions import chosen_version, earlier_version, note
from brainsets.conversion import edf, wfdb
from brainsets.conversion.arguments import (
    add_choice_argument,
    add_rename_argument,
    add_repeat_arguments,
    add_split_arguments,
    split_as_asked,
)
from brainsets.conversion.parts import Recording
from brainsets.conversion.writing import write_recording
from brainsets.errors import DownloadError, SettingsError
from brainsets.pipeline import BrainsetPipeline, SkipAsset

DERIVED_VERSION = "1.0.0"
COLUMNS = "project version record form subject files".split()


def project_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(?:-+[a-z0-9]+)*", text, re.ASCII):
        raise ArgumentTypeError(
            f"{text!r} is no name of a project: lower-case letters, digits and hyphens"
        )
    return text


def version_name(text: str) -> str:
    if not re.fullmatch(r"\d+(?:\.\d+){0,3}", text, re.ASCII):
        raise ArgumentTypeError(f"{text!r} is no version; give one such as 1.0.0")
    return text


def pattern(text: str) -> re.Pattern:
    try:
        return re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"{text!r} is no pattern: {error}") from None


parser = ArgumentParser()
parser.add_argument(
    "--project",
    metavar="NAME",
    type=project_name,
    help="the project, as in its address: eegmmidb",
)
parser.add_argument(
    "--version",
    type=version_name,
    help="its version (default: the one of the last time, or else the newest)",
)
add_choice_argument(parser, "--record", "records with such a path, as 'S00*/*R03.edf'")
add_choice_argument(parser, "--subject", "recordings of such a subject")
parser.add_argument(
    "--subject-pattern",
    metavar="REGEX",
    type=pattern,
    help="what of a record's path is the subject: the first group of this pattern, or "
    "all that it finds (default: letters and digits at the beginning of the file's "
    "name, which is a guess)",
)
add_rename_argument(parser)
add_split_arguments(parser)
parser.add_argument(
    "--base-url",
    metavar="URL",
    default="https://physionet.org/",
    help="the archive, or a mirror of all of it (default: %(default)s)",
)
add_repeat_arguments(parser)


class Pipeline(BrainsetPipeline):
    """A recording for each EDF, BDF or WFDB record of a project."""

    brainset_id = "physionet"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace) -> pd.DataFrame:
        """List the records of one version of the project, with their checksums."""
        if args.project is None:
            raise SettingsError(
                "the pipeline physionet prepares any project; say which one: "
                "physionet:NAME, as in physionet:eegmmidb, or --project eegmmidb."
            )
        project = Project(args.project, args.base_url, print)
        version = chosen_version(
            f"project {args.project}",
            f"physionet:{args.project}",
            asked=args.version,
            earlier=earlier_version(cls.earlier_manifest, "project", args.project),
            newest=lambda: project.versions()[-1],
        )
        project.fetch_description(version, raw_dir, again=True)
        stale: list[str] = []
        listing = project.listing(version, raw_dir, stale.append)
        found, others, segments = recordings(
            listing, lambda record: project.named_by(record, version, listing, raw_dir)
        )
        tell_of(stale, "listed in RECORDS and not in the project")
        tell_of(others, "neither EDF, BDF nor WFDB")
        tell_of(segments, "segments of others")
        if not found:
            raise DownloadError(
                f"version {version} of the project {args.project!r} lists no "
                "recordings in EDF, BDF or WFDB, which are what can be converted."
            )
        stems = [one.record.rpartition(".")[0] or one.record for one in found]
        count = Counter(stem.lower() for stem in stems)
        # As a/b.edf and a/b.bdf.
        paths = [
            stem if count[stem.lower()] == 1 else one.record
            for one, stem in zip(found, stems)
        ]
        ids = recording_ids(paths)
        rows = {}
        for one, path in zip(found, paths):
            subject = subject_named(one.record, args.subject_pattern)
            row = (args.project, version, one.record, one.form, subject, one.files)
            if is_like(one.record, args.record) and is_like(subject, args.subject):
                rows[ids[path]] = dict(zip(COLUMNS, row))
        if not rows:
            raise SettingsError(
                f"none of the {len(found)} recordings of the project {args.project!r} "
                f"is what --record and --subject ask for; the first one is "
                f"{found[0].record!r}."
            )
        if args.split == "subject" and args.subject_pattern is None:
            note(
                f"subjects are guessed from the names of files, {found[0].record!r} is "
                f"of {subject_of(found[0].record)!r}; if that is wrong, give "
                "--subject-pattern, or one subject may be on both sides of the split."
            )
        size = project.total_bytes(version, raw_dir)
        if size is not None:
            note(
                f"all files of the project are {size / 1e6:,.1f} MB; PhysioNet does "
                "not say how large each record is."
            )
        index = pd.Index(list(rows), name="recording_id")
        return pd.DataFrame(list(rows.values()), columns=COLUMNS, index=index)

    def download(
        self, manifest_item: NamedTuple
    ) -> tuple[list[Path], NamedTuple, dict[str, str]]:
        """Fetch the files of a record to where the archive has them, below ``raw_dir``.

        Returns
        -------
        paths : list of Path
            The recording itself, or its header, and files of annotations.
        row : namedtuple
            `manifest_item`.
        source : dict
            What there is to say of where the data come from.
        """
        row = manifest_item
        project = Project(row.project, self.args.base_url, self.update_status)
        source = project.fetch_description(row.version, self.raw_dir)
        self.update_status("Downloading")
        signals = self._signal_files(row)
        others = [
            self._fetched(row, name, checksum)
            for name, checksum in row.files.items()
            if name not in signals and not name.endswith((".dat", ".hea", ".mat"))
        ]
        return [next(iter(signals.values())), *others], row, source

    def _signal_files(self, row: NamedTuple) -> dict[str, Path]:
        """Fetch the recording, or its header and all that this and others name."""
        found: dict[str, Path] = {}
        names = [main_of(row)]
        checksums = dict(row.files)
        for name in names:
            if name in found:
                continue
            if name not in checksums:
                # Files of other names, and segments; none are there of stale records.
                checksums = {**self._listing(row).sha256, **checksums}
            if name not in checksums:
                raise SkipAsset(
                    f"{name}, which its header names, is not in the project"
                )
            found[name] = self._fetched(row, name, checksums[name])
            if name.endswith(".hea"):
                folder = PurePosixPath(name).parent
                names += [str(folder / each) for each in wfdb.files_of(found[name])]
        return found

    def _listing(self, row: NamedTuple) -> Listing:
        project = Project(row.project, self.args.base_url)
        return stored_listing(project.files_url(row.version), self.raw_dir)

    def _fetched(self, row: NamedTuple, name: str, checksum: str) -> Path:
        project = Project(row.project, self.args.base_url)
        return download_file(
            file_url(project.files_url(row.version), name),
            self.raw_dir / name,
            sha256=checksum,
            again=self.args.redownload,
            report=self.update_status,
        )

    def process(
        self, download_output: tuple[list[Path], NamedTuple, dict[str, str]]
    ) -> None:
        """Write ``<recording_id>.h5``, as `brainsets.conversion.writing` lays it out.

        The descriptions ``brainset`` and ``session`` say which version of which
        project, and which of its files, the data come from.
        """
        paths, row, source = download_output
        output = self.processed_dir / f"{row.Index}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return
        self.update_status("Reading")
        recording = self._read(paths, row)
        recording.brainset = {
            "id": self.brainset_id,
            "derived_version": DERIVED_VERSION,
            **source,
        }
        named = {"id": row.subject} if row.subject else {"id": "unknown"}
        recording.subject = {**named, **recording.subject}
        main = main_of(row)
        recording.session = {
            **recording.session,
            "id": row.Index,
            "source_path": main,
            "source_checksum": row.files[main],
        }
        split_as_asked(recording, self.args, subject=row.subject, session=row.Index)
        self.update_status("Writing")
        write_recording(recording, output)

    def _read(self, paths: list[Path], row: NamedTuple) -> Recording:
        main, *others = paths
        read = edf.read_edf if row.form == "edf" else wfdb.read_wfdb
        names = {wfdb.part_name(path) for path in others}
        renamed = dict(self.args.rename)
        of_files = {old: renamed.pop(old) for old in list(renamed) if old in names}
        recording = read(main, id=row.Index, rename=renamed)
        rate = wfdb.annotation_rate(main) if row.form == "wfdb" else None
        wfdb.add_annotations(recording, others, rate, rename=of_files)
        return recording

    def look(self, manifest_item: NamedTuple) -> list[dict[str, Any]]:
        """Return the signals of a record; of WFDB, headers alone are fetched."""
        row = manifest_item
        main = self._fetched(row, main_of(row), row.files[main_of(row)])
        if row.form == "edf":
            return edf.look(main)
        listing = self._listing(row)
        folder = PurePosixPath(row.record).parent
        for name in wfdb.files_of(main):
            path = str(folder / name)
            if name.endswith(".hea") and path in listing.sha256:
                self._fetched(row, path, listing.sha256[path])
        return wfdb.look(main)


def main_of(row: NamedTuple) -> str:
    """Return the recording itself, or its header."""
    return row.record if row.form == "edf" else f"{row.record}.hea"


def subject_named(record: str, wanted: re.Pattern | None) -> str:
    """Return the subject that a record's path names; empty if it does not."""
    if wanted is None:
        return subject_of(record)
    found = wanted.search(record)
    if not found:
        return ""
    return (found[1] if wanted.groups else found[0]) or ""


def tell_of(records: list[str], what: str) -> None:
    if records:
        count = "1 record is" if len(records) == 1 else f"{len(records):,} records are"
        note(f"{count} left out, {what}; the first is {records[0]!r}.")
