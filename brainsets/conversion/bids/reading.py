"""A recording of a BIDS dataset, with all that its files say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from brainsets.conversion.bids.descriptions import (
    contradictions,
    device_of,
    session_of,
    subject_of,
)
from brainsets.conversion.bids.layout import BidsRecording
from brainsets.conversion.bids.places import Places, read_places
from brainsets.conversion.bids.sidecars import Described, meanings
from brainsets.conversion.bids.tables.channels import Channels, merged
from brainsets.conversion.bids.tables.events import Events, read_events
from brainsets.conversion.biosignals.doubts import doubt_of
from brainsets.conversion.biosignals.groups import Group, grouped
from brainsets.conversion.domains import union
from brainsets.conversion.inventory import Inventory
from brainsets.conversion.names import column_name
from brainsets.conversion.parts import Columns, Part, Recording, Samples, Signal
from brainsets.conversion.raw import RawChannel, RawFile, open_raw
from brainsets.conversion.text import ascii_column
from brainsets.pipeline import SkipAsset

__all__ = ["read_bids"]

_EVENTS, _ANNOTATIONS = "events", "annotations"
# Hz; no recording has more.
_FASTEST = 1e9
_SECONDS = ("s", "sec", "second", "seconds", "Seconds")
_OF_PLACES = ("x", "y", "z", "frame")


def read_bids(
    root: Path,
    recording: BidsRecording,
    *,
    id: str,
    rename: Mapping[str, str] | None = None,
) -> Recording:
    """Return what a recording's files hold, as its parts.

    Channels of one type, unit and rate are one `Signal`, each with what
    ``channels.tsv`` and ``electrodes.tsv`` say of them; ``events.tsv`` is ``events``,
    and markers of the file itself are ``annotations``. Times are in s, those of the
    file. Samples are read when they are written: the files stay until then.

    Parameters
    ----------
    root : Path
        The dataset's folder, with all files of the recording and those that describe
        it.
    recording : BidsRecording
        One of `layout.recordings`.
    id : str
        The recording's id.
    rename : mapping, optional
        From names of parts to their new names.

    Returns
    -------
    Recording
        Its splits are empty, as is what is said of the brainset.

    Raises
    ------
    SkipAsset
        A file of it lacks, is a placeholder or damaged, or it holds no signals.
    SettingsError
        A name cannot be changed.
    """
    root = Path(root)
    lacking = [note for note in recording.notes if note.endswith("is not there")]
    if lacking:
        raise SkipAsset(lacking[0])
    raw = open_raw(root / recording.path)
    _check_files(root, recording, raw)
    return _Reader(root, recording, raw).recording(id, dict(rename or {}))


def _check_files(root: Path, recording: BidsRecording, raw: RawFile) -> None:
    """Refuse samples of another recording, which a header of an old name may name."""
    if raw.path.is_dir():
        return
    own = {(root / path).resolve() for path in recording.files}
    for path in raw.files:
        if path.resolve() not in own:
            raise SkipAsset(
                f"its header names {path.name}, which is no file of this recording"
            )


class _Reader:
    def __init__(self, root: Path, recording: BidsRecording, raw: RawFile) -> None:
        self.raw = raw
        self.of_dataset = recording
        self.files = Described(root, recording)
        self.channels = self._channels()
        self.numbers = [n for n, c in enumerate(raw.channels) if not c.reason]
        if not self.numbers:
            raise SkipAsset(self._why_nothing())

    def _channels(self) -> Channels:
        path, table = self.files.table("channels")
        found = merged(self.raw.channels, table, self.of_dataset.suffix)
        self.files.took(path, "channels", found.notes)
        return found

    def recording(self, id: str, rename: Mapping[str, str]) -> Recording:
        raw, files = self.raw, self.files
        places = read_places(files, self.channels.names)
        domain = self._domain()
        path, events = self._events(domain)
        others = [_EVENTS] if events.part is not None else []
        others += [_ANNOTATIONS] if raw.annotations else []
        others += [part.name for part in places.parts]
        groups, names = grouped(
            [channel.type for channel in self.channels.channels],
            [channel.unit for channel in self.channels.channels],
            [channel.sampling_rate for channel in raw.channels],
            numbers=self.numbers,
            more=[(c.samples, tuple(c.segments)) for c in raw.channels],
            rename=rename,
            where=f"the recording {id!r}",
            others=others,
        )
        parts: list[Part] = [self._signal(group, places) for group in groups]
        if events.part is not None:
            events.part.name = names[_EVENTS]
            said = meanings(files.text("events"), events.columns)
            events.part.attributes = said
            if said.get("onset_units", "s") not in _SECONDS:
                note = f"doubt: its JSON says that onsets are in {said['onset_units']}"
                events.notes.append(note)
            files.took(path, names[_EVENTS], events.notes)
            parts.append(events.part)
        else:
            files.left(path, events.reason, events.notes)
        if raw.annotations:
            parts.append(self._annotations(names[_ANNOTATIONS], domain))
        places.record(files, names)
        parts += places.parts
        self._compare(domain)
        subject = subject_of(files, raw.subject)
        session = session_of(files, raw.session)
        device = device_of(files, raw.device)
        inventory = self._inventory(groups, names)
        return Recording(id, {}, subject, session, device, parts, domain, inventory)

    def _domain(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the time in which there are samples of any channel."""
        starts, ends = [], []
        for number in self.numbers:
            channel = self.raw.channels[number]
            lasts = [*(first for first, _ in channel.segments[1:]), channel.samples]
            for (first, start), last in zip(channel.segments, lasts):
                starts.append(start)
                ends.append(start + (last - first) / channel.sampling_rate)
        return union(np.array(starts), np.array(ends))

    def _events(self, domain: tuple[np.ndarray, np.ndarray]) -> tuple[str, Events]:
        path, table = self.files.table("events")
        if table is None:
            return "", Events()
        rates = {self.raw.channels[number].sampling_rate for number in self.numbers}
        said = self.files.text(self.of_dataset.suffix).get("SamplingFrequency")
        rate = rates.pop() if len(rates) == 1 else None
        if rate is None and isinstance(said, (int, float)) and 0 < said < _FASTEST:
            rate = float(said)
        first, last = float(domain[0][0]), float(domain[1][-1])
        return path, read_events(table, _EVENTS, rate=rate, first=first, last=last)

    def _compare(self, domain: tuple[np.ndarray, np.ndarray]) -> None:
        """Note what the recording's own JSON says that its file does not."""
        suffix = self.of_dataset.suffix
        rates = {self.raw.channels[number].sampling_rate for number in self.numbers}
        duration = float(domain[1][-1] - domain[0][0])
        for path in self.of_dataset.described_by(suffix, ".json")[-1:]:
            text = self.files.text(suffix)
            notes = contradictions(text, sorted(rates), duration)
            self.files.took(path, "session", notes)

    def _signal(self, group: Group, places: Places) -> Signal:
        raw, channels = self.raw, self.channels
        ours = [raw.channels[number] for number in group.numbers]
        known = [channels.channels[number] for number in group.numbers]
        names = [channels.names[number] for number in group.numbers]
        factors = np.array([channel.factor for channel in known])
        is_plain = bool((factors == 1).all())

        def read(i: int, j: int) -> np.ndarray:
            values = raw.read(group.numbers, i, j)
            exact = values if is_plain else values * factors
            return exact.astype(raw.dtype, copy=False)

        texts: dict[str, Any] = {
            "id": [channel.id for channel in ours],
            "label": [channel.label for channel in ours],
            "type": [channel.type for channel in known],
            "bids_type": [channel.bids_type for channel in known],
            "unit": [channel.unit for channel in known],
            "source_unit": [channel.source_unit for channel in ours],
        }
        columns: Columns = {name: ascii_column(v)[0] for name, v in texts.items()}
        columns["source_index"] = np.array(group.numbers, dtype=np.int64)
        index = np.array(group.numbers)
        columns.update({k: v[index] for k, v in channels.columns.items()})
        columns.update(places.columns(ours, names))
        columns.update(_more(ours, columns))
        first = ours[0]
        return Signal(
            group.name,
            (first.samples, len(ours)),
            raw.dtype,
            read,
            first.sampling_rate,
            first.segments[0][1],
            unit=str(ascii_column([group.unit])[0][0]),
            channels=columns,
            segments=list(first.segments) if len(first.segments) > 1 else None,
        )

    def _annotations(self, name: str, domain: tuple[np.ndarray, np.ndarray]) -> Samples:
        onsets, durations, texts = zip(*self.raw.annotations)
        times = np.array(onsets, dtype=np.float64)
        order = np.argsort(times, kind="stable")
        columns = {
            "duration": np.array(durations, dtype=np.float64)[order],
            "description": ascii_column(texts)[0][order],
        }
        return Samples(name, times[order], columns, {}, domain)

    def _why_nothing(self) -> str:
        reasons = {c.note or c.reason for c in self.raw.channels}
        if not reasons:
            return "it has no channels"
        return f"none of its channels can be taken: {'; '.join(sorted(reasons))}"

    def _inventory(self, groups: list[Group], names: Mapping[str, str]) -> Inventory:
        raw, inventory = self.raw, Inventory()
        notes = [*raw.notes, *self.of_dataset.notes]
        inventory.take(
            self.of_dataset.path, raw.format, taken_as="session", note="; ".join(notes)
        )
        read = {path.name for path in raw.files}
        for path in self.of_dataset.files:
            if path == self.of_dataset.path:
                continue
            if raw.format == "FIF" and PurePosixPath(path).name not in read:
                note = "the files before it do not lead to it"
                inventory.leave(path, f"{raw.format} file", "broken", note=note)
            else:
                inventory.leave(path, f"{raw.format} file", "container")
        taken = {number: group for group in groups for number in group.numbers}
        for number, channel in enumerate(raw.channels):
            kind = f"{raw.format} channel"
            shape = (channel.samples,)
            note = self._note(number)
            if number in taken:
                name = taken[number].name
                inventory.take(channel.id, kind, taken_as=name, shape=shape, note=note)
            else:
                inventory.leave(
                    channel.id, kind, channel.reason, shape=shape, note=note
                )
        if raw.annotations:
            inventory.take(
                _ANNOTATIONS,
                f"{raw.format} annotations",
                taken_as=names[_ANNOTATIONS],
                shape=(len(raw.annotations),),
                note="; ".join(raw.annotation_notes),
            )
        self.files.add_to(inventory)
        return inventory

    def _note(self, number: int) -> str:
        raw, known = self.raw.channels[number], self.channels.channels[number]
        notes = [raw.note, *known.notes]
        if raw.label and raw.id != raw.label:
            notes.append(f"another channel has the label {raw.label!r} too")
        if not raw.reason:
            largest = raw.largest * abs(known.factor)
            notes.append(doubt_of(known.type, known.unit, raw.source_unit, largest))
        return "; ".join(note for note in notes if note)


def _more(channels: Sequence[RawChannel], taken: Columns) -> Columns:
    """Return what the file says of channels beyond what tables do."""
    names = dict.fromkeys(name for channel in channels for name in channel.more)
    found: Columns = {}
    for name in names:
        if name in _OF_PLACES:
            continue
        values = [channel.more.get(name) for channel in channels]
        fit = column_name(name, {*found, *taken})
        if all(
            isinstance(value, (int, float)) for value in values if value is not None
        ):
            numbers = [np.nan if value is None else value for value in values]
            found[fit] = np.array(numbers, dtype=np.float64)
        else:
            found[fit] = ascii_column(values)[0]
    return found
