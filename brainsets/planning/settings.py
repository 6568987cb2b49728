"""Settings: checked against the schema, completed, and turned into objects."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from brainsets.errors import SettingsError
from brainsets.planning.schema import (
    check,
    completed,
    read_schema,
    typed,
    without_empty,
)
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.inputs.arguments import literal_secrets, named_files, recorded
from brainsets.shared.inputs.content_hashes import is_older
from brainsets.shared.selection import Selection
from brainsets.shared.text.lines import single_line
from brainsets.shared.text.secrets import without_secrets
from brainsets.shared.text.user_paths import expand_home
from brainsets.sources.catalog import find_brainset
from brainsets.sources.pipeline_file import PipelineSource
from brainsets.sources.published import PublishedPipeline

__all__ = ["Brainset", "Settings", "Step", "advice", "read_setting", "read_settings"]

_OWN_RESOURCES = {
    "mem_mb": "set mem_mb beside resources, not in it",
    "mem": "set mem_mb beside resources",
    "runtime": "set runtime beside resources, not in it",
    "threads": "set threads beside resources, not in it",
    "downloads": "set downloads for the whole run",
    "tmpdir": "set it with --default-resources",
}


@dataclass(frozen=True)
class Step:
    """Resources of one step: memory (MB), runtime (minutes), cores, time-out (s).

    `resources` are others, by the names that Snakemake's executors know.
    """

    mem_mb: int
    runtime: int
    threads: int = 0
    timeout: float | None = None
    resources: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Brainset:
    """One brainset of a run; `id` may be another than its pipeline has."""

    id: str
    source: PipelineSource | PublishedPipeline
    raw_dir: Path
    processed_dir: Path
    args: list[str]
    selection: Selection
    environment: str
    download: Step
    process: Step
    batch_size: int | str

    def step(self, name: str) -> Step:
        """Return the settings of ``download`` or ``process``."""
        return self.download if name == "download" else self.process

    @cached_property
    def folder(self) -> BrainsetFolder:
        """The brainset's processed folder."""
        return BrainsetFolder(self.processed_dir / self.id)

    @cached_property
    def counted_args(self) -> list[str]:
        """The arguments whose change means that everything is done again."""
        return recorded(self.args, self.folder_of_args)

    @property
    def folder_of_args(self) -> Path | None:
        """Where relative paths in the arguments start; None where nobody can know."""
        return self.pipeline.parent if self.source.code_stamp else None

    def has_args_of(self, record: Mapping[str, Any]) -> bool:
        """Whether something was made with the arguments of now, by what it says."""
        known = record.get("args")
        if known == self.counted_args:
            return True
        if not isinstance(known, list) or not all(isinstance(k, str) for k in known):
            return False
        # Earlier versions wrote secrets as they are, and nothing of files.
        if _without_files(tuple(known), None) != _without_files(
            tuple(self.args), self.folder_of_args
        ):
            return False
        files = named_files(self.args, self.folder_of_args)
        since = record.get("started", record.get("listed"))
        return all(is_older(file, since) for file in files)

    @cached_property
    def is_isolated(self) -> bool:
        """Whether it runs in an interpreter of its own."""
        needs_one = self.source.environment_key is not None
        return self.environment == "isolated" and needs_one

    @cached_property
    def pipeline(self) -> Path:
        """The pipeline's file; that of a published one is in its environment."""
        return self.source.file(self.folder.environment)


@lru_cache(maxsize=64)
def _without_files(args: tuple[str, ...], folder: Path | None) -> list[str]:
    """Return arguments as they are written down; the same for many assets."""
    return recorded(args, folder, with_files=False)


@dataclass(frozen=True)
class Settings:
    """All settings of a run, complete and checked."""

    downloads: int
    downloads_on: str
    download_only: bool
    catalog: dict[str, str]
    warm: bool
    display: str
    brainsets: dict[str, Brainset]


def read_settings(
    config: Mapping[str, Any],
    *,
    given: Mapping[str, Any] | None = None,
    where: str = "config/config.yaml",
) -> Settings:
    """Check settings and complete them with the schema's defaults.

    Parameters
    ----------
    config : mapping
        The settings as Snakemake merged them.
    given : mapping, optional
        The part that came from ``--config``, where every value is text.
    where : str
        The file that the rest came from, to name in messages.

    Raises
    ------
    SettingsError
        Something is wrong; the sentence says what, where, and what is allowed.
    """
    given = given or {}
    schema = read_schema()
    config = {
        key: typed(value, schema["properties"].get(key, {})) if key in given else value
        for key, value in config.items()
    }
    config = without_empty(config, schema)
    check(config, schema, set(given), where)
    complete = completed(config, schema)
    brainsets = complete["brainsets"]
    entries = brainsets if isinstance(brainsets, list) else [brainsets]
    entries = [_with_defaults(entry, complete["batch_size"]) for entry in entries]
    raw_dir, processed_dir = (
        expand_home(key, complete[key]).absolute()
        for key in ("raw_dir", "processed_dir")
    )
    for key, folder in (("raw_dir", raw_dir), ("processed_dir", processed_dir)):
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise SettingsError(f"{key}: {folder} is a file; name a folder.")
    if {"{", "}"} & set(str(processed_dir)):
        raise SettingsError(
            f"processed_dir: {processed_dir} has a brace in it, which is a wildcard to "
            "Snakemake; name another folder."
        )
    versions = complete["catalog"]
    found = [_brainset(entry, raw_dir, processed_dir, versions) for entry in entries]
    _check_ids(found)
    return Settings(
        downloads=complete["downloads"],
        downloads_on=complete["downloads_on"],
        download_only=complete["download_only"],
        catalog=complete["catalog"],
        warm=complete["warm"],
        display=complete["display"],
        brainsets={brainset.id: brainset for brainset in found},
    )


def read_setting(config: Any, key: str, *, where: str) -> Any:
    """Check and complete one setting of a file, whatever the others are.

    Raises
    ------
    SettingsError
        The file holds no settings, or this one is wrong.
    """
    if not isinstance(config, dict):
        raise SettingsError(
            f"{where}: it holds {config!r} instead of settings, each as 'name: value'."
        )
    schema = {**read_schema(), "required": []}
    part = {name: value for name, value in config.items() if name == key}
    part = without_empty(part, schema)
    check(part, schema, (), where)
    return completed(part, schema)[key]


def _with_defaults(
    entry: str | dict[str, Any], batch_size: int | str
) -> dict[str, Any]:
    """Return a brainset's settings, completed by those of the run."""
    if isinstance(entry, str):
        named = {"pipeline": entry}
        entry = dict(completed(named, {"$ref": "#/$defs/settings"}))
    if entry["batch_size"] is None:
        entry = {**entry, "batch_size": batch_size}
    return entry


def _brainset(
    entry: dict[str, Any],
    raw_dir: Path,
    processed_dir: Path,
    versions: Mapping[str, str],
) -> Brainset:
    args = entry["args"]
    if isinstance(args, str):
        try:
            args = shlex.split(args)
        except ValueError as error:
            raise SettingsError(
                f"args of {entry['pipeline']}, {without_secrets(args)!r}: {error}."
            ) from error
    active = entry["environment"] == "active"
    named = find_brainset(
        entry["pipeline"], entry["id"], versions=versions, active=active
    )
    source = named.source
    # Read now, so that whatever is wrong with the file is said before anything runs.
    _ = source.brainset_id, source.environment_key, source.code
    return Brainset(
        id=named.id,
        source=source,
        raw_dir=raw_dir,
        processed_dir=processed_dir,
        args=[*named.args, *args],
        selection=Selection(
            _as_list(entry["assets"]), _as_list(entry["exclude"]), entry["limit"]
        ),
        environment=entry["environment"],
        download=_step(entry, "download"),
        process=_step(entry, "process"),
        batch_size=entry["batch_size"],
    )


def _step(entry: Mapping[str, Any], name: str) -> Step:
    step = Step(**entry[name])
    for key in step.resources:
        if key in _OWN_RESOURCES or not key.isidentifier():
            advice = _OWN_RESOURCES.get(
                key, "resources have names like slurm_partition"
            )
            raise SettingsError(
                f"{name}: resources of {entry['pipeline']} has {key!r}; {advice}."
            )
    return step


def _as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _check_ids(brainsets: Sequence[Brainset]) -> None:
    # Folders that differ only in case are one folder on some machines.
    counts = Counter(brainset.id.casefold() for brainset in brainsets)
    shared = [b for b in brainsets if counts[b.id.casefold()] > 1]
    if not shared:
        return
    first = shared[0].id.casefold()
    shared = [b for b in shared if b.id.casefold() == first]
    ids = " and ".join(dict.fromkeys(repr(b.id) for b in shared))
    raise SettingsError(
        f"brainsets: {' and '.join(str(b.source) for b in shared)} have the same "
        f"brainset_id {ids}, so they would share a folder; give each an id of its own, "
        "as in {pipeline: ..., id: ...}."
    )


def advice(brainsets: Iterable[Brainset]) -> Iterator[str]:
    """Yield sentences about secrets and relative paths among the arguments."""
    for brainset in brainsets:
        folder = brainset.folder_of_args
        for option, _ in literal_secrets(brainset.args, folder):
            yield (
                f"args of {brainset.id}: what follows {single_line(option)} looks like "
                "a secret, which everybody on this machine can see; put it into an "
                f"environment variable, and write {single_line(option)} env:NAME."
            )
        for argument in brainset.args if folder else ():
            path = argument.partition("=")[2] if argument[:1] == "-" else argument
            if _is_only_here(path, str(folder)):
                yield (
                    f"args of {brainset.id}: {single_line(path)} is in "
                    f"{os.getcwd()}, but relative paths start at the pipeline's "
                    f"folder, {folder}; give the whole path if you mean that one."
                )


def _is_only_here(path: str, folder: str) -> bool:
    """Whether a relative path leads to something from here, but not from a folder."""
    looks_like_one = "/" in path or os.path.splitext(path)[1]
    if not looks_like_one or os.path.isabs(path) or "\0" in path:
        return False
    return os.path.exists(path) and not os.path.exists(os.path.join(folder, path))
