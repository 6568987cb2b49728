"""Open an NWB file, from a path or from anything that can be read and sought."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import h5py

from brainsets.conversion.text import plain
from brainsets.pipeline import SkipAsset

__all__ = ["open_nwb"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def open_nwb(source: Any) -> h5py.File:
    """Open an NWB 2 file for reading.

    Parameters
    ----------
    source : path or file-like object
        An object of the second kind, such as one that fetches ranges of bytes, is
        read from where HDF5 needs it.

    Raises
    ------
    SkipAsset
        It is none, or is broken for good; one sentence says how.
    """
    _load_filters()
    is_path = isinstance(source, (str, os.PathLike))
    name = Path(source).name if is_path else str(getattr(source, "name", "the file"))
    if is_path and Path(source).is_dir():
        raise SkipAsset(
            f"{name} is a folder, as NWB files in Zarr are; only NWB files in HDF5 "
            "can be read"
        )
    try:
        file = h5py.File(source, "r")
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise SkipAsset(_why_not(source, name, is_path, error)) from error
    try:
        _check_version(file, name)
    except BaseException:
        file.close()
        raise
    return file


def _load_filters() -> None:
    """Register the filters of hdf5plugin, if the environment has it."""
    try:
        importlib.import_module("hdf5plugin")
    except ImportError:
        pass


def _why_not(source: Any, name: str, is_path: bool, error: Exception) -> str:
    text = str(error)
    if "truncated file" in text:
        return f"{name} is truncated: {text.strip()}"
    if is_path:
        with open(source, "rb") as stream:
            begin = stream.read(len(_SIGNATURE))
        if not begin:
            return f"{name} is empty"
        if begin != _SIGNATURE:
            return f"{name} is no HDF5 file, which an NWB file is"
    return f"{name} cannot be opened as HDF5: {text.strip()}"


def _check_version(file: h5py.File, name: str) -> None:
    version = plain(file.attrs.get("nwb_version", ""))
    if not version and "nwb_version" in file:  # where NWB 1 has it
        found = file.get("nwb_version")
        version = plain(found[()]) if isinstance(found, h5py.Dataset) else ""
    number = version.upper().removeprefix("NWB-")
    if not version:
        raise SkipAsset(f"{name} is an HDF5 file without nwb_version: no NWB file")
    if not number.startswith("2"):
        raise SkipAsset(
            f"{name} is of NWB version {version}; only NWB 2 can be read: pynwb and "
            "its converters make NWB 2 of older files"
        )
