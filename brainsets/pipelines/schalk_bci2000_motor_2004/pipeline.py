# /// brainset-pipeline
# dependencies = [
#   "temporaldata==0.1.6",
#   "requests>=2.28",
#   "h5py>=3.8",
#   "numpy>=1.24",
#   "pandas>=1.5",
# ]
# ///
"""Scalp EEG of people who move, or imagine to move, their fists and feet.

109 people, 14 runs each, recorded with 64 electrodes by BCI2000 [1]_, [2]_: a minute
with open and one with closed eyes (runs 1 and 2), then three times the same four tasks
of two minutes, to move a fist (3, 7, 11), to imagine that (4, 8, 12), to move both
fists or both feet (5, 9, 13), to imagine that (6, 10, 14). A target on the screen says
which: left or right of it that fist, above both fists, below both feet. Published as
the EEG Motor Movement/Imagery Dataset 1.0.0 on PhysioNet [1]_, [3]_, under the Open
Data Commons Attribution License 1.0. Whoever uses it is asked to cite [2]_ and [3]_.

What the source says of itself, and what its numbers say:

- T0, T1 and T2 mean other things in other runs. Here every trial has its meaning.
- Runs are "one and two minutes". Runs 3 to 8 of S001 hold 125 s, in data records of
  1 s, but the last half second is zero in all channels, and the last trial ends where
  that begins. Such zeros at a recording's end are left out.
- The rate is given as 160 Hz; users report 128 Hz for S088 [4]_. Rate and lengths are
  those of each file. A trial that is longer than its recording, or runs into the next
  one, is cut there, and the log says so.
- Electrodes have the names of the 10-10 system, written as ``Fc5.`` or ``Cz..``.
- Age and sex are not given. The headers' date (12 August 2009 in S001) is five years
  after the paper [2]_, so it is not taken for the day of the recording.

References
----------
.. [1] https://physionet.org/content/eegmmidb/1.0.0/, https://doi.org/10.13026/C28G6P
.. [2] Schalk, McFarland, Hinterberger, Birbaumer & Wolpaw (2004), BCI2000: a
   general-purpose brain-computer interface (BCI) system, IEEE Trans Biomed Eng
   51:1034-1043, https://doi.org/10.1109/TBME.2004.827072
.. [3] Goldberger et al. (2000), PhysioBank, PhysioToolkit, and PhysioNet, Circulation
   101:e215-e220, https://doi.org/10.1161/01.CIR.101.23.e215
.. [4] https://github.com/NeuroTechX/moabb/issues/538
"""

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from temporaldata import ArrayDict, Data, Interval, RegularTimeSeries

from brainsets.archives.downloads import download_file
from brainsets.archives.edf import check_edf
from brainsets.archives.physionet import file_url, read_listing
from brainsets.conversion.edf import read_edf
from brainsets.conversion.parts import Samples
from brainsets.pipeline import BrainsetPipeline

# In the order of the signals, as the figure of [1]_ numbers them.
CHANNELS = (
    "FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 "
    "Fp1 Fpz Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 "
    "TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz"
).split()

# A trial's label_id is its label's place in this list.
LABELS = [
    "rest",
    "left_fist",
    "right_fist",
    "both_fists",
    "both_feet",
    "eyes_open",
    "eyes_closed",
]


class Task(NamedTuple):
    """What is done in a run, and what its annotations mean."""

    name: str
    is_imagined: bool
    meaning: dict[str, str]


ONE_FIST = {"T0": "rest", "T1": "left_fist", "T2": "right_fist"}
BOTH = {"T0": "rest", "T1": "both_fists", "T2": "both_feet"}
TASKS = {
    1: Task("eyes_open", False, {"T0": "eyes_open"}),
    2: Task("eyes_closed", False, {"T0": "eyes_closed"}),
    **dict.fromkeys((3, 7, 11), Task("move_one_fist", False, ONE_FIST)),
    **dict.fromkeys((4, 8, 12), Task("imagine_one_fist", True, ONE_FIST)),
    **dict.fromkeys((5, 9, 13), Task("move_both_fists_or_feet", False, BOTH)),
    **dict.fromkeys((6, 10, 14), Task("imagine_both_fists_or_feet", True, BOTH)),
}

RECORD = re.compile(r"(S\d{3})/\1R(0[1-9]|1[0-4])\.edf")

parser = ArgumentParser()
parser.add_argument(
    "--base-url",
    default="https://physionet.org/files/eegmmidb/1.0.0/",
    help="the archive, or a mirror of it (default: %(default)s)",
)
parser.add_argument("--redownload", action="store_true", help="fetch raw files anew")
parser.add_argument("--reprocess", action="store_true", help="write outputs anew")


class Pipeline(BrainsetPipeline):
    """A recording for each run: EEG of 64 channels, and what was done when."""

    brainset_id = "schalk_bci2000_motor_2004"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace) -> pd.DataFrame:
        """List the recordings that the archive lists, with their checksums."""
        listing = read_listing(args.base_url, raw_dir, report=print)
        rows = []
        for path in listing.records:
            found = RECORD.fullmatch(path)
            if found is None:
                raise ValueError(
                    f"RECORDS of {args.base_url} names {path!r}, which is no recording "
                    "of the form S001/S001R01.edf, with runs from 01 to 14."
                )
            rows.append(
                {
                    "session_id": Path(path).stem,
                    "subject": found[1],
                    "run": int(found[2]),
                    "task": TASKS[int(found[2])].name,
                    "path": path,
                    "sha256": listing.sha256[path],
                }
            )
        columns = ["session_id", "subject", "run", "task", "path", "sha256"]
        return pd.DataFrame(rows, columns=columns).set_index("session_id")

    def download(self, manifest_item: NamedTuple) -> Path:
        """Fetch the recording to where the archive has it, below ``raw_dir``."""
        self.update_status("Downloading")
        return download_file(
            file_url(self.args.base_url, manifest_item.path),
            self.raw_dir / manifest_item.path,
            sha256=manifest_item.sha256,
            again=self.args.redownload,
            report=self.update_status,
        )

    def process(self, download_output: Path) -> None:
        """Write ``<session_id>.h5``; all its parts start with the first sample, at 0 s.

        ===================  ===========================================================
        brainset, device     where the data is from, and how it was recorded
        subject              id, species
        session              id, run (1 to 14), task
        eeg                  signal (V), shape (n_samples, 64), float32; sampling_rate
        channels             id, type, unit; shape (64,)
        trials               start, end (s), code (T0, T1, T2), label, label_id,
                             is_imagined
        train_domain,        the trials of each part, see `split_trials`
        valid_domain,
        test_domain
        domain               the whole recording
        ===================  ===========================================================
        """
        path = download_output
        session_id = path.stem
        output = self.processed_dir / f"{session_id}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return

        self.update_status("Reading")
        subject_id, run = session_id[:4], int(session_id[5:])
        task = TASKS[run]
        eeg, channels = read_eeg(path)
        trials = read_trials(path, task, float(eeg.domain.end[-1]))
        train, valid, test = split_trials(trials, eeg.sampling_rate)
        data = Data(
            brainset=Data(
                id=self.brainset_id,
                origin_version="1.0.0",
                derived_version="1.0.0",
                source="https://physionet.org/content/eegmmidb/1.0.0/",
                description="EEG Motor Movement/Imagery Dataset: 64-channel EEG of 109 "
                "people who move or imagine to move fists and feet (Schalk et al. "
                "2004, https://doi.org/10.1109/TBME.2004.827072).",
            ),
            subject=Data(id=subject_id, species="HOMO_SAPIENS"),
            session=Data(id=session_id, run=run, task=task.name),
            device=Data(id=f"{subject_id}_bci2000", recording_tech="SCALP_EEG"),
            eeg=eeg,
            channels=channels,
            trials=trials,
            train_domain=train,
            valid_domain=valid,
            test_domain=test,
            domain=eeg.domain,
        )
        self.update_status("Writing")
        with h5py.File(output, "w") as file:
            data.to_hdf5(file)


def read_eeg(path: Path) -> tuple[RegularTimeSeries, ArrayDict]:
    """Read the signals of a recording, without zeros that only fill it up.

    Returns
    -------
    eeg : temporaldata.RegularTimeSeries
        signal in V, shape (n_samples, 64), float32.
    channels : temporaldata.ArrayDict
        id, type ("eeg") and unit ("V") of each column of the signal.

    Raises
    ------
    RecordingError
        The file is not whole, or has gaps.
    ValueError
        The channels are not the 64 of this dataset, not in uV or of several rates, or
        hold nothing.
    """
    check_edf(path)
    recording = read_edf(path, id=path.stem)
    known = {name.upper(): name for name in CHANNELS}
    # "Fc5." and "Cz.." in the files are FC5 and Cz.
    names = [label.rstrip(".").upper() for label in recording.of_channels("label")]
    if sorted(names) != sorted(known):
        odd = sorted(set(names) ^ set(known)) or "names that stand twice"
        raise ValueError(f"{path}: not the 64 electrodes of this dataset: {odd}.")
    units = set(recording.of_channels("source_unit"))
    if units != {"uV"}:
        raise ValueError(f"{path}: signals in {sorted(units)} instead of uV.")
    if len(recording.signals) > 1:
        rates = [each.sampling_rate for each in recording.signals]
        raise ValueError(f"{path}: signals of several rates, {rates} Hz.")

    [source] = recording.signals
    signal = source.read(0, source.shape[0])
    filled = np.flatnonzero(signal.any(axis=1))
    if len(filled) == 0:
        raise ValueError(f"{path}: no sample differs from zero.")
    zeros = len(signal) - (filled[-1] + 1)
    if zeros:
        print(f"left out: {zeros} samples at the end that are zero in all channels")
    eeg = RegularTimeSeries(
        signal=np.ascontiguousarray(signal[: len(signal) - zeros], dtype=np.float32),
        sampling_rate=source.sampling_rate,
    )
    channels = ArrayDict(
        id=np.array([known[name] for name in names]),
        type=np.full(len(names), "eeg"),
        unit=np.full(len(names), "V"),
    )
    return eeg, channels


def read_trials(path: Path, task: Task, recording_end: float) -> Interval:
    """Read the annotations of a recording as trials in order of time.

    Parameters
    ----------
    recording_end : float
        Where a trial must end at the latest, s.

    Returns
    -------
    temporaldata.Interval
        start and end (s), code, label, label_id and is_imagined of each trial.

    Raises
    ------
    ValueError
        There is no trial, or one whose code means nothing in this task.
    """
    recording = read_edf(path, id=path.stem)
    annotations = [part for part in recording.parts if isinstance(part, Samples)]
    if not annotations:
        raise ValueError(f"{path}: no annotations, so no trials.")
    # From the first sample, which need not be at a whole second of the header's clock.
    onset = annotations[0].timestamps - recording.domain[0][0]
    duration = np.nan_to_num(annotations[0].columns["duration"])
    order = np.lexsort((duration, onset))
    onset, duration = onset[order], duration[order]
    code = annotations[0].columns["description"][order]
    unknown = sorted(set(code.tolist()) - set(task.meaning))
    if unknown:
        raise ValueError(
            f"{path}: annotations {unknown} mean nothing in the task {task.name}, "
            f"which has {sorted(task.meaning)}."
        )
    # Sums of decimals, such as 4.2 + 8.3, would overlap by a billionth of a sample.
    start = np.round(onset, 6)
    end = np.round(onset + duration, 6)
    latest = np.append(start[1:], recording_end).clip(max=recording_end)
    for number in np.flatnonzero(end > latest):
        print(
            f"cut: trial {number + 1} of {len(code)} ({code[number]}, from "
            f"{start[number]:g} s) ends at {latest[number]:g} s instead of "
            f"{end[number]:g} s"
        )
    end = np.minimum(end, latest)
    kept = end > start
    if not kept.all():
        print(
            f"left out: {np.count_nonzero(~kept)} of {len(code)} trials without length"
        )
    if not kept.any():
        raise ValueError(f"{path}: none of its trials is within the recording.")
    label = np.array([task.meaning[name] for name in code[kept]])
    return Interval(
        start=start[kept],
        end=end[kept],
        code=code[kept],
        label=label,
        label_id=np.array([LABELS.index(name) for name in label], dtype=np.int64),
        is_imagined=np.full(len(label), task.is_imagined),
    )


def split_trials(
    trials: Interval, sampling_rate: float
) -> tuple[Interval, Interval, Interval]:
    """Divide the trials of a recording into those to train, validate and test with.

    Of each label, in order of time, the first 70 % are for training, the next 10 % for
    validation and the last 20 % for testing, rounded, but at least one for each if
    there are three, one for training and testing if there are two. By time and not by
    chance, as neighbours in time are alike. A recording that is one long trial (runs 1
    and 2) is cut at the samples nearest to 70 % and 80 % of it.

    Returns
    -------
    tuple of temporaldata.Interval
        Training, validation, test: each with the fields of `trials`.
    """
    if len(trials) == 1:
        return cut_in_time(trials, sampling_rate)
    part = np.empty(len(trials), dtype="U5")
    for label in np.unique(trials.label):
        of_label = np.flatnonzero(trials.label == label)
        count = len(of_label)
        test = max(1, round(0.2 * count)) if count > 1 else 0
        valid = max(1, round(0.1 * count)) if count > 2 else 0
        train = count - valid - test
        part[of_label] = np.repeat(["train", "valid", "test"], [train, valid, test])
    return tuple(trials.select_by_mask(part == p) for p in ("train", "valid", "test"))


def cut_in_time(
    trial: Interval, sampling_rate: float
) -> tuple[Interval, Interval, Interval]:
    """Cut one long trial into pieces of 70, 10 and 20 % of its time."""
    start, end = trial.start[0], trial.end[0]
    inner = start + np.array([0.7, 0.8]) * (end - start)
    edges = [start, *np.round(inner * sampling_rate) / sampling_rate, end]
    pieces = []
    for first, last in zip(edges[:-1], edges[1:]):
        piece = trial.select_by_mask(np.array([True]))
        piece.start, piece.end = np.array([first]), np.array([last])
        pieces.append(piece)
    return tuple(pieces)
