# /// brainset-pipeline
# dependencies = [
#   "temporaldata==0.1.6",
#   "requests>=2.28",
#   "h5py>=3.8",
#   "hdf5plugin>=4.1",
#   "numpy>=1.24",
#   "pandas>=1.5",
# ]
# ///
"""Any dandiset of NWB files, by its id: ``dandi:000140``, or ``dandi:000140@VERSION``.

One recording for each NWB file, with all that NWB says of it and temporaldata can hold:
spikes, signals with their channels, behaviour, trials and other tables. What becomes of
each object of a file is in the inventory of the recording that is made of it.

Without a version it is the newest one that is published, or the draft where there is
none. It stays at that version, also when there are newer ones, until another is asked
for. Of dandisets that are not for everybody, the key is in the environment variable
``DANDI_API_KEY``.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import pandas as pd

from brainsets.archives.dandi import DRAFT, Asset, DandiArchive, local_path
from brainsets.archives.dandi.descriptions import description, fetch_description
from brainsets.archives.dandi.recordings import (
    COLUMNS,
    chosen_version,
    is_wanted,
    nwb_rows,
    without_ending,
)
from brainsets.archives.downloads import is_whole
from brainsets.archives.recording_ids import recording_ids
from brainsets.archives.remote_file import RemoteFile
from brainsets.archives.versions import earlier_version, note
from brainsets.conversion.arguments import (
    add_choice_argument,
    add_rename_argument,
    add_repeat_arguments,
    add_split_arguments,
    split_as_asked,
    text_like,
)
from brainsets.conversion.nwb import DEFAULT, KINDS, look, open_nwb, read_nwb
from brainsets.conversion.writing import write_recording
from brainsets.errors import DownloadError, SettingsError
from brainsets.pipeline import BrainsetPipeline, SkipAsset

# A file is read by range requests if it is larger, and less of it than this is wanted.
LARGE_BYTES = 1_000_000_000
LITTLE = 0.25

DERIVED_VERSION = "1.0.0"

CHECKED = "fetched whole, and checked by its checksum"
UNCHECKED = "read by range requests; the checksum of the whole file was not verified"


dandiset_id = text_like(r"\d{6}", "six digits")
version_name = text_like(rf"{DRAFT}|\d+\.\d+\.\d+", f"{DRAFT}, or as 0.220113.0408")


def kinds(text: str) -> list[str]:
    named = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in named if word not in (*KINDS, "all")]
    if unknown or not named:
        raise ArgumentTypeError(
            f"{(unknown or [text])[0]!r} is no kind of signal; give some of "
            f"{', '.join(KINDS)}, with commas between them, or all"
        )
    return sorted(KINDS if "all" in named else set(named))


parser = ArgumentParser()
parser.add_argument(
    "--dandiset", metavar="ID", type=dandiset_id, help="the dandiset: six digits"
)
parser.add_argument(
    "--version",
    type=version_name,
    help=f"its version, or {DRAFT} (default: the one of the last time, or else the "
    "newest published)",
)
add_choice_argument(
    parser,
    "--path",
    "NWB files with such a path in the dandiset, as 'sub-01/*_ecephys*'",
)
add_choice_argument(parser, "--subject", "recordings of such a subject")
parser.add_argument(
    "--signals",
    metavar="LIST",
    type=kinds,
    default=sorted(DEFAULT),
    help=f"which kinds to take, of {', '.join(KINDS)} (default: all but raw)",
)
add_rename_argument(parser, "OLD is its name here or its path in the NWB file; ")
add_split_arguments(parser)
parser.add_argument(
    "--stream",
    choices=("auto", "always", "never"),
    default="auto",
    help=f"read by range requests, and keep no raw file: auto does so for files above "
    f"{LARGE_BYTES / 1e9:g} GB of which less than {LITTLE:.0%}% is wanted "
    "(default: %(default)s)",
)
add_repeat_arguments(parser, ", but for those that have the archive's checksum")


class Pipeline(BrainsetPipeline):
    """A recording for each NWB file of a dandiset."""

    brainset_id = "dandi"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace) -> pd.DataFrame:
        """List the NWB files of one version of the dandiset.

        A row says what decides of the data: where it is, and its size and checksums.
        The asset's id and dates are not in it, as they change with its metadata alone.
        """
        if args.dandiset is None:
            raise SettingsError(
                "the pipeline dandi prepares any dandiset; say which one: dandi:ID, as "
                "in dandi:000140, or --dandiset 000140."
            )
        archive = DandiArchive(report=print)
        earlier = earlier_version(cls.earlier_manifest, "dandiset", args.dandiset)
        version = chosen_version(archive, args.dandiset, args.version, earlier, note)
        fetch_description(archive, raw_dir, args.dandiset, version)
        rows = nwb_rows(archive, args.dandiset, version)
        # Of all files, so that they are the same whatever is chosen of them.
        ids = recording_ids([row["path"] for row in rows], without_ending)
        kept = [row for row in rows if is_wanted(row, args.path, args.subject)]
        if not kept:
            raise SettingsError(
                f"none of the {len(rows)} NWB files of version {version} of dandiset "
                f"{args.dandiset} is what --path and --subject ask for; the first one "
                f"is {rows[0]['path']!r}, of the subject {rows[0]['subject']!r}."
            )
        index = pd.Index([ids[row["path"]] for row in kept], name="recording_id")
        return pd.DataFrame(kept, columns=COLUMNS, index=index)

    def download(
        self, manifest_item: NamedTuple
    ) -> tuple[Path | None, NamedTuple, dict[str, str]]:
        """Fetch the file, or find that it is to be read by range requests.

        Returns
        -------
        path : Path or None
            The file; None if it is not fetched.
        row : namedtuple
            `manifest_item`.
        source : dict
            What there is to say of where the data come from.
        """
        row = manifest_item
        if row.path.lower().endswith(".zarr"):
            raise SkipAsset(
                "it is a Zarr, a folder of many files; only NWB files in HDF5 can be "
                "converted"
            )
        archive = DandiArchive(report=self.update_status)
        source = description(archive, self.raw_dir, row.dandiset, row.version)
        path = local_path(self.raw_dir, row.path)
        # What has the archive's checksum need not be fetched again.
        again = self.args.redownload and not (row.sha256 or row.etag)
        if again or not is_whole(path, **checks(row)):
            asset = self._listed_asset(archive, row)
            if self._is_read_from_afar(archive, asset):
                return None, row, source
            self.update_status("Downloading")
            archive.download(asset, self.raw_dir, again=again)
        return path, row, source

    def process(
        self, download_output: tuple[Path | None, NamedTuple, dict[str, str]]
    ) -> None:
        """Write ``<recording_id>.h5``, as `brainsets.conversion.writing` lays it out.

        The descriptions ``brainset`` and ``session`` say which version of which
        dandiset, and which of its files, the data come from.
        """
        path, row, source = download_output
        output = self.processed_dir / f"{row.Index}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return
        self.update_status("Reading")
        with self._opened(path, row) as file:
            recording = read_nwb(
                file,
                id=row.Index,
                signals=self.args.signals,
                rename=dict(self.args.rename),
            )
            recording.brainset = {
                "id": self.brainset_id,
                "derived_version": DERIVED_VERSION,
                **source,
            }
            named = {"id": row.subject} if row.subject else {}
            recording.subject = {**named, **recording.subject}
            recording.session = {
                **recording.session,
                "id": row.Index,
                "source_path": row.path,
                "source_checksum": row.sha256 or row.etag,
                "source_check": CHECKED if path else UNCHECKED,
            }
            split_as_asked(
                recording,
                self.args,
                subject=str(recording.subject.get("id", "")),
                # A session may have several files, which belong together.
                session=f"{row.subject}/{row.session}" if row.session else row.Index,
            )
            self.update_status("Writing")
            write_recording(recording, output)

    def look(self, manifest_item: NamedTuple) -> list[dict[str, Any]]:
        """Return the objects of a file, of which no more is fetched than that needs."""
        path = local_path(self.raw_dir, manifest_item.path)
        there = path if is_whole(path, size=manifest_item.size) else None
        with self._opened(there, manifest_item) as file:
            return look(file)

    def _listed_asset(self, archive: DandiArchive, row: NamedTuple) -> Asset:
        """Return the asset of a row, if it is still what was listed."""
        asset = archive.asset(row.dandiset, row.version, row.path)
        listed = replace(
            asset, size=row.size, sha256=row.sha256 or None, etag=row.etag or None
        )
        # A SHA-256 may have come since.
        same = asset.etag == listed.etag if listed.etag else asset == listed
        if not same or asset.size != listed.size:
            raise DownloadError(
                f"{row.path} has changed since it was listed; list the {row.version} "
                "again, with 'snakemake --forcerun write_manifest' or 'brainsets "
                "prepare' and --list."
            )
        return listed

    def _is_read_from_afar(self, archive: DandiArchive, asset: Asset) -> bool:
        """Whether a file is read by range requests, and not fetched."""
        if self.args.stream != "auto" or asset.size <= LARGE_BYTES:
            return self.args.stream == "always"
        self.update_status("Looking at what is wanted")
        with reading(archive.opened(asset)) as file:
            wanted = sum(
                entry["stored"] or entry["bytes"] or 0
                for entry in look(file)
                if entry["kind"] in self.args.signals
            )
        return wanted < LITTLE * asset.size

    @contextmanager
    def _opened(self, path: Path | None, row: NamedTuple) -> Iterator[h5py.File]:
        if path is not None:
            with open_nwb(path) as file:
                yield file
            return
        archive = DandiArchive(report=self.update_status)
        with reading(archive.opened(self._listed_asset(archive, row))) as file:
            yield file


@contextmanager
def reading(remote: RemoteFile) -> Iterator[h5py.File]:
    """Open a file that is read by range requests.

    Raises
    ------
    DownloadError
        A piece of it could not be had, whatever else was made of that.
    """
    try:
        with remote, open_nwb(remote) as file:
            yield file
    except Exception:
        if remote.failure is None:
            raise
    if remote.failure is not None:
        raise remote.failure


def checks(row: NamedTuple) -> dict[str, Any]:
    """Return what the file of a row can be checked by."""
    return {
        "size": row.size,
        "sha256": row.sha256 or None,
        "dandi_etag": row.etag or None,
    }
