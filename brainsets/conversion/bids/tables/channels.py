"""Channels of a file with what ``channels.tsv`` says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from brainsets.conversion.bids.tables.matching import match
from brainsets.conversion.bids.tables.text import TextTable, numbers
from brainsets.conversion.bids.tables.types import signal_type, unit_of
from brainsets.conversion.biosignals.channels import channel_types
from brainsets.conversion.parts import Columns
from brainsets.conversion.raw.files import RawChannel

__all__ = ["Channel", "Channels", "merged"]

_BODY = {"eeg", "ieeg", "eog", "ecg", "emg"}
_OWN = ["name", "type", "units"]
_TAKEN = (
    "id label type bids_type unit source_unit source_index x y z position_frame".split()
)


@dataclass
class Channel:
    """What is known of a channel.

    `factor` brings what the file's reader gives to `unit`; `row` is that of the table,
    if it has one; `notes` say what is odd about it.
    """

    type: str
    bids_type: str
    unit: str
    factor: float
    row: int | None
    notes: list[str] = field(default_factory=list)


@dataclass
class Channels:
    """The channels of a file, in its order.

    `names` are those that tables have for them, or else their labels; `columns` has
    what else the table says, a row for each channel.
    """

    channels: list[Channel]
    names: list[str]
    columns: Columns
    notes: list[str]


def merged(raw: Sequence[RawChannel], table: TextTable | None, suffix: str) -> Channels:
    """Return channels with the types, units and status that a table gives them.

    A unit that the file states is taken, and that of the table where it states none.
    Without a row, a channel is what the file says it is, or else ``misc``; without a
    table, it is what its label says.

    Parameters
    ----------
    raw : sequence of RawChannel
        The channels of the file.
    table : TextTable, optional
        ``channels.tsv``.
    suffix : str
        Suffix of the recording, ``eeg``.
    """
    if table is None:
        return Channels(_by_labels(raw, suffix), [c.label for c in raw], {}, [])
    notes = list(table.notes)
    names = table.get("name")
    rows: dict[int, int] = {}
    if table.find("name") is None:
        notes.append("it has no column 'name', so that none of its rows has a channel")
    else:
        rows, said = match([c.label for c in raw], [c.id for c in raw], names)
        notes += said
    channels = [
        _channel(channel, table, rows.get(number), suffix)
        for number, channel in enumerate(raw)
    ]
    if not any(table.get("type")):
        notes.append("it says no types: they are those that labels say")
        for channel, known in zip(channels, _by_labels(raw, suffix)):
            channel.type, channel.notes = known.type, []
            if known.type == "stim":
                channel.unit, channel.factor = known.unit, known.factor
    without = len(raw) - len(rows)
    if without:
        notes.append(f"{without} channels of the file have no row in it")
    unmatched = [name for row, name in enumerate(names) if row not in rows.values()]
    if unmatched:
        notes.append(
            f"{len(unmatched)} of its rows have no channel, as {unmatched[0]!r}"
        )
    own = [name for name in map(table.find, _OWN) if name is not None]
    aligned = TextTable(
        {
            name: [texts[rows[n]] if n in rows else "" for n in range(len(raw))]
            for name, texts in table.columns.items()
        },
        len(raw),
    )
    columns, said = aligned.as_columns(without=own, taken=_TAKEN)
    own_names = [names[rows[n]] if n in rows else c.label for n, c in enumerate(raw)]
    return Channels(channels, own_names, columns, notes + said)


def _by_labels(raw: Sequence[RawChannel], suffix: str) -> list[Channel]:
    """Return channels of which no table says anything."""
    labels, units = [c.label for c in raw], [c.unit for c in raw]
    # Depth electrodes may have names of sites on the scalp.
    told = channel_types(labels, [""] * len(raw) if suffix == "ieeg" else units)
    channels = []
    for channel, kind in zip(raw, told):
        known = _by_file(channel, suffix) or kind
        unit, factor = _number(channel) if known == "stim" else (channel.unit, 1.0)
        channels.append(Channel(known, "", unit, factor, None))
    return channels


def _channel(
    raw: RawChannel, table: TextTable, row: int | None, suffix: str
) -> Channel:
    said = "" if row is None else table.get("type")[row]
    notes = []
    kind = signal_type(said) if said else None
    if said and kind is None:
        notes.append(f"its type {said!r} is none of BIDS")
    by_file = _by_file(raw, suffix)
    if kind is None:
        kind = by_file or "misc"
        if not said:
            notes.append("channels.tsv does not say its type")
    elif kind != "stim" and "stim" in (by_file, *channel_types([raw.label], [""])):
        notes.append(f"doubt: it seems to have triggers; channels.tsv says {said}")
    if kind == "stim":
        unit, factor = _number(raw)
    else:
        unit, factor, said_of_unit = _unit(raw, kind, table, row)
        notes += said_of_unit
    notes += [] if row is None else _rate(raw, table, row)
    return Channel(kind, said, unit, factor, row, notes)


def _number(raw: RawChannel) -> tuple[str, float]:
    """Return the unit of a trigger, as the file has it: volts are numbers, too."""
    if not raw.source_unit or raw.scale in (0.0, 1.0):
        return raw.unit, 1.0
    return raw.source_unit.strip(), 1 / raw.scale


def _by_file(raw: RawChannel, suffix: str) -> str:
    """Return the type that the file says; names of scalp sites say none in iEEG."""
    return "" if suffix == "ieeg" and raw.type == "eeg" else raw.type


def _unit(
    raw: RawChannel, kind: str, table: TextTable, row: int | None
) -> tuple[str, float, list[str]]:
    """Return a unit, the factor to it, and what contradicts it."""
    text = "" if row is None else table.get("units", "unit")[row]
    said = unit_of(text)
    if raw.source_unit.strip():
        if said is None:
            return raw.unit, 1.0, []
        of_file = unit_of(raw.source_unit) or (raw.unit, raw.scale)
        if said == of_file:
            return raw.unit, 1.0, []
        note = f"channels.tsv says {text!r}, the file {raw.source_unit!r}, which is"
        doubt = "doubt: " if said[0] != of_file[0] else ""
        return raw.unit, 1.0, [f"{doubt}{note} taken"]
    if raw.unit and (kind in _BODY or said is None):
        # A unit by convention.
        if said not in (None, (raw.unit, raw.scale)):
            note = f"doubt: channels.tsv says {text!r}, such files are in other units"
            return raw.unit, 1.0, [f"{note} by convention, which are taken"]
        return raw.unit, 1.0, []
    if said is None:
        return raw.unit, 1.0, []
    unit, scale = said
    note = f"the file has no unit; {text!r} of channels.tsv is taken"
    return unit, scale / (raw.scale or 1.0), [note]


def _rate(raw: RawChannel, table: TextTable, row: int) -> list[str]:
    said = float(numbers([table.get("sampling_frequency")[row]])[0][0])
    if said != said or abs(said - raw.sampling_rate) <= 1e-3 * raw.sampling_rate:
        return []
    return [
        f"channels.tsv says {said:g} Hz, the file {raw.sampling_rate:g} Hz, which is "
        "taken"
    ]
