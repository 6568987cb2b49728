"""A large NWB file: ``python -m benchmarks.large_nwb --gb 20``.

Made is a file with one ElectricalSeries of 16 bits, 128 channels at 30 kHz. In turn,
its samples are copied by ``h5py.Group.copy``, and the file is converted: read by
`read_nwb`, scaled to volts in float32 and written by `write_recording`. Each is done by
a process of its own, which reads from the disk, not from memory, and ends when all is
on disk. The conversion writes twice as many bytes. All files are removed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import numpy as np

from brainsets.conversion.nwb import open_nwb, read_nwb
from brainsets.conversion.signals import COMPRESSION, FILTERS
from brainsets.conversion.writing import write_recording
from brainsets.errors import RecordingError

__all__ = ["converted", "copied", "main", "make", "measured"]

CHANNELS, RATE = 128, 30_000.0
DATA = "acquisition/ElectricalSeries/data"
_BLOCK = 1 << 15


def main(argv: list[str] | None = None) -> int:
    """Measure, and print what came out; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=2, help="size (default: 2)")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each (3)")
    parser.add_argument(
        "--sparse",
        action="store_true",
        help="all but the first block are zeros that take no room, where it is scarce; "
        "this shows memory, and nothing is copied",
    )
    parser.add_argument("--compression", choices=FILTERS, default=COMPRESSION)
    parser.add_argument("--work", type=Path, help="a folder with room for four of them")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        what, source, target = options.child
        started = time.perf_counter()
        if what == "copy":
            copied(Path(source), Path(target))
        else:
            converted(Path(source), Path(target), options.compression)
        found = {"wall_s": time.perf_counter() - started, "peak_mb": _peak_mb()}
        print(json.dumps({**found, "cpu_s": time.process_time()}))
        return 0
    size = int(1e9 * options.gb)
    folder = Path(tempfile.mkdtemp(prefix="large-", dir=options.work))
    try:
        source = folder / "large.nwb"
        make(source, size, is_sparse=options.sparse)
        ratios = []
        whats = ("convert",) if options.sparse else ("copy", "convert")
        for _ in range(options.pairs):
            runs = {}
            for what in whats:
                runs[what] = measured(what, source, folder / "out", options.compression)
                speed = size / runs[what]["wall_s"] / 1e6
                print(
                    f"{what}: {runs[what]['wall_s']:.1f} s, {speed:.0f} MB/s of what "
                    f"is read, {runs[what]['cpu_s']:.1f} s of CPU, "
                    f"peak {runs[what]['peak_mb']:.0f} MB",
                    flush=True,
                )
            if not options.sparse:
                ratios.append(runs["copy"]["wall_s"] / runs["convert"]["wall_s"])
        if ratios:
            print(f"speed of conversion: {median(ratios):.2f} of a copy's (median)")
    finally:
        shutil.rmtree(folder)
    return 0


def make(path: Path, size: int, *, is_sparse: bool = False) -> None:
    """Write an NWB file with so many bytes of samples: noise of 16 steps."""
    samples = max(1, size // (2 * CHANNELS))
    noise = np.random.default_rng(0).normal(scale=16, size=(_BLOCK, CHANNELS))
    block = np.round(noise).astype(np.int16)
    with h5py.File(path, "w") as file:
        _describe(file, "NWBFile", nwb_version="2.7.0")
        text = {
            "identifier": "large",
            "session_description": "made for a benchmark",
            "session_start_time": "2026-01-01T00:00:00+00:00",
            "timestamps_reference_time": "2026-01-01T00:00:00+00:00",
        }
        for name, value in text.items():
            file[name] = value
        table = file.create_group("general/extracellular_ephys/electrodes")
        _describe(table, "DynamicTable", colnames=["location"], description="all")
        table["id"] = np.arange(CHANNELS)
        table["location"] = ["CA1"] * CHANNELS
        _describe(table["id"], "ElementIdentifiers", namespace="hdmf-common")
        _describe(table["location"], "VectorData", description="where")
        series = file.create_group("acquisition/ElectricalSeries")
        _describe(series, "ElectricalSeries", description="noise", comments="none")
        series["starting_time"] = 0.0
        series["starting_time"].attrs.update(rate=RATE, unit="seconds")
        series["electrodes"] = np.arange(CHANNELS)
        _describe(
            series["electrodes"],
            "DynamicTableRegion",
            table=table.ref,
            description="all",
        )
        data = _allocated(series, (samples, CHANNELS))
        data.attrs.update(
            conversion=0.195e-6, offset=0.0, resolution=-1.0, unit="volts"
        )
        for i in range(0, _BLOCK if is_sparse else samples, _BLOCK):
            data[i : i + _BLOCK] = block[: samples - i]
    _on_disk(path)


def _describe(node: Any, kind: str, namespace: str = "core", **attributes: Any) -> None:
    node.attrs.update(neurodata_type=kind, namespace=namespace, **attributes)


def _allocated(group: h5py.Group, shape: tuple[int, int]) -> h5py.Dataset:
    """Return a dataset that has its place in the file and is not filled."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space, kind = h5py.h5s.create_simple(shape), h5py.h5t.STD_I16LE
    h5py.h5d.create(group.id, b"data", kind, space, plan)
    return group["data"]


def _on_disk(path: Path, *, forget: bool = True) -> None:
    """Wait until a file is on disk; then have the system forget what it has of it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
        if forget:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def copied(source: Path, target: Path) -> None:
    """Copy the samples alone, as h5py does it."""
    with h5py.File(source) as file, h5py.File(target, "w") as copy:
        file.copy(DATA, copy)
    _on_disk(target, forget=False)


def converted(source: Path, target: Path, compression: str = COMPRESSION) -> None:
    """Convert the file."""
    with open_nwb(source) as file:
        recording = read_nwb(file, id="large", signals={"raw"})
        recording.brainset = {"id": "large", **recording.brainset}
        write_recording(recording, target, compression=compression)
    _on_disk(target, forget=False)


def measured(
    what: str, source: Path, target: Path, compression: str = COMPRESSION
) -> dict[str, float]:
    """Return ``wall_s``, ``cpu_s`` and ``peak_mb`` of copying or converting.

    Raises
    ------
    RecordingError
        It failed.
    """
    _on_disk(source)
    words = [sys.executable, "-m", "benchmarks.large_nwb", "--compression", compression]
    words += ["--child", what, str(source), str(target)]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd=root)
    target.unlink(missing_ok=True)
    if done.returncode:
        raise RecordingError(f"To {what} {source.name} ended with {done.returncode}.")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RecordingError("This system does not tell how much memory was used.")


if __name__ == "__main__":
    raise SystemExit(main())
