"""Checksums that archives publish, and those of files that are here."""

import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Checksum", "dandi_etag", "multipart_etag", "part_size"]

_READ_BYTES = 1 << 20
_PART_BYTES = 64 << 20
_MAX_PARTS = 10_000


@dataclass(frozen=True)
class Checksum:
    """A checksum that a file should have.

    Parameters
    ----------
    kind : str
        ``SHA-256``, ``MD5`` or ``dandi-etag``.
    value : str
        As `found_in` writes it: in lower case.
    """

    kind: str
    value: str

    def found_in(self, file: BinaryIO) -> str:
        """Return the checksum of this kind that an open file has."""
        if self.kind == "dandi-etag":
            return dandi_etag(file)
        found = (
            hashlib.md5(usedforsecurity=False)
            if self.kind == "MD5"
            else hashlib.sha256()
        )
        file.seek(0)
        while chunk := file.read(_READ_BYTES):
            found.update(chunk)
        return found.hexdigest()

    def fits(self, file: BinaryIO) -> bool:
        """Whether an open file has it."""
        return self.found_in(file) == self.value


def part_size(size: int) -> int:
    """Return in parts of how many bytes DANDI takes a file of so many bytes.

    The rule is the one of ``PartGenerator`` in the published package dandischema: 64
    MiB, or more where these would be 10000 parts, which is as many as S3 takes.
    """
    if -(-size // _PART_BYTES) >= _MAX_PARTS:
        return -(-size // _MAX_PARTS)
    return _PART_BYTES


def dandi_etag(file: BinaryIO) -> str:
    """Return the dandi-etag of an open file.

    It is what S3 says of a file that was uploaded in parts: the MD5 of the MD5s of its
    parts, and their number.
    """
    file.seek(0, os.SEEK_END)
    return multipart_etag(file, part_size(file.tell()))


def multipart_etag(file: BinaryIO, per_part: int) -> str:
    """Return the ETag that S3 gives a file that was uploaded in parts of one size."""
    file.seek(0)
    all_parts, count = hashlib.md5(usedforsecurity=False), 0
    while True:
        left, part = per_part, hashlib.md5(usedforsecurity=False)
        while left and (chunk := file.read(min(left, _READ_BYTES))):
            part.update(chunk)
            left -= len(chunk)
        if left == per_part:
            return f"{all_parts.hexdigest()}-{count}"
        all_parts.update(part.digest())
        count += 1
