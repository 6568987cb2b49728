"""Whether a file is there, or only its name."""

from __future__ import annotations

from pathlib import Path

from brainsets.pipeline import SkipAsset

__all__ = ["check_content"]

# What a version control system leaves in place of a large file.
_POINTERS = {
    b"version https://git-lfs": "a pointer of Git LFS",
    b"/annex/objects": "a pointer of git-annex",
    b".git/annex/objects": "a pointer of git-annex",
}
_POINTER_BYTES = 4096


def check_content(path: Path) -> None:
    """Check that a file is there, and is neither empty nor a pointer to another.

    Raises
    ------
    SkipAsset
        It is not so.
    """
    try:
        with open(path, "rb") as file:
            begin = file.read(_POINTER_BYTES)
    except FileNotFoundError:
        raise SkipAsset(f"{path.name}, which belongs to it, is not there") from None
    if not begin:
        raise SkipAsset(f"{path.name} is empty")
    if len(begin) < _POINTER_BYTES:
        for sign, what in _POINTERS.items():
            if sign in begin[:512]:
                raise SkipAsset(f"{path.name} is {what}, and not the file itself")
