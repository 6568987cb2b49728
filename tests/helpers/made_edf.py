"""EDF and BDF files made for a test, byte by byte from the form's description."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class MadeSignal:
    """A signal: its stored numbers have the shape (records, samples)."""

    label: str
    stored: np.ndarray
    unit: str = "uV"
    physical: tuple[str, str] = ("-3276.8", "3276.7")
    digital: tuple[str, str] = ("-32768", "32767")

    def values(self) -> np.ndarray:
        low, high = map(float, self.physical)
        first, last = map(float, self.digital)
        stored = self.stored.reshape(-1).astype(np.float64)
        return low + (stored - first) * (high - low) / (last - first)


@dataclass
class MadeEdf:
    """A file; with `times`, of each record, it is EDF+ and has annotations."""

    signals: list[MadeSignal]
    records: int
    record_s: str = "1"
    times: list[float] | None = None
    annotations: list[tuple[float, float | None, str]] = field(default_factory=list)
    continuous: bool = True
    bdf: bool = False
    promised: int | None = None
    patient: str = "X X X X"
    recording: str = "Startdate 02-JAN-2020 X X X"

    def write(self, path: Path) -> bytes:
        form = "BDF" if self.bdf else "EDF"
        texts = self._texts() if self.times is not None else None
        columns = [
            (s.label, s.unit, *s.physical, *s.digital, s.stored.shape[1])
            for s in self.signals
        ]
        width = 3 if self.bdf else 2
        if texts is not None:
            size = -(-max([len(t) for t in texts] + [1]) // width)
            columns.append((f"{form} Annotations", "", "-1", "1", "-99", "99", size))
        reserved = ""
        if texts is not None:
            reserved = f"{form}+{'C' if self.continuous else 'D'}"
        promised = self.records if self.promised is None else self.promised
        count = len(columns)
        head = b"\xffBIOSEMI" if self.bdf else b"0       "
        for text, size in (
            (self.patient, 80),
            (self.recording, 80),
            ("02.01.20", 8),
            ("03.04.05", 8),
            (str(256 * (1 + count)), 8),
            (reserved, 44),
            (str(promised), 8),
            (self.record_s, 8),
            (str(count), 4),
        ):
            head += text.encode("latin-1").ljust(size)
        for index, size in ((0, 16), (None, 80), (1, 8), *zip(range(2, 6), [8] * 4)):
            for column in columns:
                text = "" if index is None else str(column[index])
                head += text.encode("latin-1").ljust(size)
        head += b"".join(b"".ljust(80) for _ in columns)
        head += b"".join(str(column[6]).encode().ljust(8) for column in columns)
        head += b"".join(b"".ljust(32) for _ in columns)
        body = b""
        for record in range(self.records):
            for signal in self.signals:
                for number in signal.stored[record].tolist():
                    body += int(number).to_bytes(width, "little", signed=True)
            if texts is not None:
                body += texts[record].ljust(columns[-1][6] * width, b"\0")
        Path(path).write_bytes(head + body)
        return head + body

    def _texts(self) -> list[bytes]:
        found = [f"+{time:.10g}\x14\x14\0".encode() for time in self.times]
        for number, (onset, duration, text) in enumerate(self.annotations):
            length = "" if duration is None else f"\x15{duration:.10g}"
            one = f"{onset:+.10g}{length}\x14{text}\x14\0".encode()
            if found:
                found[number % len(found)] += one
        return found
