"""What a library does not tell of an EDF or EDF+ file.

The form of the header is in https://www.edfplus.info/specs/edf.html.
"""

from pathlib import Path

__all__ = ["read_units"]


def read_units(path: Path) -> list[str]:
    """Return the physical unit of each signal in the header, in the file's order.

    Where the unit is none that it knows, mne takes it for volts without a word.
    """
    with open(path, "rb") as file:
        signals = int(file.read(256)[252:])
        file.seek(256 + signals * (16 + 80))
        return [file.read(8).decode("latin-1").strip() for _ in range(signals)]
