"""A pipeline that reads OpenNeuro makes the files that it makes elsewhere."""

import json

import pytest

from brainsets.sources.environments import interpreter
from tests.helpers.parity.compare import compare_folders
from tests.helpers.parity.index import skip_without_package
from tests.helpers.parity.openneuro import OpenNeuro
from tests.helpers.parity.published import run_published
from tests.helpers.parity.recordings import write_boas, write_sleep_edf
from tests.helpers.parity.s3 import s3_server
from tests.helpers.parity.stand_in import StandIn

NAME = "klinzing_sleep_ds005555"
DATASETS = {
    "ds005555": {
        "latestSnapshot": {"tag": "1.1.1"},
        "metadata": {"species": "Human"},
    }
}
# Nobody is there to be asked.
ARGUMENTS = ["--on-version-mismatch", "abort"]


@pytest.fixture
def buckets(workspace, shared_data):
    """The stores of two archives, to which the workspace's programs are led."""
    names = ("openneuro.org", "physionet-open")
    folders = {name: workspace.root / name for name in names}
    write_boas(shared_data, folders["openneuro.org"])
    write_sleep_edf(shared_data, folders["physionet-open"])
    with s3_server(folders) as variables:
        workspace.environment = variables
        yield


def asked_ids(stand_in):
    """Return which datasets OpenNeuro was asked about, in order."""
    asked = [json.loads(request.body) for request in stand_in.requests]
    return [request["variables"]["datasetId"] for request in asked]


def check_parity(workspace, package, runner, *beside):
    """Run klinzing here, with others beside it, and there; compare all it made."""
    skip_without_package(package)
    folder, published = workspace.folder(NAME), workspace.root / "published"
    pipelines = [{"pipeline": f"{package}:{NAME}", "args": ARGUMENTS}, *beside]
    # Packages are not what the service has.
    built = workspace.run(pipelines, "--until", "build_environment")
    assert built.returncode == 0, built.stdout
    with StandIn(OpenNeuro(DATASETS).hosts, workspace.root) as stand_in:
        variables = {**workspace.environment, **stand_in.environment}
        workspace.environment = variables
        run = workspace.run(pipelines)
        assert run.returncode == 0, run.stdout
        # For the version and for the species, by the only job that lists assets.
        assert asked_ids(stand_in) == ["ds005555"] * 2
        theirs = run_published(
            interpreter(folder),
            folder.environment / "pipeline" / "pipeline.py",
            published / "raw",
            published / "processed",
            *("-c", "2", *ARGUMENTS),
            environment=variables,
            runner=runner,
        )
        assert theirs.returncode == 0, theirs.stdout
        assert asked_ids(stand_in) == ["ds005555"] * 4
        assert stand_in.refused == []
    assert "build the environment" not in run.stdout
    ours, its = folder.root, published / "processed" / NAME
    assert sorted(path.name for path in ours.glob("*.h5")) == [
        "sub-1_task-Sleep_acq-headband.h5",
        "sub-2_task-Sleep_acq-psg.h5",
    ]
    assert compare_folders(ours, its) == []
    assert compare_folders(workspace.raw_dir / NAME, published / "raw" / NAME) == []


def test_naming_klinzing_of_brainsets_gives_the_files_of_its_runner(workspace, buckets):
    check_parity(workspace, "brainsets", "brainsets.runner")


def test_naming_klinzing_of_torch_brain_beside_another_gives_the_files_of_its_runner(
    workspace, buckets
):
    kemp = "kemp_sleep_edf_2013"
    other = {"pipeline": kemp, "args": ["--study_type", "st"]}
    check_parity(workspace, "torch_brain", "torch_brain.pipeline.runner", other)
    assert (workspace.folder(kemp).root / "ST7011J0-PSG.h5").exists()
    versions = {}
    for brainset in (NAME, kemp):
        ready = workspace.folder(brainset).environment / "ready.json"
        packages = json.loads(ready.read_text())["packages"]
        [found] = [p for p in packages if p.startswith("boto3==")]
        versions[brainset] = tuple(map(int, found.partition("==")[2].split(".")))
    # They want ~=1.41.0 and >=1.42.32: no interpreter could serve both.
    assert (1, 41) <= versions[kemp] < (1, 42) < versions[NAME]
