# /// brainset-pipeline
# dependencies = [
#   "temporaldata==0.1.6",
#   "requests>=2.28",
#   "h5py>=3.8",
#   "numpy>=1.24",
#   "pandas>=1.5",
# ]
# ///
"""Scalp EEG of students before and while they subtract numbers in their heads.

36 people, each recorded twice with a Neurocom system (XAI-MEDICA): at rest, and while
subtracting a two-digit number from a four-digit one again and again [1]_, [2]_.
Published as EEG During Mental Arithmetic Tasks 1.0.0 on PhysioNet [1]_, [3]_, under the
Open Data Commons Attribution License 1.0. Whoever uses it is asked to cite [2]_ and
[3]_.

What the source says of itself, and what its numbers say:

- Artifacts were removed by independent component analysis [1]_: this is not the EEG as
  it was recorded.
- Recordings are "segments of 60 seconds" [1]_. The files hold 62 s of the task, and
  182 s of rest.
- "A high-pass filter with a 30 Hz cut-off" was used [1]_. Where a file's header names
  filters, these are a high-pass at 0.5 Hz, a low-pass at 45 Hz and one against 50 Hz.
- 24 people count well and 12 badly [1]_. By the column "Count quality" of
  ``subject-info.csv``, which decides here, it is 26 and 10. "Number of subtractions" in
  it has fractions; the groups are described by operations in 4 minutes [1]_.
- Sex and age are those of ``subject-info.csv``. Headers contradict it, and each other:
  Subject00 is F in the table and in the header of the task, M in that of the rest.
- All electrodes are referenced to both ears together, but "EEG A2-A1" is the difference
  between the ears. It is kept among the EEG, as its label says; ``channels.reference``
  tells it apart. The ECG is a series of its own.
- The headers' dates are the first of January; only the table's year is kept.

References
----------
.. [1] https://physionet.org/content/eegmat/1.0.0/, with its ``README.txt``
.. [2] Zyma, Tukaev, Seleznov, Kiyono, Popov, Chernykh & Shpenkov (2019),
   Electroencephalograms during mental arithmetic task performance, Data 4:14,
   https://doi.org/10.3390/data4010014
.. [3] Goldberger et al. (2000), PhysioBank, PhysioToolkit, and PhysioNet, Circulation
   101:e215-e220, https://doi.org/10.1161/01.CIR.101.23.e215
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
from brainsets.pipeline import BrainsetPipeline

SCALP = (
    "Fp1 Fp2 F3 F4 F7 F8 T3 T4 C3 C4 T5 T6 P3 P4 O1 O2 Fz Cz Pz"  # 10-20 system
).split()
REFERENCE = {**dict.fromkeys(SCALP, "A1+A2"), "A2-A1": "A1"}

SUBJECTS = "subject-info.csv"
# Its columns, and what they are called here.
SUBJECT_COLUMNS = {
    "Subject": "subject",
    "Age": "age_years",
    "Gender": "sex",
    "Recording year": "recording_year",
    "Number of subtractions": "subtractions",
    "Count quality": "count_quality",
}
SEX = {"F": "FEMALE", "M": "MALE"}
QUALITY = {0: "bad", 1: "good"}
DAYS_PER_YEAR = 365.25

RECORD = re.compile(r"(Subject\d\d)_([12])\.edf")
TASKS = {"1": "rest", "2": "mental_arithmetic"}

parser = ArgumentParser()
parser.add_argument(
    "--base-url",
    default="https://physionet.org/files/eegmat/1.0.0/",
    help="the archive, or a mirror of it (default: %(default)s)",
)
parser.add_argument("--redownload", action="store_true", help="fetch raw files anew")
parser.add_argument("--reprocess", action="store_true", help="write outputs anew")


class Pipeline(BrainsetPipeline):
    """Two recordings of each person: EEG and ECG at rest, and while calculating."""

    brainset_id = "zyma_mental_arithmetic_2019"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace) -> pd.DataFrame:
        """List the archive's recordings, with checksums and what is known of people."""
        listing = read_listing(args.base_url, raw_dir, report=print)
        people = read_subjects(
            download_file(
                file_url(args.base_url, SUBJECTS),
                raw_dir / SUBJECTS,
                sha256=listing.sha256.get(SUBJECTS),
                again=True,
                report=print,
            )
        )
        rows = []
        for path in listing.records:
            found = RECORD.fullmatch(path)
            if found is None:
                raise ValueError(
                    f"RECORDS of {args.base_url} names {path!r}, which is no recording "
                    "of the form Subject00_1.edf, with 1 or 2 at its end."
                )
            if found[1] not in people.index:
                raise ValueError(
                    f"RECORDS of {args.base_url} names {path!r}, but {SUBJECTS} has no "
                    f"line for {found[1]}."
                )
            rows.append(
                {
                    "session_id": Path(path).stem,
                    "subject": found[1],
                    "task": TASKS[found[2]],
                    "path": path,
                    "sha256": listing.sha256[path],
                }
            )
        columns = ["session_id", "subject", "task", "path", "sha256"]
        recordings = pd.DataFrame(rows, columns=columns).set_index("session_id")
        return recordings.join(people, on="subject")

    def download(self, manifest_item: NamedTuple) -> tuple[Path, NamedTuple]:
        """Fetch the recording; return where it is, and what the manifest says of it."""
        self.update_status("Downloading")
        path = download_file(
            file_url(self.args.base_url, manifest_item.path),
            self.raw_dir / manifest_item.path,
            sha256=manifest_item.sha256,
            again=self.args.redownload,
            report=self.update_status,
        )
        return path, manifest_item

    def process(self, download_output: tuple[Path, NamedTuple]) -> None:
        """Write ``<session_id>.h5``; all its parts start with the first sample, at 0 s.

        ===================  ===========================================================
        brainset, device     where the data is from, and how it was recorded
        subject              id, species, sex, age_years, age (in days, as the field has
                             it: 365.25 for each whole year), subtractions,
                             count_quality ("good" or "bad")
        session              id, task ("rest" or "mental_arithmetic"), recording_year
        eeg                  signal (V), shape (n_samples, 20), float32; sampling_rate
        channels             id, type, unit, reference of each column; shape (20,)
        ecg                  signal (V), shape (n_samples, 1), float32; sampling_rate
        train_domain,        the first 70 % of the recording, the next 10 %, the last
        valid_domain,        20 %, cut at the nearest samples
        test_domain
        domain               the whole recording
        ===================  ===========================================================
        """
        path, row = download_output
        output = self.processed_dir / f"{row.Index}.h5"
        if output.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return

        self.update_status("Reading")
        eeg, channels, ecg = read_signals(path)
        train, valid, test = cut_in_time(len(eeg), eeg.sampling_rate)
        data = Data(
            brainset=Data(
                id=self.brainset_id,
                origin_version="1.0.0",
                derived_version="1.0.0",
                source="https://physionet.org/content/eegmat/1.0.0/",
                description="EEG During Mental Arithmetic Tasks: EEG of 36 people at "
                "rest and while subtracting numbers (Zyma et al. 2019, "
                "https://doi.org/10.3390/data4010014).",
            ),
            subject=Data(
                id=row.subject,
                species="HOMO_SAPIENS",
                sex=row.sex,
                age=DAYS_PER_YEAR * row.age_years,
                age_years=row.age_years,
                subtractions=row.subtractions,
                count_quality=row.count_quality,
            ),
            session=Data(
                id=row.Index, task=row.task, recording_year=row.recording_year
            ),
            device=Data(id="neurocom_xai_medica", recording_tech="SCALP_EEG"),
            eeg=eeg,
            channels=channels,
            ecg=ecg,
            train_domain=train,
            valid_domain=valid,
            test_domain=test,
            domain=eeg.domain,
        )
        self.update_status("Writing")
        with h5py.File(output, "w") as file:
            data.to_hdf5(file)


def read_subjects(path: Path) -> pd.DataFrame:
    """Read what is known of people.

    Returns
    -------
    pandas.DataFrame
        By subject: age_years (int), sex ("FEMALE" or "MALE"), recording_year (int),
        subtractions (float), count_quality ("good" or "bad").

    Raises
    ------
    ValueError
        A column is missing, a person stands twice, or a value is none of the known.
    """
    table = pd.read_csv(path)
    if list(table.columns) != list(SUBJECT_COLUMNS):
        raise ValueError(
            f"{path}: columns {list(table.columns)} instead of {list(SUBJECT_COLUMNS)}."
        )
    table = table.rename(columns=SUBJECT_COLUMNS).set_index("subject")
    for column, known in (("sex", SEX), ("count_quality", QUALITY)):
        unknown = sorted(set(table[column]) - set(known))
        if unknown:
            raise ValueError(f"{path}: {column} {unknown} is none of {list(known)}.")
        table[column] = table[column].map(known)
    if table.index.has_duplicates or table.isna().to_numpy().any():
        raise ValueError(f"{path}: a person stands twice, or a value is missing.")
    numbers = {"age_years": int, "recording_year": int, "subtractions": float}
    return table.astype(numbers)


def read_signals(
    path: Path,
) -> tuple[RegularTimeSeries, ArrayDict, RegularTimeSeries]:
    """Read the signals of a recording.

    Returns
    -------
    eeg : temporaldata.RegularTimeSeries
        signal in V, shape (n_samples, 20), float32.
    channels : temporaldata.ArrayDict
        id, type ("eeg"), unit ("V") and reference of each column of the EEG.
    ecg : temporaldata.RegularTimeSeries
        signal in V, shape (n_samples, 1), float32.

    Raises
    ------
    RecordingError
        The file is not whole, or has gaps.
    ValueError
        The channels are not those of this dataset, not in uV or mV, or of several
        rates.
    """
    check_edf(path)
    recording = read_edf(path, id=path.stem)
    labels = recording.of_channels("label")
    # "EEG Fp1", or "ECG ECG": the first word says what it is.
    types = {label.partition(" ")[2]: label.partition(" ")[0] for label in labels}
    wanted = {**dict.fromkeys(REFERENCE, "EEG"), "ECG": "ECG"}
    if types != wanted or len(labels) != len(wanted):
        odd = sorted(set(types.items()) ^ set(wanted.items())) or "one stands twice"
        raise ValueError(f"{path}: not the channels of this dataset: {odd}.")
    units = set(recording.of_channels("source_unit"))
    if not units <= {"uV", "mV"}:
        raise ValueError(f"{path}: signals in {sorted(units)} instead of uV and mV.")
    signals = {each.name: each for each in recording.signals}
    if signals.keys() != {"eeg", "ecg"}:
        raise ValueError(f"{path}: signals of several rates: {sorted(signals)}.")

    def series(name: str) -> RegularTimeSeries:
        signal = signals[name].read(0, signals[name].shape[0])
        return RegularTimeSeries(
            signal=np.ascontiguousarray(signal, dtype=np.float32),
            sampling_rate=signals[name].sampling_rate,
        )

    ids = (signals["eeg"].channels or {})["label"]
    names = [label.partition(" ")[2] for label in ids.tolist()]
    channels = ArrayDict(
        id=np.array(names),
        type=np.full(len(names), "eeg"),
        unit=np.full(len(names), "V"),
        reference=np.array([REFERENCE[name] for name in names]),
    )
    return series("eeg"), channels, series("ecg")


def cut_in_time(samples: int, sampling_rate: float) -> list[Interval]:
    """Cut a recording into its first 70 %, the next 10 % and the last 20 %.

    By time and not by chance, as neighbours in time are alike.
    """
    edges = [0, round(0.7 * samples), round(0.8 * samples), samples]
    return [
        Interval(first / sampling_rate, last / sampling_rate)
        for first, last in zip(edges[:-1], edges[1:])
    ]
