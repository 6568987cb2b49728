"""Find a pipeline by name or path, without importing anything."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# Unlike those of Path, these say no where a name is too long or a folder is closed.
from os.path import isdir, isfile
from pathlib import Path

from brainsets.errors import SettingsError
from brainsets.shared.text.suggestions import did_you_mean
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.archive_datasets import ARCHIVES, dataset_named
from brainsets.sources.pipeline_file import PipelineSource, check_id
from brainsets.sources.published import PACKAGES, Package, PublishedPipeline

__all__ = ["Entry", "NamedBrainset", "catalog", "find_brainset", "find_pipeline"]

_SHIPPED = Path(__file__).resolve().parents[1] / "pipelines"
# torch_brain:NAME, or with a version of its own: torch_brain==0.2.1:NAME
_PREFIXED = re.compile(r"([A-Za-z]\w*)(?:==([^:/\\]+))?:([^:/\\]+)")
_VERSION = re.compile(r"\d[\w.!+]*")


@dataclass(frozen=True)
class Entry:
    """A pipeline that can be named, and what it comes from.

    `path` is the file of one that ships with this project; `package` and `version` are
    those of a published one.
    """

    name: str
    path: Path | None = None
    package: str | None = None
    version: str | None = None

    @property
    def ships(self) -> bool:
        """Whether it is part of this project."""
        return self.path is not None

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return "ships" if self.ships else f"{self.package} {self.version}"

    @property
    def usage(self) -> str:
        """What to type; the name alone is not enough for the pipeline of an archive."""
        is_archive = self.ships and self.name in ARCHIVES
        return ARCHIVES[self.name].usage if is_archive else self.name


@dataclass(frozen=True)
class NamedBrainset:
    """A brainset that somebody has named.

    `id` names its folders; `args` are arguments of the pipeline that the name implies.
    """

    source: PipelineSource | PublishedPipeline
    id: str
    args: Sequence[str] = ()


def _shipped() -> Iterator[Entry]:
    for path in sorted(_SHIPPED.glob("*/pipeline.py")):
        if not path.parent.name.startswith((".", "_")):
            yield Entry(path.parent.name, path)


def catalog(versions: Mapping[str, str] | None = None) -> list[Entry]:
    """Return all pipelines that can be named; a name goes to the first that has it."""
    versions = versions or {}
    published = [
        Entry(name, None, package.name, versions.get(package.name, package.version))
        for package in PACKAGES.values()
        for name in package.names
    ]
    return [*_shipped(), *published]


def find_brainset(
    spec: str,
    given_id: str | None = None,
    *,
    versions: Mapping[str, str] | None = None,
    active: bool = False,
) -> NamedBrainset:
    """Return the brainset that is meant by a pipeline, or by a dataset of an archive.

    Parameters
    ----------
    spec : str
        ``ARCHIVE:ID``, ``ARCHIVE:ID@VERSION``, or what `find_pipeline` takes.
    given_id : str, optional
        Its id, where that is not to be the pipeline's own.
    versions, active
        As for `find_pipeline`.

    Raises
    ------
    SettingsError
        There is no such pipeline, no dataset can have such an id, or it is not said
        which dataset is meant.
    """
    if given_id is not None:
        check_id(given_id, f"the id {given_id!r}")
    if not isfile(spec) and not isdir(spec):
        dataset = dataset_named(spec)
        if dataset is not None:
            path = _SHIPPED / dataset.archive.name / "pipeline.py"
            return NamedBrainset(
                PipelineSource(path, _versions(versions)),
                given_id or dataset.brainset_id,
                dataset.args,
            )
    source = find_pipeline(spec, versions=versions, active=active)
    if given_id is None and isinstance(source, PipelineSource):
        archive = ARCHIVES.get(source.path.parent.name)
        if archive is not None and source.path.parent.parent == _SHIPPED:
            raise SettingsError(
                f"{spec} prepares any dataset of {archive.title}; say which one: "
                f"{archive.usage}, as in {archive.name}:{archive.example}."
            )
    return NamedBrainset(source, given_id or source.brainset_id)


def _versions(given: Mapping[str, str] | None) -> dict[str, str]:
    return {**{name: p.version for name, p in PACKAGES.items()}, **(given or {})}


def find_pipeline(
    spec: str, *, versions: Mapping[str, str] | None = None, active: bool = False
) -> PipelineSource | PublishedPipeline:
    """Return the pipeline that is given by name, by folder or by file.

    Parameters
    ----------
    spec : str
        A name, ``PACKAGE:NAME``, ``PACKAGE==VERSION:NAME``, or a path.
    versions : mapping, optional
        Versions of the published packages where they are not the default ones.
    active : bool
        Whether it is to run in this interpreter: a published pipeline is then the one
        that is installed here.

    Raises
    ------
    SettingsError
        There is no such name and no such path.
    """
    versions = _versions(versions)
    prefixed = _PREFIXED.fullmatch(spec)
    if prefixed and not isfile(spec) and not isdir(spec):
        package = _package(spec, prefixed[1])
        version = prefixed[2] or versions[package.name]
        return _published(package, version, prefixed[3], versions, active)
    if not any(char in spec for char in "/\\") and spec not in (".", ".."):
        shipped = _SHIPPED / spec / "pipeline.py"
        if isfile(shipped):
            return PipelineSource(shipped, versions)
        for package in PACKAGES.values():
            if spec in package.names:
                version = versions[package.name]
                return _published(package, version, spec, versions, active)
    path = expand_home("the pipeline", spec)
    for file in (path, path / "pipeline.py"):
        if isfile(file):
            return PipelineSource(file.absolute(), versions)
    if isdir(path):
        raise SettingsError(
            f"the folder {spec} holds no pipeline.py; "
            "name a folder with one, or a file."
        )
    known = [entry.usage for entry in catalog()]
    known += [found.parent.name for found in Path().glob("*/pipeline.py")]
    if path.parent.is_dir() and path.parent != Path():
        known = [str(path.parent / other.name) for other in path.parent.iterdir()]
    hint = did_you_mean(spec, list(dict.fromkeys(known))) or (
        "see 'brainsets list' for the names, or give the path of a folder."
    )
    raise SettingsError(
        f"there is no pipeline named {spec!r}, and no such file or folder; {hint}"
    )


def _package(spec: str, name: str) -> Package:
    try:
        return PACKAGES[name]
    except KeyError:
        *known, last = [*PACKAGES, *ARCHIVES]
        raise SettingsError(
            f"there is no pipeline {spec!r}: what stands before ':' must be "
            f"{', '.join(known)} or {last}, not {name!r}."
        ) from None


def _published(
    package: Package, version: str, name: str, versions: Mapping[str, str], active: bool
) -> PipelineSource | PublishedPipeline:
    if not _VERSION.fullmatch(version):
        raise SettingsError(
            f"{package.name}:{name} is asked for at version {version!r}; "
            f"give one version, such as {package.version}."
        )
    # What other versions have is known only to who installs them.
    if version == package.version and name not in package.names:
        hint = (
            did_you_mean(name, package.names) or f"it has {', '.join(package.names)}."
        )
        raise SettingsError(
            f"{package.name} {version} has no pipeline named {name!r}; {hint}"
        )
    if not active:
        return PublishedPipeline(package, version, name)
    for site in map(Path, sys.path):
        file = package.file(site, name)
        if isfile(file):
            return PipelineSource(file, versions)
    raise SettingsError(
        f"{name} is to run in the active interpreter, in which {package.name} is not "
        "installed; install it there, or leave out 'environment: active' "
        "(--use-active-env), and an environment is built for it."
    )
