"""Real EDF+ and NWB files, read with mne and pynwb in an environment of their own."""

import json

import h5py
import numpy as np
import pytest

EDF = [f"S001R0{run}.edf" for run in range(3, 9)]
EEGMAT = ["Subject00_1.edf", "Subject00_2.edf", "Subject01_1.edf", "Subject01_2.edf"]
EEGMAT += ["Subject02_2.edf", "Subject08_2.edf"]
SPIKES = {"A2929-200711": (15, 98_794), "A8604-211122": (3, 21_354)}


@pytest.fixture
def prepared(workspace, shared_data):
    pipeline = workspace.copy_pipeline("real_recordings")
    brainsets = [{"pipeline": pipeline, "args": ["--archive", str(shared_data)]}]
    run = workspace.run(brainsets, cores=2)
    assert run.returncode == 0, run.stdout
    return workspace, brainsets


def test_real_recordings_become_hdf5_in_an_environment_of_their_own(prepared):
    workspace, brainsets = prepared
    folder = workspace.folder("real_recordings")
    for name in EDF:
        with h5py.File(folder.root / name.replace(".edf", ".h5")) as file:
            assert file["eeg"].shape[1] == 64
            assert file["eeg"].attrs["sampling_rate"] == 160
            assert file["eeg"].shape[0] / 160 == pytest.approx(125, abs=1)
            assert len(file["events"]) == 30
            # Volts, not microvolts: scalp EEG is of tens of microvolts.
            assert 5e-6 < np.std(file["eeg"][:]) < 5e-4
    for name in EEGMAT:
        with h5py.File(folder.root / name.replace(".edf", ".h5")) as file:
            assert file["eeg"].shape[1] == 21
            assert file["eeg"].attrs["sampling_rate"] == 500
    for name, (units, spikes) in SPIKES.items():
        with h5py.File(folder.root / f"{name}.h5") as file:
            assert len(file["spikes"]) == spikes
            assert len(np.unique(file["unit_index"])) == units
    done = json.loads(folder.sentinel("S001R03.edf", "DONE").read_text())
    assert {"mne", "h5py"} <= set(done["versions"])
    ready = json.loads((folder.environment / "ready.json").read_text())
    assert any(package.startswith("pynwb==") for package in ready["packages"])
    # Nothing of it came into the interpreter that runs Snakemake.
    assert str(folder.environment) in folder.log("build_environment").read_text()
    built = (folder.environment / "ready.json").stat().st_mtime_ns
    second = workspace.run(brainsets)
    assert "Nothing to be done" in second.stdout
    assert (folder.environment / "ready.json").stat().st_mtime_ns == built
