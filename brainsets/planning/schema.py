"""Values against the schema of the settings: typed, checked, completed.

The schema, ``workflow/schemas/config.schema.yaml``, is the only place that lists keys,
types and defaults. What is wrong is said in one sentence.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from brainsets.errors import SettingsError
from brainsets.shared.text.suggestions import did_you_mean

__all__ = ["check", "completed", "read_schema", "typed", "without_empty"]

SCHEMA = Path(__file__).resolve().parents[2] / "workflow/schemas/config.schema.yaml"

_TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@lru_cache(maxsize=1)
def read_schema() -> dict[str, Any]:
    """Return the schema of the settings."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema: dict[str, Any] = yaml.load(SCHEMA.read_text("utf-8"), Loader=loader)
    return schema


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if reference:
        part = read_schema()["$defs"][reference.rsplit("/", 1)[1]]
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


def typed(value: Any, part: Mapping[str, Any]) -> Any:
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
        return [typed(item, choice.get("items", {})) for item in value]
    if isinstance(value, dict):
        properties = choice.get("properties", {})
        return {k: typed(v, properties.get(k, {})) for k, v in value.items()}
    return value


def without_empty(value: Any, part: Mapping[str, Any]) -> Any:
    """Return settings without keys that have no value, as "limit:": they are not made.

    Unknown keys stay, to be refused.
    """
    choice = _fitting(value, part) or {}
    if isinstance(value, list):
        return [without_empty(item, choice.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    properties = choice.get("properties", {})
    return {
        key: without_empty(inner, properties.get(key, {}))
        for key, inner in value.items()
        if inner is not None or key not in properties
    }


def check(
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
    known: Collection[str] = error.schema["properties"]
    return known


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
        error = max(meant, key=_precision)
    return error


def _precision(error: Any) -> tuple[int, bool]:
    """Return how precisely a violation speaks of what was written."""
    return len(error.absolute_path), error.validator not in ("type", "oneOf")


def _sentence(error: Any) -> str:
    """Return what a violation of the schema means to the person who wrote the value."""
    path = error.json_path.removeprefix("$").removeprefix(".")
    value, wanted = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known, key = _known(error), _unknown(error)
        hint = did_you_mean(str(key), known, 1)
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
        hint = did_you_mean(str(value), wanted, 1)
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


def completed(value: Any, part: Mapping[str, Any]) -> Any:
    """Return a checked value with the schema's defaults filled in."""
    choice = _fitting(value, part) or {}
    if isinstance(value, list):
        return [completed(item, choice.get("items", {})) for item in value]
    if isinstance(value, float) and choice.get("type") == "integer":
        return int(value)
    if not isinstance(value, dict) or "properties" not in choice:
        return value
    return {
        key: completed(
            value[key] if value.get(key) is not None else inner.get("default"), inner
        )
        for key, inner in choice.get("properties", {}).items()
    }
