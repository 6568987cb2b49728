"""Datasets of an archive by their id, each for a pipeline that takes any of them."""

import re
from dataclasses import dataclass

from brainsets.errors import SettingsError

__all__ = ["ARCHIVES", "Archive", "ArchiveDataset", "dataset_named"]


@dataclass(frozen=True)
class Archive:
    """An archive, whose pipeline ships under the same name.

    Parameters
    ----------
    option : str
        The argument of its pipeline that takes the dataset's id.
    id_pattern, id_form : str
        What an id looks like: a regular expression, and in words.
    version_pattern, version_form : str
        What a version looks like.
    example : str
        The id of a dataset.
    """

    name: str
    title: str
    option: str
    id_pattern: str
    id_form: str
    version_pattern: str
    version_form: str
    example: str

    @property
    def usage(self) -> str:
        """How a dataset is named."""
        return f"{self.name}:ID[@VERSION]"


ARCHIVES = {
    archive.name: archive
    for archive in (
        Archive(
            "dandi",
            "DANDI",
            "--dandiset",
            r"\d{6}",
            "six digits",
            r"draft|\d+\.\d+\.\d+",
            "'draft' or three numbers, as in 0.220113.0408",
            "000140",
        ),
        Archive(
            "openneuro",
            "OpenNeuro",
            "--dataset",
            r"ds\d{6}",
            "'ds' and six digits",
            r"\d+\.\d+\.\d+",
            "three numbers, as in 1.0.0",
            "ds005555",
        ),
        Archive(
            "physionet",
            "PhysioNet",
            "--project",
            r"[a-z0-9]+(?:-+[a-z0-9]+)*",
            "a project's name: lower-case letters, digits and hyphens",
            r"\d+(?:\.\d+){0,3}",
            "numbers with dots between them, as in 1.0.0",
            "eegmmidb",
        ),
    )
}
"""The archives, by what stands before the colon."""


@dataclass(frozen=True)
class ArchiveDataset:
    """One dataset of an archive, at one version if that is given."""

    archive: Archive
    id: str
    version: str | None

    @property
    def brainset_id(self) -> str:
        """Names its folders; the version is in each of its files instead."""
        return f"{self.archive.name}_{self.id}"

    @property
    def args(self) -> list[str]:
        """The arguments that tell the archive's pipeline which dataset it is."""
        version = ["--version", self.version] if self.version else []
        return [self.archive.option, self.id, *version]


def dataset_named(spec: str) -> ArchiveDataset | None:
    """Return the dataset that ``ARCHIVE:ID[@VERSION]`` names, None of other texts.

    Raises
    ------
    SettingsError
        No dataset of that archive can have that id, or that version.
    """
    name, colon, rest = spec.partition(":")
    archive = ARCHIVES.get(name)
    if archive is None or not colon:
        return None
    dataset, at, version = rest.partition("@")
    example = f"{name}:{archive.example}"
    if not re.fullmatch(archive.id_pattern, dataset, re.ASCII):
        raise SettingsError(
            f"{spec!r}: the id of a dataset of {archive.title} is {archive.id_form}, "
            f"as in {example}, not {dataset!r}."
        )
    if at and not re.fullmatch(archive.version_pattern, version, re.ASCII):
        raise SettingsError(
            f"{spec!r}: a version of {archive.title} is {archive.version_form}, "
            f"not {version!r}; without one ({example}) it is the newest published."
        )
    return ArchiveDataset(archive, dataset, version or None)
