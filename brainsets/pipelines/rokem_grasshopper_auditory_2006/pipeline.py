# /// brainset-pipeline
# dependencies = [
#   "nitime==0.12.1",
#   "temporaldata==0.1.6",
#   "h5py>=3.8",
#   "numpy>=1.24",
#   "pandas>=1.5",
# ]
# ///
"""Spikes of a grasshopper's auditory receptor that hears amplitude-modulated noise.

One receptor axon of *Locusta migratoria*, recorded intracellularly while a 2.5 kHz tone
was played whose level follows Gaussian noise with a cut-off of 200 Hz (first recording)
or 800 Hz (second) [3]_; both are of the same cell [1]_. The four text files come with
the package nitime, so nothing is downloaded once that is installed.

What the source says of itself, and what its numbers say:

- The headers give "stimulus length" and "duration" as 1000 ms, the files hold 10 s.
  A stimulus was first played once in full, then its first second many times [2]_;
  spikes up to the tenth second can only be of the first. The files decide here.
- "intensity" is the highest level, that is the mean + 3 standard deviations [2]_; the
  example [1]_ uses that of the first recording, 76.4286 dB, for both. Here each
  recording has its own (the second: 71.2 dB).
- Spike times are multiples of 100 us: the voltage was sampled at 10 kHz [2]_.
- Which animal it was, its sex and the day are not given, so no such field is written.

References
----------
.. [1] nitime 0.12.1, ``doc/examples/grasshopper.py``, https://github.com/nipy/nitime
.. [2] CRCNS data set ia-1, ``crcns-ia1-README.txt``, https://crcns.org/data-sets/ia/ia-1
.. [3] Rokem, Watzl, Gollisch, Stemmler, Herz & Samengo (2006), Spike-timing precision
   underlies the coding efficiency of auditory receptor neurons, J Neurophysiol
   95:2541-2552, https://doi.org/10.1152/jn.00891.2005
"""

import hashlib
import os
import re
import shutil
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from temporaldata import ArrayDict, Data, IrregularTimeSeries, RegularTimeSeries

from brainsets.pipeline import BrainsetPipeline

# "The stimuli are 10 seconds long", "50 usec intervals" [2]_.
STIMULUS_US = 10_000_000
STEP_US = 50

parser = ArgumentParser()
parser.add_argument("--redownload", action="store_true", help="copy raw files anew")
parser.add_argument("--reprocess", action="store_true", help="write outputs anew")


class Pipeline(BrainsetPipeline):
    """Two recordings of 10 s: spike times of one unit, and the sound it heard."""

    brainset_id = "rokem_grasshopper_auditory_2006"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace | None) -> pd.DataFrame:
        """List both recordings, with the files they are made of."""
        return pd.DataFrame(
            {
                "session_id": ["receptor_am200hz", "receptor_am800hz"],
                "cutoff_hz": [200, 800],
                "spike_file": [
                    "grasshopper_spike_times1.txt",
                    "grasshopper_spike_times2.txt",
                ],
                "spike_sha256": [
                    "840014ad9a8f591d02ab108bcbd46715badb3459e0ef7eac95fdd661ff134e3d",
                    "389e5dccb709fbe0552589ff2e0b64e15d46665e4d2d4172071f2175c8641541",
                ],
                "stimulus_file": [
                    "grasshopper_stimulus1.txt",
                    "grasshopper_stimulus2.txt",
                ],
                "stimulus_sha256": [
                    "4b47a4cbca8c5f694f87dd510db608a868dffbaba96845199c8afa545a4c37fa",
                    "69f257a8e7a5019897111b07f9cd317b136357d256e99682d40c09d5add18e6a",
                ],
            }
        ).set_index("session_id")

    def download(self, manifest_item: NamedTuple) -> tuple[Path, Path]:
        """Copy the recording's files into ``raw_dir/<session_id>`` and verify them."""
        self.update_status("Copying")
        folder = self.raw_dir / manifest_item.Index
        folder.mkdir(exist_ok=True)
        return (
            self._fetch(folder / manifest_item.spike_file, manifest_item.spike_sha256),
            self._fetch(
                folder / manifest_item.stimulus_file, manifest_item.stimulus_sha256
            ),
        )

    def _fetch(self, path: Path, sha256: str) -> Path:
        if path.exists() and not self.args.redownload:
            verify(path, sha256)
            return path
        # Whatever stops this half-way, a file under its final name is whole.
        part = path.with_name(f"{path.name}.part")
        shutil.copyfile(nitime_data() / path.name, part)
        verify(part, sha256)
        os.replace(part, path)
        return path

    def process(self, download_output: tuple[Path, Path]) -> None:
        """Write ``<session_id>.h5``; the times of all its parts share one clock.

        ==================  ====================================================
        brainset, subject   where the data is from
        session             id, the header as it stands, and its numbers
        units               id, shape (1,)
        spikes              timestamps (s), unit_index; shape (n_spikes,)
        stimulus            amplitude_v (V), level_db_spl (dB); shape (200000,)
        domain              0 to 10 s
        ==================  ====================================================
        """
        spike_file, stimulus_file = download_output
        session_id = spike_file.parent.name
        output = self.processed_dir / f"{session_id}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return

        self.update_status("Reading")
        session = read_session(spike_file, session_id)
        spike_times = read_spike_times(spike_file)
        stimulus = read_stimulus(stimulus_file, session.max_level_db_spl)

        # A sample stands for the 50 us that follow it, so N samples end at N / rate:
        # 10 s, not the 9.99995 s of the last one. One domain for all parts, so that a
        # window drawn from it is filled in each of them.
        domain = stimulus.domain
        if not (domain.start[0] <= spike_times[0] <= spike_times[-1] < domain.end[0]):
            raise ValueError(
                f"{spike_file}: spikes from {spike_times[0]} to {spike_times[-1]} s "
                f"are not within the stimulus, {domain.start[0]} to {domain.end[0]} s."
            )

        data = Data(
            brainset=Data(
                id=self.brainset_id,
                origin_version="nitime 0.12.1",
                derived_version="1.0.0",
                source="https://crcns.org/data-sets/ia/ia-1, as packaged in nitime",
                description="An auditory receptor of Locusta migratoria, recorded "
                "intracellularly, and the amplitude-modulated tone it heard "
                "(Rokem et al. 2006, https://doi.org/10.1152/jn.00891.2005).",
            ),
            subject=Data(species="LOCUSTA_MIGRATORIA"),
            session=session,
            # The same id in both recordings: they are of the same cell [1]_.
            units=ArrayDict(id=np.array(["receptor"])),
            spikes=IrregularTimeSeries(
                timestamps=spike_times,
                unit_index=np.zeros(len(spike_times), dtype=np.int64),
                domain=domain,
            ),
            stimulus=stimulus,
            domain=domain,
        )
        self.update_status("Writing")
        with h5py.File(output, "w") as file:
            data.to_hdf5(file)


def nitime_data() -> Path:
    """Return the folder of nitime's data files."""
    # Found without importing it, which would load matplotlib and SciPy.
    spec = find_spec("nitime")
    if spec is None:
        raise ModuleNotFoundError(
            "nitime, whose files these are, is not installed; install nitime==0.12.1."
        )
    return Path(spec.origin).parent / "data"


def verify(path: Path, sha256: str) -> None:
    """Raise ValueError unless the file has this SHA-256."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path}: SHA-256 is {found} instead of {sha256}; "
            "copy it again from nitime 0.12.1 with --redownload."
        )


def read_session(path: Path, session_id: str) -> Data:
    """Read the header of a spike file: lines of ``# key (unit): value``.

    Returns
    -------
    temporaldata.Data
        id, header (str, as it stands), and these of its numbers, with the unit at the
        end of their names: carrier_hz, cutoff_hz (of the modulation), modulation_sd_db,
        max_level_db_spl, desired_rate_hz (for which the level was chosen).
    """
    lines = path.read_text(encoding="ascii").splitlines()
    header = "\n".join(line for line in lines if line.startswith("#"))

    def number(key: str) -> float:
        found = re.search(rf"^# {re.escape(key)}: ([0-9.]+)$", header, re.MULTILINE)
        if found is None:
            raise ValueError(f"{path}: no number for {key!r} in the header.")
        return float(found[1])

    return Data(
        id=session_id,
        header=header,
        carrier_hz=1000 * number("carrier freq (kHz)"),
        cutoff_hz=number("cut-off frequency (Hz)"),
        modulation_sd_db=number("standard deviation (dB)"),
        max_level_db_spl=number("intensity (dB)"),
        desired_rate_hz=number("desired firing rate (Hz)"),
    )


def read_spike_times(path: Path) -> np.ndarray:
    """Read spike times, given in us, as seconds from the stimulus' start.

    Returns
    -------
    numpy.ndarray
        Shape (n_spikes,), float64, strictly increasing.
    """
    times_us = read_columns(path, 1)[:, 0]
    late = np.diff(times_us) > 0
    if not late.all():
        first = int(np.argmin(late))
        raise ValueError(
            f"{path}: spike times must increase, but {times_us[first]:.0f} us is "
            f"followed by {times_us[first + 1]:.0f} us."
        )
    return times_us / 1e6


def read_stimulus(path: Path, max_level_db_spl: float) -> RegularTimeSeries:
    """Read a stimulus: its time in us, and the tone's amplitude in V.

    No calibration comes with it: volts say how levels differ, not how high they are.
    So level = 20 log10(amplitude) is shifted until its maximum is the highest level
    that was played, as ``volt2dB`` in [1]_ does.

    Returns
    -------
    temporaldata.RegularTimeSeries
        amplitude_v (V) and level_db_spl (dB SPL), each of shape (200000,), float64.
    """
    time_us, amplitude_v = read_columns(path, 2).T
    steps = np.unique(np.diff(time_us))
    if not np.array_equal(time_us, np.arange(0, STIMULUS_US, STEP_US)):
        raise ValueError(
            f"{path}: {len(time_us)} samples from {time_us[0]:.0f} to "
            f"{time_us[-1]:.0f} us in steps of {steps[:3].tolist()} us, instead of "
            f"{STIMULUS_US // STEP_US} from 0 on in steps of {STEP_US} us."
        )
    if not (amplitude_v > 0).all():
        raise ValueError(
            f"{path}: an amplitude of {amplitude_v.min()} V has no level in dB."
        )
    return RegularTimeSeries(
        sampling_rate=float(1e6 / steps[0]),
        amplitude_v=amplitude_v,
        level_db_spl=20 * np.log10(amplitude_v / amplitude_v.max()) + max_level_db_spl,
    )


def read_columns(path: Path, columns: int) -> np.ndarray:
    """Read a table of numbers, shape (n_rows, columns), without its ``#`` lines."""
    try:
        table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if table.size == 0 or table.shape[1] != columns:
        raise ValueError(
            f"{path}: a table of shape {table.shape} instead of (n, {columns})."
        )
    return table
