"""Headers of BrainVision files: which files belong to them, under which names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from brainsets.conversion.biosignals.units import si_unit
from brainsets.conversion.raw.contents import check_content
from brainsets.pipeline import SkipAsset

__all__ = [
    "BrainVisionHeader",
    "channel_units",
    "read_brainvision_header",
    "renamed_header",
]

_DATA = (".eeg", ".dat", ".avg")
_SAMPLE_BYTES = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


@dataclass
class BrainVisionHeader:
    """What the header says of other files, and where these are."""

    path: Path
    text: str
    data: Path
    markers: Path | None
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """All files of the recording."""
        return [self.path, self.data, *([self.markers] if self.markers else [])]


def read_brainvision_header(path: Path) -> BrainVisionHeader:
    """Read a header, and find its files: by the names in it, or by its own.

    People rename files and forget what is in them.

    Raises
    ------
    SkipAsset
        It is no such header, or the samples are not there, empty or cut.
    """
    content = path.read_bytes()
    if b"Brain Vision Data Exchange" not in content[:200].replace(b"BrainVision", b""):
        if b"BrainVision Data Exchange" not in content[:200]:
            raise SkipAsset(f"{path.name} is no header of BrainVision")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    notes: list[str] = []
    data = _file(path, _value(text, "DataFile"), _DATA, "data", notes)
    if data is None:
        raise SkipAsset(
            f"{path.name} names {_value(text, 'DataFile')!r} as its samples, which are "
            "not there, nor under its own name"
        )
    check_content(data)
    markers = _file(path, _value(text, "MarkerFile"), (".vmrk",), "marker", notes)
    if markers is not None and not markers.stat().st_size:
        notes.append(f"its markers, {markers.name}, are empty")
        markers = None
    elif markers is None and _value(text, "MarkerFile"):
        notes.append(f"its markers, {_value(text, 'MarkerFile')}, are not there")
    header = BrainVisionHeader(path, text, data, markers, notes)
    _check_size(header)
    return header


def _value(text: str, key: str) -> str:
    found = re.search(rf"(?im)^[ \t]*{key}[ \t]*=[ \t]*(.*?)[ \t\r]*$", text)
    return found[1].strip() if found else ""


def _file(
    path: Path, said: str, suffixes: tuple[str, ...], what: str, notes: list[str]
) -> Path | None:
    """Return the file that has the header's own name, or else the one it names.

    Who renames files forgets what is in them, and a name may have become another's.
    """
    said = said.replace("$b", path.stem)
    # Names may be those of another system, with folders that were there.
    name = said.replace("\\", "/").rpartition("/")[2]
    named = path.parent / name if name else None
    own = [path.with_suffix(suffix) for suffix in suffixes]
    found = next((each for each in own if each.is_file()), None)
    if named is not None and named.is_file() and found is None:
        return named
    if found is not None and name and name != found.name:
        notes.append(
            f"its header names {said!r} as its {what} file; {found.name}, of its own "
            "name, is taken"
        )
    return found


def _check_size(header: BrainVisionHeader) -> None:
    """Say what a file of samples has that is no whole number of samples."""
    width = _SAMPLE_BYTES.get(_value(header.text, "BinaryFormat").upper())
    channels = _value(header.text, "NumberOfChannels")
    if width is None or not channels.isdigit() or not int(channels):
        return
    size, step = header.data.stat().st_size, width * int(channels)
    if size < step:
        raise SkipAsset(f"{header.data.name} holds {size} bytes, not a single sample")
    if size % step:
        header.notes.append(
            f"truncated: the last {size % step} bytes are no whole sample, and are "
            "left out"
        )


@contextmanager
def renamed_header(header: BrainVisionHeader) -> Iterator[Path]:
    """Give a header that leads to the files that were found, as long as it is open."""

    def put(text: str, key: str, path: Path | None) -> str:
        line = f"{key}={path}" if path else f";{key}="
        return re.sub(rf"(?im)^[ \t]*{key}[ \t]*=.*?(?=\r?$)", lambda _: line, text)

    text = put(header.text, "DataFile", header.data.absolute())
    text = put(
        text, "MarkerFile", header.markers.absolute() if header.markers else None
    )
    # Any path can be written in it.
    text = re.sub(r"(?im)^[ \t]*Codepage[ \t]*=.*?(?=\r?$)", "Codepage=UTF-8", text)
    with TemporaryDirectory(prefix="brainsets-") as folder:
        copy = Path(folder) / header.path.name
        copy.write_bytes(text.encode())
        yield copy


def channel_units(header: BrainVisionHeader) -> dict[str, tuple[str, str, float]]:
    """Return of each channel its unit in the file, the one that MNE returns, and by
    what it multiplies; without a unit, BrainVision means microvolts.
    """
    found = {}
    part = re.search(r"(?ims)^\[Channel Infos\](.*?)(?=^\[|\Z)", header.text)
    for line in (part[1] if part else "").splitlines():
        matched = re.match(r"\s*Ch\d+\s*=(.*)", line, re.IGNORECASE)
        if not matched:
            continue
        name, *rest = matched[1].split(",")
        said = rest[2].strip() if len(rest) > 2 else ""
        # Files that say UTF-8 and were written in Latin-1.
        said = said.replace("\xc2", "")
        unit, scale = si_unit(said or "uV")
        if said in ("\N{MICRO SIGN}S", "uS"):
            unit, scale = "S", 1e-6
        found[name.replace("\\1", ",")] = said, unit, scale
    return found
