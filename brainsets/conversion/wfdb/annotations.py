"""Annotations in WFDB's own form: https://wfdb.io/spec/annotation-files.html."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainsets.conversion.biosignals.doubts import outside
from brainsets.conversion.names import snake_case
from brainsets.conversion.parts import Recording, Samples, Signal
from brainsets.conversion.text import ascii_column
from brainsets.conversion.wfdb.header import decoded

__all__ = ["Annotation", "add_annotations", "part_name", "read_annotations"]

# Mnemonics of the codes 0 to 41 of the specification, with their meanings.
_CODES = (
    ". notann; N normal beat; L left bundle branch block beat; R right bundle branch "
    "block beat; a aberrated atrial premature beat; V premature ventricular "
    "contraction; F fusion of ventricular and normal beat; J nodal premature beat; A "
    "atrial premature contraction; S premature or ectopic supraventricular beat; E "
    "ventricular escape beat; j nodal escape beat; / paced beat; Q unclassifiable "
    "beat; ~ signal quality change; [15] ; | isolated QRS-like artifact; [17] ; s ST "
    'change; T T-wave change; * systole; D diastole; " comment annotation; = '
    "measurement annotation; p P-wave peak; B left or right bundle branch block; ^ "
    "non-conducted pacer spike; t T-wave peak; + rhythm change; u U-wave peak; ? "
    "learning; ! ventricular flutter wave; [ start of ventricular flutter or "
    "fibrillation; ] end of ventricular flutter or fibrillation; e atrial escape beat; "
    "n supraventricular escape beat; @ link to external data; x non-conducted P-wave; "
    "f fusion of paced and normal beat; ( waveform onset; ) waveform end; r R-on-T "
    "premature ventricular contraction"
).split("; ")
_MEANINGS = [tuple(code.split(" ", 1)) for code in _CODES]
_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
_NOTE = 22
# Written to set the time, and no annotation.
_NOTHING = 0
OwnCodes = dict[int, tuple[str, str]]
# Codes that a file gives a meaning to, also without the lines that enclose them.
_DEFINITION = re.compile(r"(4[2-9]) (\S+)( .*)?")
_RESOLUTION = re.compile(r"## time resolution: ([\d.]+)")


@dataclass
class Annotation:
    """One annotation; its time is in units of the file's own resolution."""

    time: int
    code: int
    subtype: int = 0
    channel: int = 0
    number: int = 0
    note: str = ""


def read_annotations(content: bytes) -> tuple[list[Annotation], float | None, OwnCodes]:
    """Return the annotations of a file, its resolution in Hz and its own codes.

    Raises
    ------
    ValueError
        It is no such file, or was cut.
    """
    found = list(_parsed(content))
    resolution = None
    own: OwnCodes = {}
    kept = []
    for one in found:
        if one.code == _NOTHING:
            continue
        if one.time == 0 and one.code == _NOTE:
            said = _RESOLUTION.match(one.note)
            resolution = float(said[1]) if said else resolution
            defined = _DEFINITION.fullmatch(one.note)
            if defined:
                own[int(defined[1])] = (defined[2], (defined[3] or "").strip())
            if defined or one.note.startswith("## "):
                continue
        kept.append(one)
    return kept, resolution, own


def _parsed(content: bytes) -> Iterator[Annotation]:
    words = np.frombuffer(content[: len(content) // 2 * 2], dtype="<u2").tolist()
    at = time = channel = number = 0
    last: Annotation | None = None
    while at < len(words):
        code, value = words[at] >> 10, words[at] & 0x3FF
        at += 1
        if code == 0 and value == 0:
            if last is not None:
                yield last
            return
        if code == _SKIP:
            if at + 2 > len(words):
                raise ValueError("it ends within a time")
            step = words[at] << 16 | words[at + 1]
            time += step - (1 << 32 if step >= 1 << 31 else 0)
            at += 2
        elif code <= 49:
            if last is not None:
                yield last
            time += value
            if time < 0:
                raise ValueError("a time is negative")
            last = Annotation(time, code, 0, channel, number)
        elif last is None or code not in (_NUM, _SUB, _CHN, _AUX):
            raise ValueError(f"it has the code {code}, which nobody knows")
        elif code == _NUM:
            last.number = number = _signed(value)
        elif code == _SUB:
            last.subtype = _signed(value)
        elif code == _CHN:
            last.channel = channel = value & 0xFF
        else:
            if 2 * at + value > len(content):
                raise ValueError("it ends within a note")
            text = content[2 * at : 2 * at + value]
            last.note = decoded(text).rstrip("\0")
            at += (value + 1) // 2
    raise ValueError("it has no end")


def _signed(value: int) -> int:
    value &= 0xFF
    return value - 256 if value > 127 else value


def part_name(path: Path) -> str:
    """Return the name of the part that is made of an annotation file."""
    return snake_case(f"annotations_{Path(path).suffix[1:]}")


def add_annotations(
    recording: Recording,
    paths: Sequence[Path],
    rate: float | None = None,
    *,
    rename: Mapping[str, str] | None = None,
) -> None:
    """Add annotation files to a recording, each as ``annotations_`` and its ending.

    Files that are none are left out, as the inventory says.

    Parameters
    ----------
    recording : Recording
        Gets a part for each file, with ``symbol``, ``meaning``, ``subtype``,
        ``channel``, ``number`` and ``note`` of each annotation.
    paths : sequence of Path
        The files.
    rate : float, optional
        Their resolution in Hz, where they do not say it; without it the rate that all
        signals have.
    rename : mapping, optional
        From names of these parts to their new names.
    """
    rates = {p.sampling_rate for p in recording.parts if isinstance(p, Signal)}
    usual = rate if rate is not None else rates.pop() if len(rates) == 1 else None
    taken = {part.name for part in recording.parts}
    inventory = recording.inventory
    for path in map(Path, paths):
        try:
            found, resolution, own = read_annotations(path.read_bytes())
        except ValueError as error:
            note = f"it is no annotation file: {error}"
            inventory.leave(path.name, "file", "unknown type", note=note)
            continue
        hertz = resolution or usual
        if not found:
            inventory.leave(path.name, "WFDB annotations", "placeholder")
            continue
        if hertz is None or not math.isfinite(hertz) or hertz <= 0:
            inventory.leave(path.name, "WFDB annotations", "no times")
            continue
        name = (rename or {}).get(part_name(path), part_name(path))
        while name in taken:
            name += "_2"
        taken.add(name)
        part = _samples(name, found, hertz, own, recording)
        recording.parts = [*recording.parts, part]
        inventory.take(
            path.name,
            "WFDB annotations",
            taken_as=name,
            shape=(len(found),),
            note=outside(part.timestamps, recording.domain),
        )


def _samples(
    name: str,
    found: list[Annotation],
    hertz: float,
    own: OwnCodes,
    recording: Recording,
) -> Samples:
    known = {n: m for n, m in enumerate(_MEANINGS) if not m[0].startswith("[1")} | own
    unsorted = np.array([one.time for one in found], dtype=np.float64) / hertz
    order = np.argsort(unsorted, kind="stable")
    ordered = [found[number] for number in order.tolist()]
    codes = [known.get(one.code, (f"[{one.code}]", "")) for one in ordered]
    texts = {
        "symbol": [code[0] for code in codes],
        "meaning": [code[1] for code in codes],
        "note": [one.note for one in ordered],
    }
    columns = {key: ascii_column(values)[0] for key, values in texts.items()}
    for key in ("subtype", "channel", "number"):
        values = [getattr(one, key) for one in ordered]
        columns[key] = np.array(values, dtype=np.int64)
    return Samples(name, unsorted[order], columns, {}, recording.domain)
