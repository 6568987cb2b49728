"""Settings: checked against the schema, completed, and turned into objects.

The schema, ``workflow/schemas/config.schema.yaml``, is the only place that lists keys,
types and defaults. What is wrong is said in one sentence.
"""

import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from brainsets.errors import SettingsError
from brainsets.planning.catalog import find_pipeline
from brainsets.planning.published import PublishedPipeline
from brainsets.planning.source import PipelineSource
from brainsets.shared.arguments import counted
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.selection import Selection, nearest

__all__ = ["Brainset", "Settings", "read_schema", "read_setting", "read_settings"]

SCHEMA = Path(__file__).resolve().parents[2] / "workflow/schemas/config.schema.yaml"

_TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}

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
    """One brainset of a run."""

    source: PipelineSource | PublishedPipeline
    raw_dir: Path
    processed_dir: Path
    args: list[str]
    selection: Selection
    environment: str
    download: Step
    process: Step
    batch_size: int | str

    @property
    def id(self) -> str:
        """The brainset's id."""
        return self.source.brainset_id

    @cached_property
    def folder(self) -> BrainsetFolder:
        """The brainset's processed folder."""
        return BrainsetFolder(self.processed_dir / self.id)

    @cached_property
    def counted_args(self) -> list[str]:
        """The arguments whose change means that everything is done again."""
        return counted(self.args)

    @cached_property
    def is_isolated(self) -> bool:
        """Whether it runs in an interpreter of its own."""
        needs_one = self.source.environment_key is not None
        return self.environment == "isolated" and needs_one

    @cached_property
    def pipeline(self) -> Path:
        """The pipeline's file; that of a published one is in its environment."""
        return self.source.file(self.folder.environment)


@dataclass(frozen=True)
class Settings:
    """All settings of a run, complete and checked."""

    downloads: int
    downloads_on: str
    download_only: bool
    catalog: dict[str, str]
    warm: bool
    brainsets: dict[str, Brainset]


@lru_cache(maxsize=1)
def read_schema() -> dict[str, Any]:
    """Return the schema of the settings."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=loader)


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
        key: _typed(value, schema["properties"].get(key, {})) if key in given else value
        for key, value in config.items()
    }
    config = _made(config, schema)
    _check(config, schema, set(given), where)
    complete = _completed(config, schema)
    brainsets = complete["brainsets"]
    entries = brainsets if isinstance(brainsets, list) else [brainsets]
    entries = [_mapping(entry, complete["batch_size"]) for entry in entries]
    raw_dir, processed_dir = (
        Path(complete[key]).expanduser().absolute()
        for key in ("raw_dir", "processed_dir")
    )
    for key, folder in (("raw_dir", raw_dir), ("processed_dir", processed_dir)):
        if folder.exists() and not folder.is_dir():
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
    part = _made({name: value for name, value in config.items() if name == key}, schema)
    _check(part, schema, (), where)
    return _completed(part, schema)[key]


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if reference:
        return read_schema()["$defs"][reference.rsplit("/", 1)[1]]
    return part


def _choices(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a part of the schema allows, as parts with a type or an enum each."""
    part = _resolved(part)
    if "oneOf" not in part:
        return [part]
    return [choice for option in part["oneOf"] for choice in _choices(option)]


def _type_of(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return "integer"
    # bool before int, which it derives from; Snakemake's mappings derive from dict.
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    kinds |= {list: "array", dict: "object"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), "")


def _fitting(value: object, part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = _type_of(value)
    for choice in _choices(part):
        wanted = choice.get("type", "string")
        if found == wanted or (found == "integer" and wanted == "number"):
            return choice
    return None


def _typed(value: Any, part: Mapping[str, Any]) -> Any:
    """Return a value from the command line, where all is text, in the schema's type."""
    choice = _fitting(value, part)
    if choice is None:
        wanted = {c.get("type") for c in _choices(part)}
        if isinstance(value, (int, float)) and "string" in wanted:
            return str(value)
        if isinstance(value, str):
            try:
                parsed = yaml.safe_load(value)
            except yaml.YAMLError:
                return value
            if _fitting(parsed, part) is not None:
                return parsed
        return value
    if isinstance(value, list):
        return [_typed(item, choice.get("items", {})) for item in value]
    if isinstance(value, dict):
        properties = choice.get("properties", {})
        return {k: _typed(v, properties.get(k, {})) for k, v in value.items()}
    return value


def _made(value: Any, part: Mapping[str, Any]) -> Any:
    """Return settings without keys that have no value, as "limit:": they are not made.

    Unknown keys stay, to be refused.
    """
    choice = _fitting(value, part) or {}
    if isinstance(value, list):
        return [_made(item, choice.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties = choice.get("properties", {})
    return {
        key: _made(inner, properties.get(key, {}))
        for key, inner in value.items()
        if inner is not None or key not in properties
    }


def _check(
    config: Mapping[str, Any],
    schema: Mapping[str, Any],
    given: Collection[str],
    where: str,
) -> None:
    """Say in a sentence what is wrong with the settings, if anything is."""
    # Imported here: only what parses settings pays for it.
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    error = next(iter(validator.iter_errors(config)), None)
    if error is None:
        return
    error = _innermost(error)
    path = [*error.absolute_path]
    if error.validator == "additionalProperties":
        path.append(_unknown(error))
    if path and path[0] in given:
        where = "--config"
    raise SettingsError(f"{where}: {_sentence(error)}")


def _known(error: Any) -> Collection[str]:
    return error.schema["properties"]


def _unknown(error: Any) -> object:
    return next(key for key in error.instance if key not in _known(error))


def _innermost(error: Any) -> Any:
    """Return the violation of the branch that the value was meant for."""
    while error.context:
        # A branch for another type of value says nothing about this one.
        meant = [
            inner for inner in error.context if inner.validator != "type" or inner.path
        ]
        if not meant:
            break
        error = max(meant, key=_told)
    return error


def _told(error: Any) -> tuple[int, bool]:
    """Return how precisely a violation speaks of what was written."""
    return len(error.absolute_path), error.validator not in ("type", "oneOf")


def _sentence(error: Any) -> str:
    """Return what a violation of the schema means to the person who wrote the value."""
    path = error.json_path.removeprefix("$").removeprefix(".")
    value, wanted = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known, key = _known(error), _unknown(error)
        hint = nearest(str(key), known, 1)
        return (
            f"unknown setting {key!r}{' in ' + path if path else ''}; "
            f"{hint + ' ' if hint else ''}allowed are {', '.join(known)}."
        )
    if error.validator == "required":
        missing = next(key for key in wanted if key not in value)
        return (
            f"{path + ' has' if path else 'there is'} no {missing!r}; add it, as in "
            f"'{missing}: rokem_grasshopper_auditory_2006'."
        )
    if error.validator == "enum":
        hint = nearest(str(value), wanted, 1)
        # Words beside numbers, as in a number or "auto".
        is_choice = error.parent and error.parent.absolute_path == error.absolute_path
        others = error.parent.validator_value if is_choice else []
        kinds = [_TYPE_NAMES[c["type"]] for c in others if "enum" not in c]
        return (
            f"{path} is {value!r}; {hint + ' ' if hint else ''}"
            f"allowed are {', '.join([*wanted, *kinds])}."
        )
    if error.validator in ("minLength", "minItems"):
        return f"{path} is empty; fill it in."
    if error.validator == "minimum":
        return f"{path} is {value}, but must be at least {wanted}."
    if error.validator == "exclusiveMinimum":
        return f"{path} is {value}, but must be more than {wanted}."
    if value is None:
        return f"{path} is empty; fill it in, or leave it out."
    if error.validator in ("type", "oneOf"):
        kinds = [_TYPE_NAMES[c["type"]] for c in _choices(error.schema)]
        advice = ""
        if "text" in kinds and not isinstance(value, (list, dict)):
            advice = f'; put it in quotes: "{value}"'
        wanted = " or ".join(dict.fromkeys(kinds))
        return f"{path} is {value!r}, but must be {wanted}{advice}."
    return f"{path}: {error.message}."


def _completed(value: Any, part: Mapping[str, Any]) -> Any:
    """Return a checked value with the schema's defaults filled in."""
    choice = _fitting(value, part) or {}
    if isinstance(value, list):
        return [_completed(item, choice.get("items", {})) for item in value]
    if isinstance(value, float) and choice.get("type") == "integer":
        return int(value)
    if not isinstance(value, dict) or "properties" not in choice:
        return value
    return {
        key: _completed(
            value[key] if value.get(key) is not None else inner.get("default"), inner
        )
        for key, inner in choice.get("properties", {}).items()
    }


def _mapping(entry: str | dict, batch_size: int | str) -> dict[str, Any]:
    """Return a brainset's settings, completed by those of the run."""
    if isinstance(entry, str):
        entry = _completed({"pipeline": entry}, {"$ref": "#/$defs/settings"})
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
                f"args of {entry['pipeline']}, {args!r}: {error}."
            ) from error
    active = entry["environment"] == "active"
    source = find_pipeline(entry["pipeline"], versions=versions, active=active)
    # Read now, so that whatever is wrong with the file is said before anything runs.
    _ = source.brainset_id, source.environment_key, source.code
    return Brainset(
        source=source,
        raw_dir=raw_dir,
        processed_dir=processed_dir,
        args=list(args),
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
        f"brainset_id {ids}, so they would share a folder; "
        "run them one after the other with different processed_dir, or rename one."
    )
