"""WFDB records made for a test, by the specification of their form."""

from dataclasses import dataclass

import numpy as np

BITS = {
    "8": 8,
    "16": 16,
    "24": 24,
    "32": 32,
    "61": 16,
    "80": 8,
    "160": 16,
    "212": 12,
    "310": 10,
    "311": 10,
    "508": 8,
    "516": 16,
    "524": 24,
}
"""The formats, and how many bits a stored number has; of 8, a difference."""


def encode(form, numbers):
    """Return numbers as the specification stores them, one by one."""
    found = bytearray()
    if form == "8":
        found += bytes(number % 256 for number in numbers)
    elif form in ("16", "24", "32"):
        for number in numbers:
            found += number.to_bytes(int(form) // 8, "little", signed=True)
    elif form == "61":
        for number in numbers:
            found += number.to_bytes(2, "big", signed=True)
    elif form == "80":
        found += bytes(number + 128 for number in numbers)
    elif form == "160":
        for number in numbers:
            found += (number + 32768).to_bytes(2, "little")
    elif form == "212":
        for first, second in zip(numbers[::2], [*numbers[1::2], 0]):
            one, two = first & 0xFFF, second & 0xFFF
            found += bytes([one & 0xFF, one >> 8 | two >> 8 << 4, two & 0xFF])
    else:
        padded = [*numbers, 0, 0]
        for at in range(0, len(numbers), 3):
            a, b, c = (number & 0x3FF for number in padded[at : at + 3])
            if form == "311":
                word = a | b << 10 | c << 20
            else:
                low = a << 1 | (c & 0x1F) << 11
                word = low | (b << 1 | c >> 5 << 11) << 16
            found += word.to_bytes(4, "little")
    return bytes(found)


def _write_flac(path, form, channels):
    import soundfile

    bits = BITS[form]
    kind = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[bits]
    columns = np.array(channels, dtype=np.int32).T << (32 - bits)
    soundfile.write(path, columns, 96_000, format="FLAC", subtype=kind)


@dataclass
class MadeSignal:
    """A signal: its stored numbers are those of all frames, one after another."""

    label: str
    form: str
    samples: int
    unit: str
    numbers: list[int]
    gain: str = "200(3)"
    first: int = 0
    skew: int = 0

    def digital(self) -> np.ndarray:
        stored = np.array(self.numbers, dtype=np.int64)
        return self.first + stored.cumsum() if self.form == "8" else stored

    def values(self) -> np.ndarray:
        """Return what they mean in SI units, at their own times."""
        gain, _, baseline = self.gain.rstrip(")").partition("(")
        scale = {"mV": 1e-3, "uV": 1e-6}.get(self.unit, 1)
        numbers = self.digital()
        values = (numbers - int(baseline or 0)) / (float(gain) or 200) * scale
        if self.form != "8":
            # The lowest number stands for what is not known.
            values[numbers == -(2 ** (BITS[self.form] - 1))] = np.nan
        late = self.skew * self.samples
        return np.append(values[late:], np.full(min(late, len(values)), np.nan))


def write_record(folder, name, signals, frames, rate=100, offset=0):
    """Write a record, with a file for all signals of one format."""
    lines = [f"{name} {len(signals)} {rate} {frames}"]
    for number, form in enumerate(dict.fromkeys(s.form for s in signals)):
        own = [signal for signal in signals if signal.form == form]
        path = folder / f"{name}_{number}.dat"
        if form.startswith("5"):
            _write_flac(path, form, [signal.numbers for signal in own])
        else:
            stored = []
            for frame in range(frames):
                for one in own:
                    begin = frame * one.samples
                    stored += one.numbers[begin : begin + one.samples]
            path.write_bytes(bytes(offset) + encode(form, stored))
        place = f"+{offset}" if offset and not form.startswith("5") else ""
        for one in own:
            total = int(one.digital().sum()) % 65536
            lines.append(
                f"{path.name} {form}x{one.samples}:{one.skew}{place} "
                f"{one.gain}/{one.unit} 12 0 {one.first} {total} 0 {one.label}"
            )
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
