"""Real recordings, re-encoded into the layouts of other archives.

The signals are those of PhysioNet's EEG Motor Movement/Imagery dataset: one person,
64 channels at 160 Hz, six runs of 125 s. Channels that it has not (respiration, chin,
temperature, motion) carry others of it, and sleep stages are made up: what matters here
is that every step of a pipeline has something to work on.
"""

import json
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path

import numpy as np
from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording, read_edf

RATE_HZ = 160
RUNS = (3, 4, 5, 6, 7, 8)
EPOCH_S = 30


class Source:
    """The runs of one person, one behind the other.

    Parameters
    ----------
    folder
        That of the shared recordings.
    runs
        Numbers of the runs, in the order in which they follow one another.
    """

    def __init__(self, folder: Path, runs: Sequence[int]):
        root = folder / "physionet" / "eegmmidb" / "S001"
        self._files = [read_edf(root / f"S001R{run:02}.edf") for run in runs]
        self.labels = [each.label.rstrip(".") for each in self._files[0].signals]
        # Whole seconds, so that every lower rate has a whole number of samples.
        self.seconds = int(sum(file.duration for file in self._files))

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a channel, or the difference of two (``Fpz-Cz``), in microvolts."""
        first, _, second = name.partition("-")
        signal = self._channel(first)
        return signal - self._channel(second) if second else signal

    def _channel(self, label: str) -> np.ndarray:
        index = self.labels.index(label)
        signal = np.concatenate([file.signals[index].data for file in self._files])
        return signal[: self.seconds * RATE_HZ]

    def at(self, name: str, rate_hz: int) -> np.ndarray:
        """Return a channel at another rate, resampled by its Fourier transform."""
        count = self.seconds * rate_hz
        spectrum = np.fft.rfft(self[name])[: count // 2 + 1]
        scale = rate_hz / RATE_HZ
        return np.fft.irfft(spectrum, count) * scale

    @property
    def tasks(self) -> list[tuple[float, float, str]]:
        """Onset and duration in s, and the code, of what the person was told to do."""
        found, start = [], 0.0
        for file in self._files:
            found += [(start + a.onset, a.duration, a.text) for a in file.annotations]
            start += file.duration
        return found


def _signal(source: Source, name: str, rate_hz: int, label: str, unit: str = "uV"):
    data = source.at(name, rate_hz)
    # The header has 8 characters for a limit.
    limit = float(np.ceil(np.abs(data).max()))
    return EdfSignal(
        data,
        rate_hz,
        label=label,
        physical_dimension=unit,
        physical_range=(-limit, limit),
    )


def write_sleep_edf(recordings: Path, target: Path) -> None:
    """Write a cassette night, a telemetry night, and one without its hypnogram.

    Files, labels, rates and headers are those of PhysioNet's Sleep-EDF Expanded 1.0.0.
    """
    cassette = {
        "EEG Fpz-Cz": ("Fpz-Cz", 100, "uV"),
        "EEG Pz-Oz": ("Pz-Oz", 100, "uV"),
        "EOG horizontal": ("F7-F8", 100, "uV"),
        "Resp oro-nasal": ("Fc1", 1, ""),
        "EMG submental": ("T9-T10", 1, "uV"),
        "Temp rectal": ("Iz", 1, "DegC"),
        "Event marker": ("Tp7", 1, ""),
    }
    telemetry = {
        "EEG Fpz-Cz": ("Fpz-Cz", 100, "uV"),
        "EEG Pz-Oz": ("Pz-Oz", 100, "uV"),
        "EOG horizontal": ("F7-F8", 100, "uV"),
        "EMG submental": ("T9-T10", 100, "uV"),
        "Marker": ("Tp7", 10, ""),
    }
    # In epochs of 30 s. Each stage that is kept needs as many as there are folds.
    stages = ["W"] * 4 + ["1"] * 3 + ["2"] * 6 + ["W"] * 3 + ["R"] * 2 + ["2"] * 2
    stages += ["1"] * 2
    for name, hypnogram, channels, runs, patient in (
        ("SC4001E0", "SC4001EC", cassette, RUNS, ("F", "Female_33yr")),
        ("SC4011E0", None, cassette, RUNS[:1], ("F", "Female_34yr")),
        ("ST7011J0", "ST7011JP", telemetry, RUNS[1:] + RUNS[:1], ("M", "Male_60yr")),
    ):
        study = "sleep-cassette" if name.startswith("SC") else "sleep-telemetry"
        folder = target / "sleep-edfx" / "1.0.0" / study
        folder.mkdir(parents=True, exist_ok=True)
        source = Source(recordings, runs)
        header = {
            "patient": Patient(sex=patient[0], name=patient[1]),
            "recording": Recording(startdate=date(1989, 4, 24)),
            "starttime": time(16, 13),
        }
        signals = [
            _signal(source, derivation, rate_hz, label, unit)
            for label, (derivation, rate_hz, unit) in channels.items()
        ]
        Edf(signals, **header).write(folder / f"{name}-PSG.edf")
        if hypnogram:
            scored = [
                EdfAnnotation(i * EPOCH_S, EPOCH_S, f"Sleep stage {stage}")
                for i, stage in enumerate(stages)
            ]
            end = len(stages) * EPOCH_S
            rest = source.seconds - end
            scored.append(EdfAnnotation(end, rest, "Sleep stage ?"))
            edf = Edf([], annotations=scored, **header)
            edf.write(folder / f"{hypnogram}-Hypnogram.edf")


def write_boas(recordings: Path, target: Path) -> None:
    """Write a night with a headband and one with polysomnography, as BIDS.

    Files, labels and the rate of 256 Hz are those of OpenNeuro's ds005555 1.1.1.
    """
    polysomnography = {
        **{f"PSG_{name}": (name, "EEG") for name in ("F3", "F4", "C3", "C4")},
        **{f"PSG_{name}": (name, "EEG") for name in ("O1", "O2")},
        "PSG_EOGL": ("F7", "EOG"),
        "PSG_EOGR": ("F8", "EOG"),
        "PSG_EMG": ("T9-T10", "EMG"),
        "PSG_THOR": ("Fc1", "MISC"),
        "PSG_PULSE": ("Iz", "MISC"),
    }
    headband = {
        "HB_1": ("Af7", "EEG"),
        "HB_2": ("Af8", "EEG"),
        "HB_IMU_1": ("Fc1", "MISC"),
        "HB_IMU_4": ("Fc2", "MISC"),
        "HB_PULSE": ("Iz", "MISC"),
    }
    root = target / "ds005555"
    root.mkdir(parents=True)
    about = {"Name": "Bitbrain Open Access Sleep", "BIDSVersion": "1.8.0"}
    (root / "dataset_description.json").write_text(json.dumps(about))
    # The age of one person is not known.
    people = ("participant_id\tage\tsex", "sub-1\t33\tF", "sub-2\tn/a\tM")
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    for subject, device, channels, run in (
        ("sub-1", "headband", headband, 3),
        ("sub-2", "psg", polysomnography, 4),
    ):
        source = Source(recordings, [run])
        folder = root / subject / "eeg"
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{subject}_task-Sleep_acq-{device}"
        signals = [
            _signal(source, derivation, 256, label)
            for label, (derivation, _) in channels.items()
        ]
        patient = Patient(code=subject.replace("-", ""))
        recording = Recording(startdate=date(2022, 5, 17))
        header = {"patient": patient, "recording": recording}
        edf = Edf(signals, starttime=time(23, 5, 10), **header)
        edf.write(f"{stem}_eeg.edf")
        rows = [f"{label}\t{kind}\tuV" for label, (_, kind) in channels.items()]
        _write_table(f"{stem}_channels.tsv", "name\ttype\tunits", rows)
        rows = [f"{onset}\t{length}\t{code}" for onset, length, code in source.tasks]
        _write_table(f"{stem}_events.tsv", "onset\tduration\ttrial_type", rows)
        about = {"TaskName": "Sleep", "SamplingFrequency": 256}
        about |= {"EEGReference": "n/a", "PowerLineFrequency": 50}
        Path(f"{stem}_eeg.json").write_text(json.dumps(about))


def _write_table(path: str, head: str, rows: Sequence[str]) -> None:
    Path(path).write_text("\n".join([head, *rows]) + "\n")
