"""The report as one HTML page that needs no other file and no network."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from brainsets.report.data.outputs import Output
from brainsets.report.failure_groups import Cause, causes
from brainsets.report.records import Facts
from brainsets.report.run_figures import distributions, timeline
from brainsets.shared.state.sentinels import FAILED
from brainsets.shared.state.status import STATES
from brainsets.shared.text.lines import single_line
from brainsets.shared.text.secrets import without_secrets
from brainsets.shared.version import VERSION

__all__ = ["page"]

_HERE = Path(__file__).parent
MOST_ROWS = 5000
"""Lines of a table; a longer one is in summary.tsv alone."""
_MOST_NAMED = 30
_LONGEST_VALUE = 100
_OPEN_OUTPUTS = 2
_ATTRIBUTES = ("source", "description", "origin_version", "derived_version")
_EMPTY = "<td class='n'></td>"
_DATA_TITLES = (
    "file",
    "MB",
    "duration (s)",
    "rate (Hz)",
    "channels",
    "units",
    "spikes",
    "events",
    "missing (%)",
    "odd",
)
_TITLES = {
    "bytes_in": "in (MB)",
    "bytes_out": "out (MB)",
    "download_wall_s": "download (s)",
    "download_cpu_s": "its CPU (s)",
    "process_wall_s": "process (s)",
    "process_cpu_s": "its CPU (s)",
    "max_rss_mb": "memory (MB)",
}


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
    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    version = f"brainsets-workflow {VERSION}"
    if commit:
        version += f", commit {commit}"
    ids = {facts.brainset: f"b{n}" for n, (facts, _) in enumerate(brainsets)}
    links = "".join(_link(f"#{i}", name) for name, i in ids.items())
    parts = [
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{_safe(', '.join(ids) or 'Report')}</title>",
        f"<style>{_resource('page.css')}\n{_style(stylesheet)}</style></head><body>",
        "<header><div><h1>What was prepared, and what came out</h1>",
        f"<p class='soft'>{_safe(made)} · {_safe(version)}</p></div>",
        f"<nav>{links}</nav></header><main>",
    ]
    for facts, outputs in brainsets:
        parts += _brainset(facts, outputs, ids[facts.brainset], version)
    if not brainsets:
        parts.append("<p>Nothing has been prepared yet.</p>")
    parts.append(
        "<footer>Times are those of the last attempt at each step. What each part "
        "shows: docs/report.md of the workflow.</footer></main>"
        f"<script>{_resource('page.js')}</script></body></html>\n"
    )
    return "\n".join(parts)


def _resource(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _style(text: str) -> str:
    # Nothing may end the element that it stands in.
    return text.replace("</", "<\\/")


def _safe(text: object) -> str:
    shown = without_secrets(
        single_line(text).encode("utf-8", "backslashreplace").decode()
    )
    return escape(shown, quote=True)


def _link(target: str, text: object) -> str:
    return f"<a href='{_safe(target)}'>{_safe(text)}</a>"


def _code(text: object) -> str:
    return f"<code>{_safe(text)}</code>"


def _brainset(
    facts: Facts, outputs: Sequence[Output], anchor: str, version: str
) -> Iterable[str]:
    yield f"<section><h2 id='{anchor}'>{_safe(facts.brainset)}</h2>"
    if facts.title:
        yield f"<p>{_safe(facts.title)}</p>"
    yield _tiles(facts)
    yield from _failures(facts)
    yield "<h3>What was prepared from what</h3>"
    yield _provenance(facts, outputs, version)
    if facts.assets:
        picture = timeline(facts.assets)
        if picture:
            yield "<h3>When</h3>"
            yield _figure(base64.b64encode(picture).decode(), "when each asset ran")
        picture = distributions(facts.assets)
        if picture:
            yield "<h3>How long, how much</h3>"
            yield _figure(base64.b64encode(picture).decode(), "durations and memory")
        yield "<h3>Assets</h3>"
        yield _assets(facts, anchor)
    if outputs:
        yield "<h3>Data</h3>"
        yield from _data(facts, outputs, anchor)
    yield "</section>"


def _figure(png: str, text: str) -> str:
    return (
        f"<figure><img alt='{_safe(text)}' src='data:image/png;base64,{png}'></figure>"
    )


def _tile(value: object, text: str, kind: str = "") -> str:
    return f"<div class='tile {kind}'><b>{_safe(value)}</b><span>{text}</span></div>"


def _tiles(facts: Facts) -> str:
    counts = Counter(asset.state for asset in facts.assets)
    tiles = [_tile(len(facts.assets), "assets")]
    for state in STATES:
        if counts[state] or state == "DONE" or state == FAILED:
            kind = {"DONE": "good", FAILED: "bad"}.get(state, "warn")
            kind = kind if counts[state] else ""
            tiles.append(_tile(counts[state], state.lower(), kind))
    empty = [a for a in facts.assets if a.state == "DONE" and not a.row["outputs"]]
    if empty:
        tiles.append(_tile(len(empty), "done without any file", "warn"))
    for column, text in (("bytes_in", "fetched"), ("bytes_out", "written")):
        known = [asset.row[column] for asset in facts.assets if asset.row[column] != ""]
        if known:
            tiles.append(_tile(_size(sum(known)), text))
    spans = facts.spans
    if spans:
        cpu = sum(
            asset.row[column] or 0
            for asset in facts.assets
            for column in ("download_cpu_s", "process_cpu_s")
        )
        tiles.append(_tile(_time(sum(s.end - s.start for s in spans)), "in all steps"))
        tiles.append(_tile(_time(cpu), "CPU"))
    peaks = [asset.row["max_rss_mb"] or 0 for asset in facts.assets]
    if any(peaks):
        tiles.append(_tile(f"{max(peaks):,.0f} MB", "peak memory of a step"))
    return f"<div class='tiles'>{''.join(tiles)}</div>"


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


def _failures(facts: Facts) -> Iterable[str]:
    for broken in facts.status.broken:
        yield (
            f"<div class='failure'><b>{_safe(broken.get('step'))} failed:</b> "
            f"{_safe(broken.get('message'))}{_log(broken)}</div>"
        )
    failed = [(a.asset, a.record) for a in facts.assets if a.state == FAILED]
    groups = causes(failed)
    if not groups:
        return
    kinds = "1 cause" if len(groups) == 1 else f"{len(groups)} causes"
    count = "1 asset" if len(failed) == 1 else f"{len(failed)} assets"
    yield f"<h3>Failures: {count}, {kinds}</h3>"
    for cause in groups:
        yield _cause(cause)


def _cause(cause: Cause) -> str:
    named = ", ".join(_safe(asset) for asset in cause.assets[:_MOST_NAMED])
    more = len(cause.assets) - _MOST_NAMED
    record = cause.records[0]
    last = (record.get("attempts") or [{}])[-1]
    trace = last.get("traceback")
    lines = [_safe(line) for line in str(trace or "").splitlines()]
    hint = " <span class='soft'>(may pass when tried again)</span>"
    return (
        f"<div class='failure'><b>{len(cause.assets)} × {_safe(cause.step)}: "
        f"{_safe(cause.error)}: {_safe(cause.message)}</b>"
        f"{hint if cause.transient else ''}<br>{named}"
        f"{f' and {more} more' if more > 0 else ''}{_log(record)}"
        + (
            f"<details><summary>the traceback of {_safe(cause.assets[0])}</summary>"
            f"<pre>{chr(10).join(lines)}</pre></details>"
            if trace
            else ""
        )
        + "</div>"
    )


def _log(record: Mapping[str, Any]) -> str:
    log = record.get("log")
    return f"<br><span class='soft'>log: {_code(log)}</span>" if log else ""


def _provenance(facts: Facts, outputs: Sequence[Output], version: str) -> str:
    rows: list[tuple[str, str]] = []

    def add(term: str, value: object) -> None:
        if value:
            rows.append((term, value if isinstance(value, _Html) else _safe(value)))

    if facts.description:
        add("pipeline says", facts.description)
    for key, value in _told_by_data(outputs).items():
        add(key.replace("_", " "), value)
    add("pipeline", _variants(facts, "pipeline", facts.listing.get("pipeline")))
    add("code", _variants(facts, "code", facts.listing.get("code")))
    add(
        "arguments", _variants(facts, "args", " ".join(facts.listing.get("args") or []))
    )
    if facts.manifest_hash:
        listed = _moment(facts.listing.get("listed"))
        text = f"{len(facts.assets)} assets, listed {_safe(listed)}, SHA-256 "
        add("manifest", _Html(text + _code(facts.manifest_hash[:16])))
    add("workflow", _Html(_versions(facts, version)))
    add("environment", _Html(_environment(facts)))
    add("machines", _variants(facts, "host", ""))
    spans = facts.spans
    if spans:
        first, last = min(s.start for s in spans), max(s.end for s in spans)
        add("from, to", f"{_when(first)} to {_when(last)}")
    if facts.status.orphaned:
        named = ", ".join(facts.status.orphaned[:_MOST_NAMED])
        count = len(facts.status.orphaned)
        add("orphaned", f"{count}, done but no longer in the manifest: {named}")
    add("results", _Html(_code(facts.folder.root)))
    lines = (f"<dt>{_safe(term)}</dt><dd>{value}</dd>" for term, value in rows)
    return f"<dl>{''.join(lines)}</dl>"


class _Html(str):
    """Text that is HTML already."""


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _moment(time: object) -> str:
    """Return a time of a record, which is in UTC, to the second."""
    return f"{str(time)[:19].replace('T', ' ')} UTC" if time else "at an unknown time"


def _told_by_data(outputs: Sequence[Output]) -> dict[str, str]:
    """Return what the first output that says anything says of its brainset."""
    for output in outputs:
        about = output.seen.get("about") or {}
        told = about.get("brainset") or {}
        found = {key: str(told[key]) for key in _ATTRIBUTES if told.get(key)}
        if found:
            return found
    return {}


def _variants(facts: Facts, key: str, otherwise: object) -> _Html:
    """Return a value, or several with how many assets each has."""
    known = facts.variants[key]
    if not known:
        return _Html(_code(otherwise) if otherwise else "")
    if len(known) == 1:
        [only] = known
        return _Html(_code(only) if only else "")
    told = [f"{_code(value)} ({count} assets)" for value, count in known.most_common()]
    return _Html(", ".join(told[:_MOST_NAMED]))


def _versions(facts: Facts, version: str) -> str:
    if not facts.versions:
        return f"this report: {_safe(version)}"
    told = {
        name: ", ".join(
            number if len(counts) == 1 else f"{number} ({count} assets)"
            for number, count in counts.most_common()
        )
        for name, counts in facts.versions.items()
    }
    first = [n for n in ("brainsets-workflow", "python") if n in told]
    shown = ", ".join(f"{_safe(name)} {_safe(told[name])}" for name in first)
    others = [
        f"{_safe(n)} {_safe(v)}" for n, v in sorted(told.items()) if n not in first
    ]
    listed = (
        f"<details><summary>and {len(others)} imported packages</summary>"
        f"{', '.join(others)}</details>"
    )
    return f"{shown}; this report: {_safe(version)}{listed if others else ''}"


def _environment(facts: Facts) -> str:
    ready = facts.environment
    if ready is None:
        return "none of its own: the interpreter that runs Snakemake"
    declared = ", ".join(map(str, ready.get("dependencies") or [])) or "nothing"
    packages = [str(package) for package in ready.get("packages") or []]
    listed = "\n".join(_safe(package) for package in packages)
    return (
        f"declared: {_safe(declared)}; built {_safe(_moment(ready.get('built')))}"
        f"<details><summary>all {len(packages)} packages in it</summary>"
        f"<pre>{listed}</pre></details>"
    )


def _assets(facts: Facts, anchor: str) -> str:
    shown = facts.assets[:MOST_ROWS]
    columns = ["asset", "state", "error", *_TITLES, "attempts", "host", "ended"]
    used = [c for c in columns if any(a.row[c] != "" for a in shown)]
    numbers = {*_TITLES, "attempts"}
    rows = []
    for asset in shown:
        cells = [_asset_cell(c, asset.row[c], c in numbers) for c in used]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = [(_TITLES.get(column, column), column in numbers) for column in used]
    note = ""
    if len(facts.assets) > len(shown):
        note = (
            f"<p class='soft'>The first {len(shown)} of {len(facts.assets)}; "
            f"all are in {_code(facts.folder.summary)}.</p>"
        )
    return note + _table(f"{anchor}-assets", heads, rows)


def _asset_cell(column: str, value: Any, is_number: bool) -> str:
    if column == "state":
        return f"<td class='state {_safe(value)}'>{_safe(value)}</td>"
    if column in ("bytes_in", "bytes_out") and value != "":
        return f"<td class='n' data-sort='{value}'>{_megabytes(value)}</td>"
    if column == "ended":
        return f"<td>{_safe(_moment(value)) if value else ''}</td>"
    if is_number:
        return f"<td class='n'>{_safe(value)}</td>"
    return f"<td class='{'wide' if column == 'error' else ''}'>{_safe(value)}</td>"


def _table(name: str, heads: Iterable[tuple[str, bool]], rows: list[str]) -> str:
    titles = "".join(
        f"<th class='{'n' if is_number else ''}'>{_safe(title)}</th>"
        for title, is_number in heads
    )
    field = (
        f"<input class='filter' data-table='{name}' aria-label='filter'"
        " placeholder='show only lines with …'>"
    )
    return (
        f"{field if len(rows) > 8 else ''}<div class='scroll'>"
        f"<table class='sortable' id='{name}'><thead><tr>{titles}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _data(facts: Facts, outputs: Sequence[Output], anchor: str) -> Iterable[str]:
    drawn = sum(output.is_drawn for output in outputs)
    if drawn < len(outputs):
        yield (
            f"<p class='soft'>{len(outputs)} files, all read; {drawn} of them, spread "
            "evenly, have a picture.</p>"
        )
    odd = [o for o in outputs if o.problem or o.seen.get("hints")]
    if odd:
        told = f"{len(odd)} of {len(outputs)} files have something odd."
        yield f"<p class='hint'>{told}</p>"
    names = {output.path: f"{anchor}-{n}" for n, output in enumerate(outputs)}
    shown = outputs[:MOST_ROWS]
    rows = [_output_cells(output, names[output.path]) for output in shown]
    used = [title for title in _DATA_TITLES if any(row[title] for row in rows)]
    heads = [(title, title != "file") for title in used]
    lines = [
        f"<tr>{''.join(row[title] or _EMPTY for title in used)}</tr>" for row in rows
    ]
    yield _table(f"{anchor}-data", heads, lines)
    for number, output in enumerate(shown):
        yield _output(output, names[output.path], is_open=number < _OPEN_OUTPUTS)


def _output_cells(output: Output, anchor: str) -> dict[str, str]:
    """Return the cells of an output's line by their titles, empty where unknown."""
    seen = output.seen
    fields = seen.get("fields", [])
    rates = [f["rate_hz"] for f in fields if f["rate_hz"]]
    numbers = (
        output.bytes,
        _duration_s(seen),
        max(rates, default=None),
        seen.get("n_channels"),
        seen.get("n_units"),
        seen.get("n_spikes") or None,
        seen.get("n_events") or None,
        _missing_share(fields),
        len(seen.get("hints", [])) + bool(output.problem) or None,
    )
    cells = {"file": f"<td>{_link(f'#{anchor}', output.path)}</td>"}
    for title, value in zip(_DATA_TITLES[1:], numbers):
        form = {"MB": _megabytes, "missing (%)": _percent}.get(title, _number)
        cells[title] = "" if value is None else _number_cell(value, form)
    return cells


def _number(value: float) -> str:
    if isinstance(value, int) or value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.6g}"


def _megabytes(count: float) -> str:
    value = count / 1e6
    if value >= 1 or not value:
        return f"{value:,.2f}"
    # Two digits of what is small: only an empty file is of 0.00 MB.
    return f"{Decimal(f'{value:.2g}'):f}"


def _percent(value: float) -> str:
    return f"{value:.3g}"


def _number_cell(value: float | None, form: Callable[[float], str] = _number) -> str:
    if value is None:
        return _EMPTY
    return f"<td class='n' data-sort='{value}'>{form(value)}</td>"


def _duration_s(seen: Mapping[str, Any]) -> float | None:
    if seen.get("start_s") is None:
        return None
    return round(seen["end_s"] - seen["start_s"], 6)


def _missing_share(fields: list[dict[str, Any]]) -> float | None:
    """Return the percentage of missing values in the fields that hold numbers."""
    # A mask has no place for what is missing, and would hide what is elsewhere.
    others = ("text", "bool")
    counted = [
        f for f in fields if f["missing"] is not None and f["dtype"] not in others
    ]
    sizes = [_count(f["shape"]) for f in counted]
    if not sum(sizes):
        return None
    missing = sum(n * f["missing"] for n, f in zip(sizes, counted))
    return 100 * missing / sum(sizes)


def _count(shape: list[int]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _output(output: Output, anchor: str, *, is_open: bool) -> str:
    seen = output.seen
    told = [_size(output.bytes)]
    duration_s = _duration_s(seen)
    if duration_s is not None:
        told.append(f"{_number(duration_s)} s")
    for key, one, many in (
        ("n_channels", "channel", "channels"),
        ("n_units", "unit", "units"),
        ("n_spikes", "spike", "spikes"),
        ("n_events", "event", "events"),
    ):
        if seen.get(key):
            told.append(f"{seen[key]:,} {one if seen[key] == 1 else many}")
    if seen.get("layout"):
        told.append(seen["layout"])
    parts = [
        f"<details class='output' id='{anchor}'{' open' if is_open else ''}>"
        f"<summary><b>{_safe(output.path)}</b> "
        f"<span class='soft'>of {_safe(output.asset)}: {_safe(' · '.join(told))}</span>"
        "</summary>"
    ]
    problems = [output.problem] if output.problem else []
    parts += [
        f"<p class='hint'>{_safe(x)}</p>" for x in [*problems, *seen.get("hints", [])]
    ]
    if output.picture:
        parts.append(_figure(output.picture, f"what is in {output.path}"))
    elif seen.get("layout") and output.is_drawn:
        parts.append("<p class='soft'>Nothing in it has a known place in time.</p>")
    elif output.seen and not seen.get("layout"):
        parts.append("<p class='soft'>Not an HDF5 file.</p>")
    for group, about in (seen.get("about") or {}).items():
        if group not in ("brainset", "file"):
            told = " · ".join(f"{k}: {_brief(v)}" for k, v in about.items())
            parts.append(f"<p class='soft'><b>{_safe(group)}</b> {_safe(told)}</p>")
    if seen.get("fields"):
        parts.append(_fields(seen["fields"]))
    parts.append("</details>")
    return "".join(parts)


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def _fields(fields: list[dict[str, Any]]) -> str:
    rows = []
    for each in fields:
        start, end = each["start_s"], each["end_s"]
        share = each["missing"]
        cells = [
            f"<td class='mono'>{_safe(each['path'])}</td>",
            f"<td>{_safe(' × '.join(map(str, each['shape'])) or 'one value')}</td>",
            f"<td>{_safe(each['dtype'])}</td>",
            f"<td>{_safe(each['unit'])}</td>",
            _number_cell(each["rate_hz"]),
            _number_cell(None if start is None else round(end - start, 6)),
            _number_cell(None if share is None else 100 * share, _percent),
            _number_cell(each["low"]),
            _number_cell(each["high"]),
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    titles = "field shape type unit rate|(Hz) duration|(s) missing|(%) least most"
    heads = "".join(
        f"<th class='{'n' if n > 3 else ''}'>{title.replace('|', ' ')}</th>"
        for n, title in enumerate(titles.split())
    )
    return (
        f"<div class='scroll'><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
