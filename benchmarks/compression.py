"""What compressing signals costs and spares: ``python -m benchmarks.compression``.

Signals of real recordings are repeated until they have 64 MB, and one is made: noise in
whole numbers of 16 bits, as broadband recordings have, scaled to volts. Each is written
in each way; then windows of one second are read at random, as for training, from what
the system has in memory.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from temporaldata import Data

from brainsets.conversion.inventory import Inventory
from brainsets.conversion.nwb import open_nwb, read_nwb
from brainsets.conversion.parts import Recording, Signal
from brainsets.conversion.signals import FILTERS
from brainsets.conversion.writing import write_recording

__all__ = ["broadband", "main", "measured", "of_edf", "of_nwb"]

SIZE = 64 << 20
WINDOWS = 100


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="EDF or NWB files")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of each signal")
    options = parser.parse_args(argv)
    print("| signal | compression | size | write | read 1 s |")
    print("|---|---|--:|--:|--:|")
    for label, values, rate in _signals(options.files):
        values = _repeated(values, options.size)
        for name in FILTERS:
            size, written, window = measured(values, rate, name)
            print(
                f"| {label} | `{name}` | {100 * size:.0f} % | {written:.0f} MB/s "
                f"| {1000 * window:.2f} ms |",
                flush=True,
            )
    return 0


def _signals(files: list[Path]) -> Iterator[tuple[str, np.ndarray, float]]:
    for path in files:
        found = of_nwb(path) if path.suffix == ".nwb" else of_edf(path)
        for name, values, rate in found:
            yield f"{name}, {_shown(values, rate)}", values, rate
    values, rate = broadband()
    yield f"made: broadband noise, {_shown(values, rate)}", values, rate


def _shown(values: np.ndarray, rate: float) -> str:
    return f"{math.prod(values.shape[1:])} x {rate:.6g} Hz, {values.dtype}"


def of_nwb(path: Path) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield name, values and rate (Hz) of the largest signal in an NWB file."""
    with open_nwb(path) as file:
        parts = read_nwb(file, id=path.stem).parts
        signals = [part for part in parts if isinstance(part, Signal)]
        if signals:
            part = max(signals, key=lambda signal: math.prod(signal.shape))
            yield f"NWB `{part.name}`", part.read(0, part.shape[0]), part.sampling_rate


def of_edf(path: Path) -> Iterator[tuple[str, np.ndarray, float]]:
    """Yield the signals of an EDF file that have the rate of the first, in V."""
    content = path.read_bytes()
    n_signals, n_records = int(content[252:256]), int(content[236:244])
    record_s = float(content[244:252])

    def field(start: int, width: int) -> list[str]:
        where = 256 + n_signals * start
        text = content[where : where + n_signals * width].decode("latin-1")
        return [text[i : i + width].strip() for i in range(0, len(text), width)]

    sizes = [int(text) for text in field(216, 8)]
    records = np.frombuffer(content, "<i2", offset=256 * (n_signals + 1))
    records = records[: n_records * sum(sizes)].reshape(n_records, -1)
    edges = np.cumsum([0, *sizes])
    columns = []
    for i in range(n_signals):
        if sizes[i] == sizes[0] and field(96, 8)[i].endswith("V"):
            low, high, least, most = (float(field(104 + 8 * k, 8)[i]) for k in range(4))
            counts = records[:, edges[i] : edges[i + 1]].reshape(-1)
            columns.append((counts - least) * (high - low) / (most - least) + low)
    values = 1e-6 * np.stack(columns, axis=1)
    yield "EDF, EEG", values.astype(np.float32), sizes[0] / record_s


def broadband() -> tuple[np.ndarray, float]:
    """Return ten seconds of 32 channels at 30 kHz in V: noise of 16 steps."""
    noise = np.random.default_rng(0).normal(scale=16, size=(300_000, 32))
    return (0.195e-6 * np.round(noise)).astype(np.float32), 30_000.0


def _repeated(values: np.ndarray, size: int) -> np.ndarray:
    times = max(1, round(size / values.nbytes))
    return np.tile(values, (times, *[1] * (values.ndim - 1)))


def measured(
    values: np.ndarray, rate: float, compression: str
) -> tuple[float, float, float]:
    """Return size on disk (of that in memory), MB/s written, and s for a second read.

    Parameters
    ----------
    values : array
        Samples first.
    rate : float
        Hz.
    compression : str
        One of ``brainsets.conversion.signals.FILTERS``.
    """

    def read(i: int, j: int) -> np.ndarray:
        return values[i:j]

    end = len(values) / rate
    recording = Recording(
        id="r",
        brainset={"id": "b"},
        subject={},
        session={},
        device={},
        parts=[Signal("x", values.shape, values.dtype, read, rate, 0.0)],
        domain=(np.zeros(1), np.array([end])),
        inventory=Inventory(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.h5")
        started = time.perf_counter()
        write_recording(recording, path, compression=compression)
        written = values.nbytes / (time.perf_counter() - started) / 1e6
        took = []
        with h5py.File(path) as file:
            size = file["x/signal"].id.get_storage_size() / values.nbytes
            whole = Data.from_hdf5(file)
            for start in np.random.default_rng(0).uniform(0, end - 1, WINDOWS):
                started = time.perf_counter()
                assert len(whole.x.slice(start, start + 1).signal)
                took.append(time.perf_counter() - started)
    return size, written, statistics.median(took)


if __name__ == "__main__":
    raise SystemExit(main())
