"""The report as one HTML page that needs no other file and no network.

The page is a template of Jinja2. Whatever its expressions put on it passes `_shown`,
which masks secrets, and is then escaped: nothing of a recording, an error message or an
id is taken for HTML.
"""

import base64
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from brainsets.report.data.outputs import Output
from brainsets.report.failure_groups import causes
from brainsets.report.records import Facts
from brainsets.report.run_figures import distributions, timeline
from brainsets.shared.state.sentinels import DONE, FAILED
from brainsets.shared.state.status import STATES, assets_by_reason
from brainsets.shared.text.lines import single_line
from brainsets.shared.text.secrets import without_secrets
from brainsets.shared.version import VERSION

__all__ = ["page"]

TEMPLATES = Path(__file__).parent / "templates"
_MAX_ROWS = 5000  # of a table; a longer one is in summary.tsv alone
_BRAINSET_ATTRIBUTES = ("source", "description", "origin_version", "derived_version")
_COUNTED = (
    ("n_channels", "channels"),
    ("n_units", "units"),
    ("n_spikes", "spikes"),
    ("n_events", "events"),
)
_ASSET_NUMBERS = {
    "bytes_in": "in (MB)",
    "bytes_out": "out (MB)",
    "download_wall_s": "download (s)",
    "download_cpu_s": "its CPU (s)",
    "process_wall_s": "process (s)",
    "process_cpu_s": "its CPU (s)",
    "max_rss_mb": "memory (MB)",
    "attempts": "attempts",
}


class _Cell(NamedTuple):
    """A cell of a table: `kind` is its CSS class, `sort` the number to sort it by."""

    text: object = ""
    kind: str = ""
    sort: float | None = None
    target: str = ""


class _Table(NamedTuple):
    """A table: each head has a title and a CSS class."""

    heads: list[tuple[str, str]]
    rows: list[list[_Cell]]


def page(
    brainsets: Sequence[tuple[Facts, Sequence[Output]]],
    *,
    commit: str | None,
    stylesheet: str = "",
) -> str:
    """Return the whole page.

    Parameters
    ----------
    brainsets : sequence of (Facts, sequence of Output)
        What is known of each, and of its data.
    commit : str or None
        The commit of this workflow, if it is a checkout.
    stylesheet : str
        More CSS, after that of the page.
    """
    version = f"brainsets-workflow {VERSION}"
    if commit:
        version += f", commit {commit}"
    template = _environment().get_template("page.html")
    return template.render(
        made=f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        version=version,
        # The user's own CSS, quotes and ">" included. It cannot end its element.
        stylesheet=Markup(stylesheet.replace("</", "<\\/")),
        sections=[
            _section(facts, outputs, f"b{number}")
            for number, (facts, outputs) in enumerate(brainsets)
        ],
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (_contents, _duration_s, _local_time, _number, _percent, _utc_time)
    environment.filters.update({each.__name__[1:]: each for each in filters})
    return environment


def _shown(value: object) -> object:
    """Return text as the page shows it: on one line, without secrets, as UTF-8 can be.

    What is HTML already was made by a macro, whose values have passed this function.
    """
    is_safe = isinstance(value, (int, float)) or hasattr(value, "__html__")
    return value if is_safe else _masked(str(value))


@lru_cache(maxsize=4096)  # Most cells of a column, and their classes, are alike.
def _masked(text: str) -> str:
    line = single_line(text).encode("utf-8", "backslashreplace").decode()
    return without_secrets(line)


def _section(facts: Facts, outputs: Sequence[Output], anchor: str) -> dict[str, Any]:
    """Return what the template of one brainset shows."""
    failed = [(a.asset, a.record) for a in facts.assets if a.state == FAILED]
    figures = (
        ("When", timeline(facts.assets), "when each asset ran"),
        ("How long, how much", distributions(facts.assets), "durations and memory"),
    )
    return {
        "anchor": anchor,
        "facts": facts,
        "tiles": [*_tiles(facts)],
        "n_failed": len(failed),
        "causes": causes(failed),
        "skipped": assets_by_reason(facts.status),
        "attributes": _brainset_attributes(outputs),
        "figures": [
            (heading, base64.b64encode(png).decode(), text)
            for heading, png, text in figures
            if png
        ],
        "assets": _asset_table(facts),
        "outputs": outputs,
        "data": _data_table(outputs, anchor),
    }


def _tiles(facts: Facts) -> Iterator[tuple[object, str, str]]:
    """Yield a value, what it is, and its CSS class."""
    counts = Counter(asset.state for asset in facts.assets)
    yield len(facts.assets), "assets", ""
    for state in STATES:
        if counts[state] or state in (DONE, FAILED):
            kind = {DONE: "good", FAILED: "bad"}.get(state, "warn")
            yield counts[state], state.lower(), kind if counts[state] else ""
    empty = sum(a.state == DONE and not a.row["outputs"] for a in facts.assets)
    if empty:
        yield empty, "done without any file", "warn"
    for column, text in (("bytes_in", "fetched"), ("bytes_out", "written")):
        known = [asset.row[column] for asset in facts.assets if asset.row[column] != ""]
        if known:
            yield _size(sum(known)), text, ""
    spans = facts.spans
    if spans:
        cpu_s = sum(
            asset.row[column] or 0
            for asset in facts.assets
            for column in ("download_cpu_s", "process_cpu_s")
        )
        yield _time(sum(s.end - s.start for s in spans)), "in all steps", ""
        yield _time(cpu_s), "CPU", ""
    peak_mb = max((asset.row["max_rss_mb"] or 0 for asset in facts.assets), default=0)
    if peak_mb:
        yield f"{peak_mb:,.0f} MB", "peak memory of a step", ""


def _brainset_attributes(outputs: Sequence[Output]) -> dict[str, str]:
    """Return what the first output that says anything says of its brainset."""
    for output in outputs:
        group = (output.seen.get("about") or {}).get("brainset") or {}
        found = {key: str(group[key]) for key in _BRAINSET_ATTRIBUTES if group.get(key)}
        if found:
            return found
    return {}


def _asset_table(facts: Facts) -> _Table:
    shown = facts.assets[:_MAX_ROWS]
    columns = ["asset", "state", "error", *_ASSET_NUMBERS, "host", "ended"]
    used = [c for c in columns if any(asset.row[c] != "" for asset in shown)]
    return _Table(
        [(_ASSET_NUMBERS.get(c, c), "n" if c in _ASSET_NUMBERS else "") for c in used],
        [[_asset_cell(c, asset.row[c]) for c in used] for asset in shown],
    )


def _asset_cell(column: str, value: Any) -> _Cell:
    if column in ("bytes_in", "bytes_out") and value != "":
        return _number_cell(value, _megabytes)
    if column == "ended" and value:
        return _Cell(_utc_time(value))
    kinds = {"state": f"state {value}", "error": "wide"}
    return _Cell(value, "n" if column in _ASSET_NUMBERS else kinds.get(column, ""))


def _data_table(outputs: Sequence[Output], anchor: str) -> _Table:
    rows = [
        {"file": _Cell(output.path, target=f"#{anchor}-{number}"), **_numbers(output)}
        for number, output in enumerate(outputs[:_MAX_ROWS])
    ]
    used = [t for t in (rows[0] if rows else ()) if any(row[t].text for row in rows)]
    return _Table(
        [(title, "" if title == "file" else "n") for title in used],
        [[row[title] for title in used] for row in rows],
    )


def _numbers(output: Output) -> dict[str, _Cell]:
    """Return the cells of an output's line by their titles, empty where unknown."""
    seen = output.seen
    fields = seen.get("fields", [])
    rates = [field["rate_hz"] for field in fields if field["rate_hz"]]
    counts = {title: seen.get(key) for key, title in _COUNTED}
    return {
        "MB": _number_cell(output.bytes, _megabytes),
        "duration (s)": _number_cell(_duration_s(seen)),
        "rate (Hz)": _number_cell(max(rates, default=None)),
        "channels": _number_cell(counts["channels"]),
        "units": _number_cell(counts["units"]),
        "spikes": _number_cell(counts["spikes"] or None),
        "events": _number_cell(counts["events"] or None),
        "missing (%)": _number_cell(_missing_share(fields), _percent),
        "odd": _number_cell(len(output.hints) or None),
    }


def _number_cell(
    value: float | None, form: Callable[[float | None], str] | None = None
) -> _Cell:
    return _Cell((form or _number)(value), "n", value)


def _contents(output: Output) -> str:
    """Return how much of what there is in an output, on a line."""
    seen = output.seen
    parts = [_size(output.bytes)]
    if (length_s := _duration_s(seen)) is not None:
        parts.append(f"{_number(length_s)} s")
    for key, noun in _COUNTED:
        if seen.get(key):
            parts.append(f"{seen[key]:,} {noun if seen[key] != 1 else noun[:-1]}")
    if seen.get("layout"):
        parts.append(seen["layout"])
    return " · ".join(parts)


def _duration_s(seen: Mapping[str, Any]) -> float | None:
    if seen.get("start_s") is None:
        return None
    return round(seen["end_s"] - seen["start_s"], 6)


def _missing_share(fields: list[dict[str, Any]]) -> float | None:
    """Return the share of missing values in the fields that hold numbers."""
    # A boolean mask has no missing values, and would lower the share.
    counted = [
        (prod(field["shape"]), field["missing"])
        for field in fields
        if field["missing"] is not None and field["dtype"] not in ("text", "bool")
    ]
    total = sum(size for size, _ in counted)
    return sum(size * share for size, share in counted) / total if total else None


def _size(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def _time(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _utc_time(time: object) -> str:
    """Return a time of a record, which is in UTC, to the second."""
    return f"{str(time)[:19].replace('T', ' ')} UTC" if time else "at an unknown time"


def _local_time(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int) or value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.6g}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3g}"


def _megabytes(count: float | None) -> str:
    value = (count or 0) / 1e6
    if value >= 1 or not value:
        return f"{value:,.2f}"
    # Two digits of what is small: only an empty file is of 0.00 MB.
    return f"{Decimal(f'{value:.2g}'):f}"
