"""The table of settings in config/README.md, made from the settings' schema.

``python tests/helpers/settings_table.py`` says whether they agree; with ``--fix`` it
rewrites the table.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
DOCUMENT = ROOT / "config/README.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"

_HEADER = "| setting | value | default | meaning |\n|---|---|---|---|\n"
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}


def settings_table(schema: Mapping[str, Any]) -> str:
    """Return the schema as Markdown: settings of a run, then those of a brainset."""
    brainset = schema["$defs"]["settings"]
    return (
        f"{_HEADER}{''.join(_rows(schema, schema))}\n"
        f"Of one brainset, each under its entry of `brainsets`:\n\n"
        f"{_HEADER}{''.join(_rows(brainset, schema))}"
    )


def _rows(
    part: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    for key, setting in part["properties"].items():
        name = f"{prefix}{key}"
        if "properties" in setting:
            yield from _rows(setting, schema, f"{name}: ")
            continue
        cells = [
            f"`{name}`",
            _value(setting, schema),
            _default(setting, key in part.get("required", ())),
            setting["description"].replace("|", r"\|"),
        ]
        yield f"| {' | '.join(cells)} |\n"


def _value(setting: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in setting:
        return _value(schema["$defs"][setting["$ref"].rpartition("/")[2]], schema)
    if "oneOf" in setting:
        values = [_value(choice, schema) for choice in setting["oneOf"]]
        return " or ".join(dict.fromkeys(values))
    if "enum" in setting:
        return " or ".join(f"`{value}`" for value in setting["enum"])
    value = _KINDS[setting["type"]]
    if "minimum" in setting:
        value += f" from {setting['minimum']}"
    if "exclusiveMinimum" in setting:
        value += f" above {setting['exclusiveMinimum']}"
    return value


def _default(setting: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    default = setting.get("default")
    if default in (None, "", []):
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def with_table(text: str, schema: Mapping[str, Any]) -> str:
    """Return a document with the table between its markers made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{settings_table(schema)}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Compare, or rewrite with ``--fix``; return the exit status."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted = with_table(text, schema)
    if "--fix" in arguments:
        DOCUMENT.write_text(wanted, encoding="utf-8")
        return 0
    if text != wanted:
        print(f"{DOCUMENT}: the table is not that of the schema; run this with --fix")
    return int(text != wanted)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
