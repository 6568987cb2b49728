"""A pipeline that reads DANDI makes the files that it makes elsewhere."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import h5py
import pytest

from brainsets.sources.environments import interpreter
from tests.helpers.parity.compare import compare_folders
from tests.helpers.parity.dandi import API, DandiArchive
from tests.helpers.parity.index import skip_without_package
from tests.helpers.parity.published import run_published
from tests.helpers.parity.stand_in import StandIn
from tests.helpers.workspace import ROOT

NAME = "perich_miller_population_2018"
RECORDINGS = ROOT / "tests/helpers/parity/reaching_recordings.py"
SESSIONS = [
    "c_20131003_center_out_reaching",
    "m_20140203_center_out_reaching",
    "t_20130821_random_target_reaching",
]


@pytest.mark.parametrize(
    "package, runner",
    [
        ("brainsets==0.2.2", "brainsets.runner"),
        ("torch_brain==0.2.1", "torch_brain.pipeline.runner"),
    ],
)
def test_perich_makes_the_files_that_the_published_runner_makes(
    workspace, shared_data, package, runner
):
    skip_without_package(package)
    pipeline = f"{package.partition('==')[0]}:{NAME}"
    built = workspace.run(pipeline, "--until", "build_environment")
    assert built.returncode == 0, built.stdout
    folder = workspace.folder(NAME)
    python = interpreter(folder)
    # Not of the archive's name: the pipeline looks for "CO" in the path of a file.
    source = workspace.root / "source"
    subprocess.run([python, RECORDINGS, shared_data, source], check=True)
    published = workspace.root / "published"
    archive = DandiArchive("000688", "draft", source)
    with StandIn(archive.hosts, workspace.root) as stand_in:
        # Else the client asks another host whether it is up to date.
        variables = {**stand_in.environment, "DANDI_NO_ET": "1"}
        workspace.environment = variables
        run = workspace.run(pipeline)
        assert run.returncode == 0, run.stdout
        asked = asked_paths(stand_in)
        again = workspace.run(pipeline)
        assert "Nothing to be done" in again.stdout
        assert asked_paths(stand_in) == asked
        theirs = run_published(
            python,
            folder.environment / "pipeline" / "pipeline.py",
            published / "raw",
            published / "processed",
            *("-c", "2"),
            environment=variables,
            runner=runner,
        )
        assert theirs.returncode == 0, theirs.stdout
        assert stand_in.refused == []
    assert "build the environment" not in run.stdout
    # The list is read page by page, and each recording is fetched once.
    assert asked.count(f"{API}/api/dandisets/000688/versions/draft/assets/") == 2
    assert len([path for path in asked if "/blobs/" in path]) == len(SESSIONS)
    ours = sorted(path.name for path in folder.root.glob("*.h5"))
    assert ours == [f"{session}.h5" for session in SESSIONS]
    assert compare_folders(folder.root, published / "processed" / NAME) == []
    made = counts(folder.root.glob("*.h5"), "spikes/timestamps")
    assert made == counts(source.rglob("*.nwb"), "units/spike_times")
    for other in (source, published / "raw" / NAME):
        assert compare_folders(workspace.raw_dir / NAME, other) == []
    versions = json.loads(folder.sentinel(SESSIONS[0], "DONE").read_text())["versions"]
    assert versions["dandi"] == "0.74.0"
    if runner == "brainsets.runner":
        # The base class is ours; the published one would have brought Ray.
        assert "ray" not in versions


def counts(files: Iterable[Path], dataset: str) -> list[int]:
    """Return how long a dataset is in each of some files, the shortest first."""
    lengths = []
    for path in files:
        with h5py.File(path) as file:
            lengths.append(len(file[dataset]))
    return sorted(lengths)


def asked_paths(stand_in: StandIn) -> list[str]:
    return [f"{request.host}{request.path}" for request in stand_in.requests]
