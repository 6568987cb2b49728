"""What download returned, on its way to process.

The file of a handoff begins with a line of JSON, which says what was downloaded and
which files it names, and a line with the SHA-256 of the first; what follows, the return
value and the attributes that download set on the instance, is pickled. Only the child
that runs process unpickles anything.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs import handoff_version_1 as old_handoff
from brainsets.jobs.handoffs.raw_files import RawData, raw_data
from brainsets.jobs.handoffs.skipping import Skipped
from brainsets.shared.files import write_atomically
from brainsets.shared.inputs.raw_data import first_change
from brainsets.supervision.hidden_secrets import (
    mask_secrets,
    pickle_without_secrets,
    unpickle_with_secrets,
)

__all__ = ["Handoff", "handoff_key", "write_handoff", "write_skipped"]

_FORMAT = 2
# No download names so many files that its header would be larger.
_MAX_HEADER_BYTES = 1 << 24
_MAX_REASON_LENGTH = 200


@dataclass
class Handoff:
    """What was kept of a download, or why nothing could be kept.

    Parameters
    ----------
    key : dict
        What the download depended on: row and arguments.
    raw_dir : str or None
        The brainset's raw folder at that time.
    run : str or None
        The run in which it was downloaded.
    is_repeat : bool
        Whether that was because process had failed in a later run than an earlier one.
    files, folders : dict
        Sizes of the files that are named, and counts of files in folders.
    left_out : dict
        Attributes that download set, and that could not be kept: why, by name.
    reason : str or None
        Why nothing could be kept.
    skipped : Skipped or None
        Why download has skipped the asset.
    payload : bytes or None
        The pickle; None if it was not asked for, or there is none.
    """

    key: dict[str, Any]
    raw_dir: str | None = None
    run: str | None = None
    is_repeat: bool = False
    files: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    reason: str | None = None
    skipped: Skipped | None = None
    payload: bytes | None = None

    @classmethod
    def read(cls, path: Path, *, with_payload: bool = False) -> "Handoff":
        """Read a handoff.

        Raises
        ------
        HandoffError
            It is not there, or not as this or the version before has written it.
        """
        try:
            return cls._read(path, with_payload)
        except Exception as error:
            # Whatever is wrong: the asset is downloaded again, and the file rewritten.
            text = str(error) or type(error).__name__
            raise HandoffError(
                f"{path.name} cannot be read ({text[:_MAX_REASON_LENGTH]})"
            ) from error

    @classmethod
    def _read(cls, path: Path, with_payload: bool) -> "Handoff":
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no file")
            if file.peek(1)[:1] == old_handoff.FIRST_BYTE:
                return cls(**old_handoff.read(file, status.st_size, with_payload))
            return cls._parsed(file, status.st_size, with_payload)

    @classmethod
    def _parsed(cls, file: BinaryIO, size: int, with_payload: bool) -> "Handoff":
        line = file.readline(_MAX_HEADER_BYTES)
        if file.readline(65) != _checksum(line) + b"\n":
            raise ValueError("its first line is damaged, or of another version")
        header = json.loads(line)
        if header["format"] != _FORMAT:
            raise ValueError(f"it has the format {header['format']!r}")
        found = cls(
            key=_of_type(header["key"], dict),
            raw_dir=_of_type(header["raw_dir"], str),
            run=header["run"] and _of_type(header["run"], str),
            is_repeat=_of_type(header["is_repeat"], bool),
            files=_of_types(header["files"], int),
            folders=_of_types(header["folders"], int),
            left_out=_of_types(header["left_out"], str),
        )
        if header.get("skipped") is not None:
            skipped = _of_type(header["skipped"], dict)
            found.skipped = Skipped(
                _of_type(skipped["reason"], str),
                _of_type(skipped["code"], str),
                _of_types(skipped["imported"], str),
            )
        if header["reason"] is not None:
            found.reason = _of_type(header["reason"], str)
            return found
        length = _of_type(header["bytes"], int)
        if size - file.tell() != length:
            raise ValueError("it is cut, or has too much in it")
        if with_payload:
            found.payload = file.read(length)
            if _checksum(found.payload).decode() != header["sha256"]:
                raise ValueError("it is damaged")
        return found

    def change(self) -> str | None:
        """Return the first change of the files that download named, or None."""
        found = first_change(self.files, self.folders)
        return None if found is None else " ".join(found)

    def value(self) -> tuple[Any, dict[str, Any]]:
        """Unpickle the return value of download and the attributes that it set.

        Raises
        ------
        HandoffError
            It was not kept, or cannot be unpickled.
        """
        if self.payload is None:
            raise HandoffError("what download returned could not be kept")
        try:
            output, attributes = unpickle_with_secrets(self.payload)
            return output, dict(attributes)
        except Exception as error:
            raise HandoffError(_error_text(error)) from error


def write_handoff(
    path: Path,
    output: Any,
    attributes: Mapping[str, Any],
    origin: Handoff,
) -> tuple[Handoff, RawData]:
    """Keep what download returned and set on its instance.

    Parameters
    ----------
    path : Path
        The handoff file.
    output : object
        What download returned.
    attributes : mapping
        What it has set on the instance.
    origin : Handoff
        Which download it is.

    Returns
    -------
    handoff : Handoff
        What was kept, without its pickle.
    named : RawData
        The files that it names. What a download fetched and did not name is not known.
    """
    assert origin.raw_dir is not None
    left_out: dict[str, str] = {}
    payload, reason = _pickled((output, dict(attributes)))
    if payload is None and attributes:
        alone, _ = _pickled(output)
        if alone is not None:
            # The return value can be pickled: leave out the attributes that cannot.
            reasons = {n: _pickled(value)[1] for n, value in attributes.items()}
            left_out = {n: why for n, why in reasons.items() if why is not None}
            attributes = {n: v for n, v in attributes.items() if n not in left_out}
            payload, reason = _pickled((output, dict(attributes)))
    named = raw_data((output, dict(attributes)), Path(origin.raw_dir))
    if payload is None:
        # Process will download again, and may get other files.
        named, left_out = RawData(), {}
    found = replace(
        origin,
        files=named.files,
        folders=named.folders,
        left_out=left_out,
        reason=reason,
    )
    _write(path, found, payload or b"")
    return found, named


def write_skipped(path: Path, origin: Handoff, skipped: Skipped) -> None:
    """Keep that download has skipped an asset, so that process need not ask again."""
    # Versions that know of no skipping fetch it again.
    _write(path, replace(origin, reason="it was skipped", skipped=skipped), b"")


def _write(path: Path, found: Handoff, payload: bytes) -> None:
    header = {
        "format": _FORMAT,
        **{k: v for k, v in vars(found).items() if k != "payload"},
        "skipped": found.skipped and vars(found.skipped),
        "bytes": len(payload),
        "sha256": _checksum(payload).decode(),
    }
    line = json.dumps(header).encode() + b"\n"
    content = b"".join((line, _checksum(line), b"\n", payload))
    write_atomically(path, content)


def _pickled(value: Any) -> tuple[bytes | None, str | None]:
    """Return a pickle that can be read again, or why there is none."""
    try:
        payload = pickle_without_secrets(value)
        unpickle_with_secrets(payload)
        return payload, None
    except Exception as error:
        # Classes of a pipeline may raise anything. Process will call download again,
        # which is slower and gives the same result.
        return None, _error_text(error)


def _error_text(error: Exception) -> str:
    try:
        return mask_secrets(f"{type(error).__name__}: {error}")[:_MAX_REASON_LENGTH]
    except Exception:
        return type(error).__name__


def handoff_key(path: Path) -> dict[str, Any] | None:
    """Return what the kept download depended on, None if there is none."""
    try:
        return Handoff.read(path).key
    except HandoffError:
        return None


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it has a {type(value).__name__} for a {kind.__name__}")
    return value


def _of_types(value: Any, kind: type) -> dict[str, Any]:
    found: dict[str, Any] = _of_type(value, dict)
    for each in found.values():
        _of_type(each, kind)
    return found
