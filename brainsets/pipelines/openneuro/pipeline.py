# /// brainset-pipeline
# dependencies = [
#   "temporaldata==0.1.6",
#   "requests>=2.28",
#   "h5py>=3.8",
#   "mne>=1.8",
#   "pymatreader>=1.0",
#   "numpy>=1.24",
#   "pandas>=1.5",
# ]
# ///
"""Any BIDS dataset of OpenNeuro by its id: ``openneuro:ds005555``, or ``...@1.0.0``.

One recording for each EEG, iEEG, MEG or EMG recording of the dataset: its signals by
type and rate, in SI units, with what the tables beside it say of channels, electrodes,
events, subject and session. What becomes of each of its files and channels is in the
inventory of the recording that is made of it.

Without a version it is the newest one. OpenNeuro's bucket has the files of no other:
when there is a newer one, what was prepared stays, and the newer one is taken when it
is named.
"""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from brainsets.archives.openneuro import OpenNeuro, StoredFile, fetch_file, stored_files
from brainsets.archives.openneuro.bucket import BUCKET
from brainsets.archives.openneuro.datasets import API, description, version_of_doi
from brainsets.archives.recording_ids import is_like, recording_ids
from brainsets.archives.versions import earlier_version, note
from brainsets.conversion.arguments import (
    add_choice_argument,
    add_rename_argument,
    add_repeat_arguments,
    add_split_arguments,
    split_as_asked,
    text_like,
)
from brainsets.conversion.bids.layout import OTHERS, BidsRecording, Layout, layout_of
from brainsets.conversion.bids.looking import look
from brainsets.conversion.bids.reading import read_bids
from brainsets.conversion.writing import write_recording
from brainsets.errors import DownloadError, SettingsError
from brainsets.pipeline import BrainsetPipeline, SkipAsset

DERIVED_VERSION = "1.0.0"
DESCRIPTION = "dataset_description.json"
COLUMNS = (
    *("dataset", "version", "path", "datatype", "subject", "session", "task", "run"),
    *("size", "files"),
)
# By which a recording may be chosen: option, entity, and what it is.
CHOICES = (
    ("--subject", "sub", "recordings of such a subject, as 01 or sub-01"),
    ("--session", "ses", "recordings of such a session"),
    ("--task", "task", "recordings of such a task"),
    ("--run", "run", "recordings with such a run"),
)

parser = ArgumentParser()
parser.add_argument(
    "--dataset",
    metavar="ID",
    type=text_like(r"ds\d{6}", "'ds' and six digits"),
    help="the dataset: ds005555",
)
parser.add_argument(
    "--version",
    type=text_like(r"\d+\.\d+\.\d+", "three numbers, as in 1.0.0"),
    help="its version, which has to be the newest, as the bucket has no other "
    "(default: the newest)",
)
for option, _, what in CHOICES:
    add_choice_argument(parser, option, what)
parser.add_argument(
    "--modality",
    choices=("eeg", "ieeg", "meg", "emg"),
    action="append",
    default=[],
    help="take only recordings of this modality; may be given several times",
)
add_rename_argument(parser)
add_split_arguments(parser)
parser.add_argument(
    "--base-url",
    metavar="URL",
    default=BUCKET,
    help="the bucket, or a mirror of it (default: %(default)s)",
)
parser.add_argument(
    "--api-url",
    metavar="URL",
    default=API,
    help="where to ask for versions (default: %(default)s)",
)
add_repeat_arguments(parser, but=", but for those that have the archive's checksum")


class Pipeline(BrainsetPipeline):
    """A recording for each recording of a BIDS dataset."""

    brainset_id = "openneuro"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace) -> pd.DataFrame:
        """List the recordings of the dataset, each with its files and their ETags.

        Files that describe a recording are among them: a change of one of them makes
        the recording anew.
        """
        if args.dataset is None:
            raise SettingsError(
                "the pipeline openneuro prepares any dataset; say which one: "
                "openneuro:ID, as in openneuro:ds005555, or --dataset ds005555."
            )
        newest = OpenNeuro(args.api_url, report=print).versions(args.dataset)[-1]
        stored = {
            file.path: file
            for file in stored_files(args.dataset, args.base_url, report=print)
        }
        version = version_in_bucket(newest, stored, raw_dir, args)
        check_version(version, cls.earlier_manifest, args)
        found = layout_of(stored)
        tell_of_others(found)
        if not found.recordings:
            raise DownloadError(nothing_to_convert(args.dataset, version, found))
        ids = recording_ids(
            [one.path for one in found.recordings],
            named=lambda path: path.removesuffix(PurePosixPath(path).suffix),
        )
        kept = [one for one in found.recordings if is_wanted(one, args)]
        if not kept:
            raise SettingsError(
                f"none of the {len(found.recordings)} recordings of {args.dataset} is "
                "what --subject, --session, --task, --run and --modality ask for; the "
                f"first one is {found.recordings[0].path!r}."
            )
        rows = [row_of(one, args.dataset, version, stored) for one in kept]
        index = pd.Index([ids[one.path] for one in kept], name="recording_id")
        return pd.DataFrame(rows, columns=list(COLUMNS), index=index)

    def download(
        self, manifest_item: NamedTuple
    ) -> tuple[Path, NamedTuple, dict[str, str]]:
        """Fetch all files of a recording to where the dataset has them.

        Returns
        -------
        folder : Path
            The dataset's folder.
        row : namedtuple
            `manifest_item`.
        source : dict
            What there is to say of where the data come from.
        """
        row = manifest_item
        if row.files[row.path][0] == 0 if row.path in row.files else False:
            raise SkipAsset(f"{PurePosixPath(row.path).name} is empty")
        self.update_status("Downloading")
        for file in files_of(row):
            fetch_file(
                file,
                row.dataset,
                self.raw_dir,
                self.args.base_url,
                again=self.args.redownload and file.md5 is None,
                report=self.update_status,
            )
        source = description(self.raw_dir / DESCRIPTION, row.dataset, row.version)
        return self.raw_dir, row, source

    def process(self, download_output: tuple[Path, NamedTuple, dict[str, str]]) -> None:
        """Write ``<recording_id>.h5``, as `brainsets.conversion.writing` lays it out.

        The descriptions ``brainset`` and ``session`` say which version of which
        dataset, and which of its files, the data come from.
        """
        folder, row, source = download_output
        output = self.processed_dir / f"{row.Index}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return
        self.update_status("Reading")
        recording = read_bids(
            folder, recording_of(row), id=row.Index, rename=dict(self.args.rename)
        )
        recording.brainset = {
            "id": self.brainset_id,
            "derived_version": DERIVED_VERSION,
            **source,
        }
        recording.subject = {"id": row.subject, **recording.subject}
        recording.session = {
            **recording.session,
            "id": row.Index,
            "source_path": row.path,
            "source_checksum": checksum_of(row),
            "source_check": check_of(row),
        }
        split_as_asked(
            recording,
            self.args,
            subject=row.subject,
            # Runs of one session belong together; without sessions, all of a subject.
            session=f"{row.subject}/{row.session}",
        )
        self.update_status("Writing")
        write_recording(recording, output)

    def look(self, manifest_item: NamedTuple) -> list[dict[str, Any]]:
        """Return the channels and tables of a recording, which is fetched for that."""
        folder, row, _ = self.download(manifest_item)
        return look(folder, recording_of(row))


def version_in_bucket(
    newest: str, stored: dict[str, StoredFile], raw_dir: Path, args: Namespace
) -> str:
    """Return the version whose files the bucket has: the newest, or one before it.

    OpenNeuro writes the version into the dataset's DOI; its bucket may be behind.
    """
    said = None
    if DESCRIPTION in stored:
        file = stored[DESCRIPTION]
        path = fetch_file(file, args.dataset, raw_dir, args.base_url, report=print)
        said = version_of_doi(description(path, args.dataset, newest).get("doi", ""))
    if said is None or said == newest:
        return newest
    note(
        f"the newest version of {args.dataset} is {newest}, but OpenNeuro's bucket "
        f"still has the files of {said}, as they say themselves."
    )
    return said


def check_version(there: str, manifest: Path | None, args: Namespace) -> None:
    """Check that the version whose files there are is the one to take.

    Raises
    ------
    SettingsError
        Another one is asked for, or was listed before.
    """
    spec = f"openneuro:{args.dataset}"
    earlier = earlier_version(manifest, "dataset", args.dataset)
    if args.version not in (None, there):
        raise SettingsError(
            f"{spec}@{args.version}: OpenNeuro's bucket has the files of one version "
            f"alone, which is {there}; name {spec}@{there} to take it."
        )
    if args.version is None and earlier not in (None, there):
        raise SettingsError(
            f"{spec} was listed at version {earlier} before, and OpenNeuro's bucket "
            f"has the files of one version alone, which is {there}. What was prepared "
            f"stays as it is; name {spec}@{there} to take that one."
        )


def row_of(
    one: BidsRecording, dataset: str, version: str, stored: dict[str, StoredFile]
) -> dict[str, Any]:
    """Return the row of a recording."""
    paths = sorted({*one.files, *one.sidecars, *({DESCRIPTION} & stored.keys())})
    return {
        "dataset": dataset,
        "version": version,
        "path": one.path,
        "datatype": one.datatype,
        "subject": one.entities.get("sub", ""),
        "session": one.entities.get("ses", ""),
        "task": one.entities.get("task", ""),
        "run": one.entities.get("run", ""),
        "size": sum(stored[path].size for path in paths),
        "files": {path: [stored[path].size, stored[path].etag] for path in paths},
    }


def files_of(row: NamedTuple) -> list[StoredFile]:
    """Return the files of a row, those that describe the recording first."""
    files = [StoredFile(path, size, etag) for path, (size, etag) in row.files.items()]
    return sorted(files, key=lambda file: file.size)


def recording_of(row: NamedTuple) -> BidsRecording:
    """Return the recording of a row, with what its files are to it."""
    found = layout_of(row.files).recordings
    return next(one for one in found if one.path == row.path)


def checksum_of(row: NamedTuple) -> str:
    """Return the ETag of a recording's file, or of the first file of its folder."""
    first = row.path if row.path in row.files else recording_of(row).files[0]
    return row.files[first][1]


def check_of(row: NamedTuple) -> str:
    """Say how files were checked."""
    unknown = [file.path for file in files_of(row) if file.md5 is None]
    if not unknown:
        return "fetched whole, and checked by MD5"
    return (
        f"fetched whole, and checked by MD5, but for {len(unknown)} files whose MD5 "
        "the bucket does not know: these by size and ETag"
    )


def is_wanted(one: BidsRecording, args: Namespace) -> bool:
    """Whether a recording is one of those that are asked for."""
    if args.modality and one.suffix not in args.modality:
        return False
    for option, entity, _ in CHOICES:
        patterns = getattr(args, option.removeprefix("--"))
        plain = [each.removeprefix(f"{entity}-") for each in patterns]
        if not is_like(one.entities.get(entity, ""), plain):
            return False
    return True


def tell_of_others(found: Layout) -> None:
    """Tell how many files are no part of a recording, and why."""
    for reason, count in counted(found.others.values()):
        files = "file is" if count == 1 else "files are"
        note(f"{count:,} {files} left out, {reason}: {OTHERS[reason]}.")


def nothing_to_convert(dataset: str, version: str, found: Layout) -> str:
    """Say what there is in place of recordings."""
    count = counted(found.others.values())
    there = "; ".join(f"{number:,} {why}: {OTHERS[why]}" for why, number in count)
    return (
        f"version {version} of {dataset} has no EEG, iEEG, MEG or EMG recordings in a "
        f"format that can be read; it has {there or 'nothing else'}."
    )


def counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(reasons).most_common()
