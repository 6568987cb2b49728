"""Write real recordings as NWB files in the layout of DANDI:000688.

Run by an interpreter that has pynwb and scipy::

    python reaching_recordings.py FOLDER_OF_REAL_RECORDINGS TARGET

Spikes and positions are those of rats and a mouse that ran about; positions are scaled
into the 20 x 20 of the monkeys' screen, and cut into trials at the borders of a grid of
3 x 3 zones. So times, counts and values are real, and what they mean is not: no result
in here is one about reaching.
"""

import argparse
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.file import Subject
from scipy.io import loadmat

SCREEN = 9.0
"""Half of the width that positions are scaled to; the pipeline's limit is 10."""
BORDER = 3.0
"""Where zones of the 3 x 3 grid meet, on either side of the centre."""
LONGEST_S = 600.0


@dataclass
class Recording:
    """Times in seconds; `position` is of shape (times, 2), in any unit."""

    times: np.ndarray
    position: np.ndarray
    spikes: list[np.ndarray]

    def __post_init__(self) -> None:
        # One camera's clock stands still now and then.
        self.times, first = np.unique(self.times, return_index=True)
        kept = self.times <= self.times[0] + LONGEST_S
        self.times = self.times[kept]
        position = self.position[first][kept]
        low, high = position.min(axis=0), position.max(axis=0)
        self.position = (position - (low + high) / 2) / (high - low).max() * 2 * SCREEN
        start, end = self.times[[0, -1]]
        cut = [unit[(unit >= start) & (unit <= end)] for unit in self.spikes]
        self.spikes = [unit for unit in cut if len(unit)]
        self.velocity = np.gradient(self.position, self.times, axis=0)
        self.acceleration = np.gradient(self.velocity, self.times, axis=0)


def read_nelpy(folder: Path) -> Recording:
    """Read a session of nelpy's example data; see the README.md beside its files."""
    raw = (folder / "trajectory.videoPositionTracking").read_bytes()
    head, _, body = raw.partition(b"<End settings>\n")
    assert b"clockrate: 30000" in head
    fields = np.dtype([("time", "<u4"), ("at", "<u2", 2), ("unused", "<u2", 2)])
    frames = np.frombuffer(
        body[: len(body) // fields.itemsize * fields.itemsize], fields
    )
    units = []
    for tetrode in loadmat(folder / "spikes.mat", squeeze_me=True)["spikes"]:
        cells = np.atleast_1d(tetrode)
        cells = [cell.item() for cell in cells if getattr(cell, "size", 0)]
        units += [np.atleast_1d(cell[0]).astype(float) for cell in cells if cell]
    return Recording(
        frames["time"] / 30_000,
        frames["at"].astype(float),
        [unit for unit in units if len(unit)],
    )


def read_nwb(path: Path) -> Recording:
    """Read the mouse's session with h5py: its schema is older than the library's."""
    with h5py.File(path) as file:
        place = file["acquisition/Position"]
        units = file["units"]
        spikes = np.split(units["spike_times"][:], units["spike_times_index"][:-1])
        return Recording(
            place["x/timestamps"][:],
            np.column_stack([place["x/data"][:], place["z/data"][:]]),
            list(spikes),
        )


def visits(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Return when the animal came into a zone, and the number of the zone, 0 to 8."""
    columns = np.digitize(recording.position, [-BORDER, BORDER])
    zones = columns[:, 0] * 3 + columns[:, 1]
    entered = np.flatnonzero(np.diff(zones)) + 1
    return recording.times[entered], zones[entered]


def fast_times(recording: Recording) -> np.ndarray:
    """Return the times at which the animal was faster than half of the time."""
    speed = np.linalg.norm(recording.velocity, axis=1)
    return recording.times[speed > np.median(speed)]


def center_out_trials(recording: Recording) -> list[dict]:
    """Return a trial for each visit of a zone; those that last are given up."""
    times, zones = visits(recording)
    moving = fast_times(recording)
    trials = []
    for start, end, zone in zip(times, times[1:], zones):
        within = moving[(moving >= start) & (moving < end)]
        is_success = end - start < 6 and len(within) > 1
        trials.append(
            {
                "start_time": start,
                "stop_time": within[-1] if is_success else (start + end) / 2,
                "target_on_time": start if is_success else np.nan,
                "go_cue_time": within[0] if is_success else np.nan,
                "target_id": float(zone) if is_success else np.nan,
                "result": "R" if is_success else "A",
            }
        )
    return trials


def random_target_trials(recording: Recording) -> list[dict]:
    """Return a trial for each four visits of a zone; those that last are given up."""
    times, _ = visits(recording)
    trials = []
    for first in range(0, len(times) - 4, 4):
        start, end = times[first], times[first + 4]
        is_success = end - start < 10
        attempted = (
            4 if is_success else int((times[first : first + 4] < start + 10).sum())
        )
        cues = times[first : first + 4].copy()
        cues[attempted:] = np.nan
        if attempted < 2:
            cues[:] = np.nan
        trials.append(
            {
                "start_time": start,
                "stop_time": end,
                "go_cue_time_array": cues,
                "num_attempted": attempted,
                "result": "R" if is_success else "F",
            }
        )
    return trials


def write(
    recording: Recording,
    trials: list[dict],
    path: Path,
    subject: str,
    species: str,
    day: str,
) -> None:
    """Write one NWB file."""
    nwbfile = NWBFile(
        session_description="position and spikes of a running animal",
        identifier=path.stem,
        session_start_time=datetime.strptime(day, "%Y%m%d").replace(
            tzinfo=timezone.utc
        ),
        subject=Subject(subject_id=subject, species=species, sex="U", age="P90D"),
    )
    add_behavior(nwbfile, recording)
    add_units(nwbfile, recording.spikes)
    for name in trials[0]:
        if name not in ("start_time", "stop_time"):
            nwbfile.add_trial_column(name, description=name.replace("_", " "))
    for trial in trials:
        nwbfile.add_trial(**trial)
    path.parent.mkdir(parents=True, exist_ok=True)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)


def add_behavior(nwbfile: NWBFile, recording: Recording) -> None:
    module = nwbfile.create_processing_module("behavior", "as on a screen")
    place = SpatialSeries(
        name="cursor_pos",
        data=recording.position,
        timestamps=recording.times,
        reference_frame="centre of the screen",
        unit="cm",
    )
    module.add(Position(spatial_series=place))
    for container, name, unit in (
        ("Velocity", "cursor_vel", "cm/s"),
        ("Acceleration", "cursor_acc", "cm/s^2"),
    ):
        series = TimeSeries(
            name=name,
            data=getattr(recording, container.lower()),
            timestamps=recording.times,
            unit=unit,
        )
        # The archive's files have BehavioralTimeSeries of these names.
        module.add(_behavioral(container, series))


def _behavioral(name: str, series: TimeSeries):
    from pynwb.behavior import BehavioralTimeSeries

    return BehavioralTimeSeries(name=name, time_series=series)


def add_units(nwbfile: NWBFile, spikes: list[np.ndarray]) -> None:
    device = nwbfile.create_device("array")
    for region in ("M1", "PMd"):
        nwbfile.create_electrode_group(region, "half of the array", region, device)
    nwbfile.add_unit_column("sorted", "whether it was sorted by hand")
    start = min(unit[0] for unit in spikes)
    end = max(unit[-1] for unit in spikes)
    for number, unit in enumerate(spikes):
        region = "M1" if number % 2 else "PMd"
        group = nwbfile.electrode_groups[region]
        nwbfile.add_electrode(location=region, group=group)
        nwbfile.add_unit(
            spike_times=unit,
            electrodes=[number],
            obs_intervals=[[start, end]],
            electrode_group=group,
            sorted=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recordings", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    rat, wistar = "Rattus norvegicus", read_nelpy(options.recordings / "nelpy/w-maze")
    track = read_nelpy(options.recordings / "nelpy/linear-track")
    mouse = read_nwb(options.recordings / "nwb/A2929-200711.nwb")
    for recording, trials, name, species, day in (
        (track, center_out_trials, "C/CO", rat, "20131003"),
        (mouse, center_out_trials, "M/CO", "Mus musculus", "20140203"),
        (wistar, random_target_trials, "T/RT", rat, "20130821"),
    ):
        subject, _, task = name.partition("/")
        file = f"sub-{subject}/sub-{subject}_ses-{task}-{day}_behavior+ecephys.nwb"
        write(
            recording, trials(recording), options.target / file, subject, species, day
        )


if __name__ == "__main__":
    main()
