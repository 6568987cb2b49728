"""An EDF or BDF file as a recording, and what became of each of its signals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brainsets.conversion.biosignals.channels import channel_types, unique_ids
from brainsets.conversion.biosignals.doubts import doubt_of, outside
from brainsets.conversion.biosignals.groups import Group, grouped
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.domains import union
from brainsets.conversion.edf.annotations import Annotations, read_annotations
from brainsets.conversion.edf.blocks import Blocks
from brainsets.conversion.edf.descriptions import device, session, subject
from brainsets.conversion.edf.header import Header, read_header
from brainsets.conversion.edf.times import record_times, segments_of
from brainsets.conversion.inventory import Inventory
from brainsets.conversion.parts import Part, Recording, Signal
from brainsets.conversion.text import ascii_column
from brainsets.pipeline import SkipAsset

__all__ = ["read_edf"]

_EVENT_S = 1e-6
# In samples.
_NOTED_SHIFT = 0.01
_LONGEST_S = 366 * 86_400.0


def read_edf(
    path: Path, *, id: str, rename: Mapping[str, str] | None = None
) -> Recording:
    """Return what an EDF, EDF+, BDF or BDF+ file holds, as the parts of a recording.

    Each signal keeps its own rate; those of one type, unit and rate are the channels of
    one `Signal`. Times are from the start that the header says. Samples are read when
    they are written: the file stays where it is until then.

    Parameters
    ----------
    path : Path
        The file.
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
        It is no such file, is damaged, or holds no samples and no annotations.
    SettingsError
        A name cannot be changed.
    """
    header = read_header(Path(path))
    annotations = read_annotations(header)
    reader = _Reader(header, annotations)
    return reader.recording(id, dict(rename or {}))


class _Reader:
    def __init__(self, header: Header, annotations: Annotations) -> None:
        self.header = header
        self.annotations = annotations
        signals = header.signals
        labels = [signal.label for signal in signals]
        pairs = [si_unit(s.unit) if s.is_scaled else ("", 1.0) for s in signals]
        self.types = channel_types(labels, [unit for unit, _ in pairs])
        # A trigger in volts is a number all the same.
        self.units = [
            (signals[n].unit.strip(), 1.0) if self.types[n] == "stim" else pair
            for n, pair in enumerate(pairs)
        ]
        self.ids = unique_ids(labels)
        self.reasons = {
            number: reason
            for number, signal in enumerate(signals)
            if (reason := self._reason(signal.samples))
        }

    def _reason(self, samples: int) -> str:
        """Return why a signal is left out; empty if it is taken."""
        if not samples or not self.header.records:
            return "placeholder"
        return "" if self.header.record_s > 0 else "no times"

    def recording(self, id: str, rename: Mapping[str, str]) -> Recording:
        header = self.header
        numbers = [
            number
            for number, signal in enumerate(header.signals)
            if not signal.is_annotations and number not in self.reasons
        ]
        times = np.zeros(0)
        notes: list[str] = []
        if numbers:
            times, notes = record_times(header, self.annotations.record_times)
        if not numbers and not self.annotations.onsets:
            raise SkipAsset(self._why_nothing())
        others = ["annotations"] if self.annotations.onsets else []
        groups, other_names = grouped(
            self.types,
            [unit for unit, _ in self.units],
            [self._rate(number) for number in range(len(header.signals))],
            numbers=numbers,
            rename=rename,
            where=f"the recording {id!r}",
            others=others,
        )
        parts: list[Part] = []
        if groups:
            signals = [self._signal(group, times) for group in groups]
            parts += signals
            domain = _recorded(signals)
        else:
            domain = self._annotated()
        if others:
            name = other_names["annotations"]
            samples = self.annotations.samples(name, domain)
            parts.append(samples)
            doubt = outside(samples.timestamps, domain)
            self.annotations.notes += [doubt] if doubt else []
        return Recording(
            id,
            {},
            subject(header),
            session(header),
            device(header),
            parts,
            domain,
            self._inventory(groups, other_names, times, notes),
        )

    def _rate(self, number: int) -> float:
        duration = self.header.record_s
        return self.header.signals[number].samples / duration if duration > 0 else 0.0

    def _signal(self, group: Group, times: np.ndarray) -> Signal:
        signals = tuple(self.header.signals[number] for number in group.numbers)
        scales = tuple(self.units[number][1] for number in group.numbers)
        blocks = Blocks(self.header, signals, scales)
        rate = self._rate(group.numbers[0])
        segments, _ = segments_of(times, signals[0].samples, rate)
        columns: dict[str, Any] = {
            "id": [self.ids[number] for number in group.numbers],
            "label": [signal.label for signal in signals],
            "type": [group.type] * len(signals),
            "unit": [group.unit] * len(signals),
            "source_unit": [signal.unit for signal in signals],
            "transducer": [signal.transducer for signal in signals],
            "prefilter": [signal.prefilter for signal in signals],
        }
        channels = {name: ascii_column(texts)[0] for name, texts in columns.items()}
        channels["source_index"] = np.array(group.numbers, dtype=np.int64)
        return Signal(
            group.name,
            blocks.shape,
            blocks.dtype,
            blocks.read,
            rate,
            float(times[0]),
            unit=str(ascii_column([group.unit])[0][0]),
            channels=channels,
            segments=segments if len(segments) > 1 else None,
        )

    def _annotated(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the time of annotations alone."""
        onsets = np.array(self.annotations.onsets)
        ends = onsets + np.nan_to_num(np.array(self.annotations.durations))
        start = min(0.0, float(onsets.min()))
        end = max(float(ends.max()), float(onsets.max()) + _EVENT_S)
        if end - start > _LONGEST_S:
            days = (end - start) / 86_400
            raise SkipAsset(
                f"its annotations span {days:.0f} days, and it has no signals"
            )
        return np.array([start]), np.array([end])

    def _why_nothing(self) -> str:
        header = self.header
        if not header.records and header.record_bytes:
            note = header.notes[0] if header.notes else "its header promises none"
            return f"it holds no data records: {note}"
        if header.record_s <= 0 and any(not s.is_annotations for s in header.signals):
            return (
                f"its header says that a data record takes {header.record_s:g} s, so "
                "that its signals have no rate, and it has no annotations"
            )
        return "its signals hold no samples, and it has no annotations"

    def _inventory(
        self,
        groups: list[Group],
        others: Mapping[str, str],
        times: np.ndarray,
        notes: list[str],
    ) -> Inventory:
        header, inventory = self.header, Inventory()
        note = "; ".join([*header.notes, *notes])
        inventory.take("header", header.form, taken_as="session", note=note)
        taken = {number: g for g in groups for number in g.numbers}
        dtype = f"int{8 * header.sample_bytes}"
        for number, signal in enumerate(header.signals):
            facts: dict[str, Any] = {
                "shape": (header.records * signal.samples,),
                "dtype": dtype,
            }
            if signal.is_annotations:
                self._annotation_item(inventory, number, others, facts)
            elif number in taken:
                inventory.take(
                    self.ids[number],
                    f"{header.form} signal",
                    taken_as=taken[number].name,
                    note=self._note(number, taken[number], times),
                    **facts,
                )
            else:
                reason = self.reasons[number]
                inventory.leave(
                    self.ids[number], f"{header.form} signal", reason, **facts
                )
        return inventory

    def _annotation_item(
        self,
        inventory: Inventory,
        number: int,
        others: Mapping[str, str],
        facts: dict[str, Any],
    ) -> None:
        note = "; ".join(self.annotations.notes)
        path, kind = self.ids[number], f"{self.header.form} annotations"
        if others:
            name = others["annotations"]
            inventory.take(path, kind, taken_as=name, note=note, **facts)
        else:
            inventory.leave(path, kind, "placeholder", note=note, **facts)

    def _note(self, number: int, group: Group, times: np.ndarray) -> str:
        signal = self.header.signals[number]
        notes = []
        if self.ids[number] != signal.label and signal.label:
            notes.append(f"another signal has the label {signal.label!r} too")
        if signal.doubt:
            notes.append(signal.doubt)
        else:
            unit, scale = self.units[number]
            doubt = doubt_of(group.type, unit, signal.unit, signal.largest * scale)
            notes += [doubt] if doubt else []
        rate = self._rate(number)
        _, shift = segments_of(times, signal.samples, rate)
        if shift * rate > _NOTED_SHIFT:
            notes.append(f"its records are moved by up to {shift:.3g} s")
        return "; ".join(notes)


def _recorded(signals: list[Signal]) -> tuple[np.ndarray, np.ndarray]:
    """Return the time in which there are samples of any signal."""
    starts, ends = [], []
    for signal in signals:
        segments = signal.segments or [(0, signal.start)]
        lasts = [*(first for first, _ in segments[1:]), signal.shape[0]]
        for (first, start), last in zip(segments, lasts):
            starts.append(start)
            ends.append(start + (last - first) / signal.sampling_rate)
    return union(np.array(starts), np.array(ends))
