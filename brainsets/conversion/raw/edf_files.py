"""EDF and BDF files, each signal at its own rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brainsets.conversion.biosignals.channels import unique_ids
from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.edf.annotations import Annotations, read_annotations
from brainsets.conversion.edf.blocks import Blocks
from brainsets.conversion.edf.descriptions import device, session, subject
from brainsets.conversion.edf.header import Header, SignalHeader, read_header
from brainsets.conversion.edf.times import record_times, segments_of
from brainsets.conversion.raw.files import Annotation, RawChannel, RawFile

__all__ = ["open_edf"]


def open_edf(path: Path) -> RawFile:
    """Open an EDF, EDF+, BDF or BDF+ file.

    Raises
    ------
    SkipAsset
        It is no such file, or is damaged.
    """
    header = read_header(path)
    said = read_annotations(header)
    signals = [signal for signal in header.signals if not signal.is_annotations]
    has_samples = any(signal.samples for signal in signals)
    times = np.zeros(0)
    notes: list[str] = []
    if header.records and header.record_s > 0 and has_samples:
        times, notes = record_times(header, said.record_times)
    ids = unique_ids([signal.label for signal in signals])
    channels = [_channel(header, signal, id, times) for signal, id in zip(signals, ids)]
    return RawFile(
        format=header.form,
        path=path,
        files=[path],
        channels=channels,
        dtype=_dtype(header, signals),
        reader=_Reader(header, signals, channels),
        annotations=_annotations(said),
        subject=subject(header),
        session=session(header),
        device=device(header),
        notes=[*header.notes, *notes],
        annotation_notes=said.notes,
    )


def _channel(
    header: Header, signal: SignalHeader, id: str, times: np.ndarray
) -> RawChannel:
    unit, scale = si_unit(signal.unit) if signal.is_scaled else ("", 1.0)
    rate = signal.samples / header.record_s if header.record_s > 0 else 0.0
    reason, segments, note = "", [(0, 0.0)], signal.doubt
    if not signal.samples or not header.records:
        reason = "placeholder"
    elif header.record_s <= 0:
        reason = "no times"
    else:
        segments, shift = segments_of(times, signal.samples, rate)
        if shift * rate > 0.01:
            moved = f"its records are moved by up to {shift:.3g} s"
            note = "; ".join(filter(None, [note, moved]))
    return RawChannel(
        label=signal.label,
        id=id,
        type="",
        unit=unit,
        source_unit=signal.unit,
        scale=scale,
        sampling_rate=rate,
        samples=header.records * signal.samples,
        segments=tuple(segments),
        largest=signal.largest * scale,
        reason=reason,
        note=note,
        more={"transducer": signal.transducer, "prefilter": signal.prefilter},
    )


def _dtype(header: Header, signals: Sequence[SignalHeader]) -> np.dtype:
    taken = tuple(signal for signal in signals if signal.samples)
    if not taken:
        return np.dtype(np.float32)
    return Blocks(header, taken, (1.0,) * len(taken)).dtype


class _Reader:
    """Reads samples of channels that have equally many of them in each record."""

    def __init__(
        self,
        header: Header,
        signals: Sequence[SignalHeader],
        channels: Sequence[RawChannel],
    ) -> None:
        self._header, self._signals, self._channels = header, signals, channels

    def __call__(self, numbers: Sequence[int], i: int, j: int) -> np.ndarray:
        signals = tuple(self._signals[number] for number in numbers)
        scales = tuple(self._channels[number].scale for number in numbers)
        return Blocks(self._header, signals, scales).read(i, j)


def _annotations(said: Annotations) -> list[Annotation]:
    found = map(Annotation, said.onsets, said.durations, said.texts)
    return sorted(found, key=lambda each: each.onset)
