"""The live view of a run: a bar for each brainset, a line for each asset at work.

It is drawn as text of known width, not as a table of Rich's, which would take several
times as long, many times a minute.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from brainsets.display.rates import WriteRates
from brainsets.display.units import age_s, duration, rate
from brainsets.shared.text.lines import MAX_LINE_LENGTH, asset_title, single_line

__all__ = ["AssetLine", "BrainsetBar", "asset_lines", "draw_run"]

# They differ in shape as well as in colour, for terminals and people without it.
_MARKS = {"done": "━", "failed": "×", "left": "╌", "cut": "…"}
_PLAIN_MARKS = {"done": "=", "failed": "x", "left": "-", "cut": "~"}
_STYLES = {"done": "green", "failed": "red", "left": "dim"}
_WIDEST_BAR = 50
_NARROWEST_BAR = 8


@dataclass(frozen=True)
class BrainsetBar:
    """What is shown of one brainset; `note` stands where there is no list yet."""

    brainset: str
    total: int | None
    done: int = 0
    failed: int = 0
    note: str = ""
    left_s: float | None = None


@dataclass(frozen=True)
class AssetLine:
    """What is shown of an asset at work; rate in bytes per second, age in seconds."""

    brainset: str
    asset: str
    step: str
    status: str
    age_s: float | None = None
    rate: float | None = None


def asset_lines(
    running: Iterable[tuple[str, dict[str, Any]]], rates: WriteRates, now: float
) -> list[AssetLine]:
    """Return the lines of assets, from their brainsets and RUNNING sentinels."""
    running = list(running)
    rate_by_pid = rates.measure(record for _, record in running)
    return [
        AssetLine(
            brainset,
            record["asset"],
            str(record.get("step")),
            str(record.get("status")),
            age_s(record.get("started"), now),
            rate_by_pid.get(record.get("pid", 0)),
        )
        for brainset, record in running
    ]


def draw_run(
    bars: Sequence[BrainsetBar],
    assets: Sequence[AssetLine],
    *,
    width: int,
    height: int,
    more: int = 0,
    unicode: bool = True,
) -> Text:
    """Return the picture, cut to a terminal's size.

    Parameters
    ----------
    bars, assets : sequence
        What to show, the most important first.
    width, height : int
        Columns and lines that there are.
    more : int
        Assets at work that `assets` leaves out.
    unicode : bool
        Whether the terminal can show more than ASCII.
    """
    marks = _MARKS
    if not unicode:
        # Escaped before lines are cut, as an escape is wider than what it stands for.
        marks = _PLAIN_MARKS
        bars = [
            replace(bar, brainset=_ascii(bar.brainset), note=_ascii(bar.note))
            for bar in bars
        ]
        assets = [
            replace(
                line,
                brainset=_ascii(line.brainset),
                asset=_ascii(line.asset),
                status=_ascii(line.status),
            )
            for line in assets
        ]
    # Bars come first, but assets get at least a third of the height.
    most_bars = max(height - min(len(assets), height // 3) - 2, 1)
    drawn = _bars(bars[:most_bars], width, marks)
    hidden_bars = len(bars) - len(drawn)
    most_assets = max(height - len(drawn) - bool(hidden_bars) - 1, 0)
    shown = assets[:most_assets]
    lines_of: dict[str, list[Text]] = {}
    for line, text in zip(shown, _assets(shown, width, marks)):
        lines_of.setdefault(line.brainset, []).append(text)
    lines = []
    for bar, text in zip(bars, drawn):
        lines += [text, *lines_of.pop(bar.brainset, ())]
    if hidden_bars:
        lines.append(Text(f"... and {hidden_bars} more brainsets", "dim"))
        lines += [text for texts in lines_of.values() for text in texts]
    hidden = len(assets) - len(shown) + more
    if hidden > 0:
        lines.append(Text(f"  ... and {hidden} more at work", "dim"))
    for line in lines:
        # A line that wraps would not be removed by the next drawing.
        line.truncate(max(width, 1))
    return Text("\n").join(lines[: max(height, 1)])


def _bars(bars: Sequence[BrainsetBar], width: int, marks: dict[str, str]) -> list[Text]:
    counts = [_counts(bar) for bar in bars]
    names = [single_line(bar.brainset) for bar in bars]
    words = max((cell_len(text) for text in counts), default=0)
    room = width - words - 2
    longest = max(map(cell_len, names), default=0)
    name_width = max(min(longest, room - _NARROWEST_BAR - 2), 8)
    bar_width = min(room - name_width - 2, _WIDEST_BAR)
    if bar_width < _NARROWEST_BAR:
        # No room for bars: the numbers behind them say the same.
        name_width, bar_width = max(min(longest, room), 4), 0
    lines = []
    for bar, name, text in zip(bars, names, counts):
        line = Text(no_wrap=True)
        line.append(_fitted(name, name_width, marks), "bold")
        line.append("  ")
        if bar_width:
            line.append_text(_bar(bar, bar_width, marks))
            line.append("  ")
        line.append(text, "red" if bar.failed else "")
        lines.append(line)
    return lines


def _counts(bar: BrainsetBar) -> str:
    if bar.total is None:
        return single_line(bar.note)
    parts = [f"{bar.done:,} of {bar.total:,} done"]
    if bar.failed:
        parts.append(f"{bar.failed:,} failed")
    if bar.note:
        parts.append(single_line(bar.note))
    elif bar.left_s is not None and bar.done + bar.failed < bar.total:
        parts.append(f"{duration(bar.left_s)} left")
    return ", ".join(parts)


def _bar(bar: BrainsetBar, width: int, marks: dict[str, str]) -> Text:
    total = bar.total or 0
    failed = round(width * bar.failed / total) if total else 0
    # At least one cell, so that one failure among thousands is visible.
    failed = max(failed, 1) if bar.failed else 0
    done = min(int(width * bar.done / total), width - failed) if total else 0
    drawn = Text()
    for part, cells in (
        ("done", done),
        ("failed", failed),
        ("left", width - done - failed),
    ):
        drawn.append(marks[part] * cells, _STYLES[part])
    return drawn


def _assets(
    assets: Sequence[AssetLine], width: int, marks: dict[str, str]
) -> list[Text]:
    names = [asset_title(line.asset) for line in assets]
    ends = [
        (
            "" if line.rate is None else rate(line.rate),
            "" if line.age_s is None else duration(line.age_s),
        )
        for line in assets
    ]
    rate_width = max((len(text) for text, _ in ends), default=0)
    age_width = max((len(text) for _, text in ends), default=0)
    # Two blanks before each of five columns, and eight letters for the step.
    room = max(width - rate_width - age_width - 18, 16)
    longest = max(map(cell_len, names), default=0)
    name_width = min(longest, max(room // 2, 8))
    status_width = max(room - name_width, 8)
    found = []
    for line, name, (speed, age) in zip(assets, names, ends):
        text = Text("  ", no_wrap=True)
        text.append(_fitted(name, name_width, marks), "cyan")
        text.append(f"  {single_line(line.step):<8}  ")
        text.append(
            _fitted(single_line(line.status, MAX_LINE_LENGTH), status_width, marks)
        )
        text.append(f"  {speed:>{rate_width}}  {age:>{age_width}}", "dim")
        found.append(text)
    return found


def _ascii(text: str) -> str:
    return single_line(text).encode("ascii", "backslashreplace").decode()


def _fitted(text: str, width: int, marks: dict[str, str]) -> str:
    """Return text in so many columns: filled with blanks, or its end cut off."""
    if cell_len(text) > width:
        return set_cell_size(text, max(width - 1, 0)) + marks["cut"]
    return set_cell_size(text, width)
