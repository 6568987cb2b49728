"""What an object of MNE holds, as a `RawFile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brainsets.conversion.biosignals.channels import unique_ids
from brainsets.conversion.raw.files import Annotation, RawChannel, RawFile

__all__ = ["raw_file"]

# Names of MNE, where they are others here.
_TYPES = {
    "mag": "meg_mag",
    "grad": "meg_grad",
    "ref_meg": "meg_ref",
    "seeg": "ieeg",
    "ecog": "ieeg",
    "dbs": "ieeg",
    "temperature": "temp",
    "exci": "stim",
    "ias": "misc",
    "syst": "misc",
    "bio": "misc",
    "chpi": "misc",
    "gof": "misc",
}
# What FIF calls units: see MNE's constants.
_UNITS = {
    107: "V",
    112: "T",
    201: "T/m",
    113: "H",
    110: "S",
    106: "F",
    6: "mol",
    1: "m",
    3: "s",
    119: "Cel",
    -1: "",
    0: "",
}
_FRAMES = {1: "device", 4: "head", 5: "mri"}
_SKIPPED = "BAD_ACQ_SKIP"
_SMALL = ("short", "single")
_YEAR_DAYS = 365.25
_OLDEST_DAYS = 120 * _YEAR_DAYS


def raw_file(
    raw: Any,
    format: str,
    path: Path,
    *,
    files: list[Path],
    units: Mapping[str, tuple[str, str, float]] | None = None,
    is_typed: bool = True,
    notes: list[str],
) -> RawFile:
    """Return what MNE has opened.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Not loaded.
    format : str
        Of the file.
    path, files : Path, list of Path
        What was opened, and all that belongs to it.
    units : mapping, optional
        By the name of a channel, its unit in the file, the one that MNE returns, and
        the factor between them; by default MNE's, as the file has it.
    is_typed : bool
        Whether the file says what type a channel has; MNE takes those of others for
        EEG.
    notes : list of str
        Are extended.
    """
    annotations, skipped = _annotations(raw)
    pieces = _pieces(raw, skipped)
    if skipped:
        notes.append(f"pauses of the acquisition, which are gaps: {len(skipped)}")
    boundaries = [a for a in annotations if _is_boundary(a.text) and a.onset > 0]
    if boundaries:
        notes.append(
            f"doubt: it was paused or cut, as its markers say ({len(boundaries)}); the "
            "file does not say for how long, so that times go on as if it was not"
        )
    reader = _Reader(raw, pieces)
    return RawFile(
        format=format,
        path=path,
        files=files,
        channels=_channels(raw, pieces, units, is_typed),
        dtype=np.dtype(np.float32 if raw.orig_format in _SMALL else np.float64),
        reader=reader,
        annotations=annotations,
        subject=_subject(raw),
        session=_session(raw, format),
        device=_device(raw),
        notes=notes,
    )


def _channels(
    raw: Any,
    pieces: list[tuple[int, int]],
    units: Mapping[str, tuple[str, str, float]] | None,
    is_typed: bool,
) -> list[RawChannel]:
    import mne

    rate = float(raw.info["sfreq"])
    labels = [str(name) for name in raw.ch_names]
    segments, samples = [], 0
    for start, stop in pieces:
        segments.append((samples, start / rate))
        samples += stop - start
    found = []
    for number, (label, id) in enumerate(zip(labels, unique_ids(labels))):
        about = raw.info["chs"][number]
        kind = mne.channel_type(raw.info, number)
        unit = _UNITS.get(int(about["unit"]), "")
        source, unit, scale = (units or {}).get(label, (unit, unit, 1.0))
        if kind == "stim":
            unit = ""
        found.append(
            RawChannel(
                label=label,
                id=id,
                type=_TYPES.get(kind, kind) if is_typed else "",
                unit=unit,
                source_unit=source,
                scale=scale,
                sampling_rate=rate,
                samples=samples,
                segments=tuple(segments),
                more={**({"mne_type": kind} if is_typed else {}), **_place(about)},
            )
        )
    return found


def _place(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a channel is, in m, if that is known."""
    place = np.asarray(about["loc"][:3], dtype=np.float64)
    frame = _FRAMES.get(int(about["coord_frame"]))
    if frame is None or not np.isfinite(place).all() or not place.any():
        return {}
    x, y, z = place.tolist()
    return {"x": x, "y": y, "z": z, "frame": frame}


def _annotations(raw: Any) -> tuple[list[Annotation], list[tuple[float, float]]]:
    """Return all annotations, and where nothing was acquired; s from the beginning."""
    said = raw.annotations
    # Those with a date count from it, and the file begins later.
    shift = float(raw.first_time) if said.orig_time is not None else 0.0
    found, skipped = [], []
    for onset, duration, text in zip(said.onset, said.duration, said.description):
        one = Annotation(float(onset) - shift, float(duration), str(text))
        found.append(one)
        if one.text == _SKIPPED:
            skipped.append((one.onset, one.onset + one.duration))
    return sorted(found, key=lambda each: each.onset), sorted(skipped)


def _is_boundary(text: str) -> bool:
    text = text.lower()
    return text.startswith(("new segment", "boundary", "edge boundary", "bad boundary"))


def _pieces(raw: Any, skipped: list[tuple[float, float]]) -> list[tuple[int, int]]:
    """Return the parts that were acquired, by first sample and the one after it."""
    rate, end = float(raw.info["sfreq"]), int(raw.n_times)
    found, at = [], 0
    for start_s, stop_s in skipped:
        start, stop = (min(end, max(0, round(t * rate))) for t in (start_s, stop_s))
        if start > at:
            found.append((at, start))
        at = max(at, stop)
    if at < end or not found:
        found.append((at, end))
    return found


class _Reader:
    """Reads samples, without those at which nothing was acquired."""

    def __init__(self, raw: Any, pieces: list[tuple[int, int]]) -> None:
        self._raw, self._pieces = raw, pieces

    def __call__(self, numbers: Sequence[int], i: int, j: int) -> np.ndarray:
        parts: list[np.ndarray] = []
        first = 0
        for start, stop in self._pieces:
            last = first + stop - start
            begin, end = max(i, first), min(j, last)
            if begin < end:
                shift = start - first
                parts.append(self._samples(numbers, begin + shift, end + shift))
            first = last
        if len(parts) == 1:
            return parts[0]
        if not parts:
            nothing: np.ndarray = np.zeros((0, len(numbers)))
            return nothing
        joined: np.ndarray = np.concatenate(parts)
        return joined

    def _samples(self, numbers: Sequence[int], start: int, stop: int) -> np.ndarray:
        shape = (len(numbers), stop - start)
        try:
            found = self._raw.get_data(
                picks=list(numbers), start=start, stop=stop, verbose="ERROR"
            )
        except (RuntimeError, ValueError) as error:
            raise OSError(
                f"{self._raw.filenames[0]} cannot be read: {error}"
            ) from error
        if found.shape != shape:
            raise OSError(f"{self._raw.filenames[0]} has become shorter.")
        samples: np.ndarray = np.asarray(found).T
        return samples


def _subject(raw: Any) -> dict[str, Any]:
    said = raw.info["subject_info"] or {}
    found: dict[str, Any] = {}
    sex = {1: "M", 2: "F"}.get(int(said.get("sex") or 0))
    if sex:
        found["sex"] = sex
    born, start = said.get("birthday"), raw.info["meas_date"]
    if born is not None and start is not None:
        if isinstance(born, tuple):
            from datetime import date

            born = date(*born)
        days = (start.date() - born).days
        if 0 <= days < _OLDEST_DAYS:
            found["age"] = float(days)
            found["age_text"] = f"born {born:%Y-%m-%d}, as the file says"
    return found


def _session(raw: Any, format: str) -> dict[str, Any]:
    info = raw.info
    found: dict[str, Any] = {"source_format": format}
    if info["meas_date"] is not None:
        found["recording_date"] = info["meas_date"].isoformat()
    for name, key in (
        ("line_freq", "line_frequency"),
        ("highpass", "highpass"),
        ("lowpass", "lowpass"),
    ):
        if info[name] is not None:
            found[key] = float(info[name])
    return found


def _device(raw: Any) -> dict[str, Any]:
    said = raw.info["device_info"] or {}
    words = [str(said[key]) for key in ("type", "model") if said.get(key)]
    return {"id": " ".join(words)} if words else {}
