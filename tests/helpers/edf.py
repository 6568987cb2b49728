"""EDF+ files taken apart and put together by hand, to check what a library reads.

The form is that of https://www.edfplus.info/specs/edf.html and edfplus.html.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Of each signal, in this order: what the header says of it, and in how many bytes.
FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "filters": 80,
    "samples": 8,
    "reserved": 32,
}
ANNOTATIONS = "EDF Annotations"
_TAL = re.compile(rb"([+-][0-9.]+)(?:\x15([0-9.]+))?\x14([^\x00]*)\x14\x00")


@dataclass
class Edf:
    """A whole file; each key of `signals` is a field of the header."""

    fixed: bytes
    signals: list[dict[str, str]]
    content: np.ndarray
    """All data records, shape (n_records, samples in a record), int16."""

    @property
    def patient(self) -> str:
        return self.fixed[8:88].decode("latin-1").strip()

    @property
    def record_s(self) -> float:
        """How long a data record lasts, s."""
        return float(self.fixed[244:252])

    def columns(self, number: int) -> slice:
        """Return where in a record the samples of a signal are."""
        counts = [int(signal["samples"]) for signal in self.signals]
        first = sum(counts[:number])
        return slice(first, first + counts[number])

    def digital(self, number: int) -> np.ndarray:
        """Return a signal as the integers of the file."""
        return self.content[:, self.columns(number)].reshape(-1)

    def physical(self, number: int) -> np.ndarray:
        """Return a signal in the unit of its header."""
        signal = self.signals[number]
        low, high, first, last = (
            float(signal[key])
            for key in ("physical_min", "physical_max", "digital_min", "digital_max")
        )
        return (self.digital(number) - first) * (high - low) / (last - first) + low

    def numbers(self) -> list[int]:
        """Return which signals are no annotations."""
        return [n for n, s in enumerate(self.signals) if s["label"] != ANNOTATIONS]

    def annotations(self) -> list[tuple[float, float, str]]:
        """Return onset (s), duration (s) and text of each annotation."""
        labels = [signal["label"] for signal in self.signals]
        column = self.columns(labels.index(ANNOTATIONS))
        found = []
        for record in self.content[:, column]:
            for onset, duration, texts in _TAL.findall(record.tobytes()):
                for text in filter(None, texts.split(b"\x14")):
                    found.append((float(onset), float(duration or 0), text.decode()))
        return found


def read_edf(path: Path) -> Edf:
    content = Path(path).read_bytes()
    fixed = content[:256]
    count = int(fixed[252:256])
    signals, at = [{} for _ in range(count)], 256
    for field, width in FIELDS.items():
        for signal in signals:
            signal[field] = content[at : at + width].decode("latin-1").strip()
            at += width
    per_record = sum(int(signal["samples"]) for signal in signals)
    data = np.frombuffer(content[at:], dtype="<i2").reshape(-1, per_record)
    assert len(data) == int(fixed[236:244])
    return Edf(fixed, signals, data)


def write_edf(
    path: Path,
    like: Edf,
    seconds: int,
    rate: int,
    annotations: list[tuple[float, float, str]],
) -> None:
    """Write the first samples of each second of a file, with other annotations.

    The file must have data records of 1 s.
    """
    assert like.record_s == 1
    header = [dict(signal) for signal in like.signals]
    records = []
    for second in range(seconds):
        parts = []
        for number, signal in enumerate(header):
            column = like.content[second, like.columns(number)]
            if signal["label"] == ANNOTATIONS:
                tals = b"+%d\x14\x14\x00" % second
                for onset, duration, text in annotations:
                    if int(onset) == second:
                        tal = f"+{onset:g}\x15{duration:g}\x14{text}\x14\x00"
                        tals += tal.encode()
                parts.append(tals.ljust(2 * len(column), b"\0"))
            else:
                signal["samples"] = str(rate)
                parts.append(column[:rate].tobytes())
        records.append(b"".join(parts))
    fixed = like.fixed[:236] + f"{seconds:<8}".encode() + like.fixed[244:]
    fields = [f"{s[f]:<{w}}".encode() for f, w in FIELDS.items() for s in header]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fixed + b"".join(fields) + b"".join(records))
