"""Another version of a published package is really the one that runs."""

import json

import pytest

from brainsets.shared.manifest import read_manifest
from brainsets.shared.manifest_schema import schema_path
from brainsets.sources.catalog import find_pipeline
from tests.helpers.dry_runs import planned_assets
from tests.helpers.parity.index import skip_without_package

# It knows its recordings without asking their archive.
NAME = "flint_slutzky_accurate_2012"
OTHER = f"brainsets==0.2.1:{NAME}"


def test_another_version_is_built_and_lists_its_recordings(workspace):
    skip_without_package("brainsets==0.2.1")
    run = workspace.run(OTHER, "--until", "write_manifest")
    assert run.returncode == 0, run.stdout
    folder = workspace.folder(NAME)
    ready = json.loads((folder.environment / "ready.json").read_text("utf-8"))
    assert "brainsets==0.2.1" in ready["packages"]
    assert "flint_2012_e1" in read_manifest(folder.manifest).rows
    listing = json.loads(schema_path(folder.manifest).read_text("utf-8"))
    assert listing["code"] == find_pipeline(OTHER).code
    # The setting means the same, and the usual version is another one.
    build = f"build the environment of {NAME}"
    same = workspace.run(NAME, "--dry-run", catalog={"brainsets": "0.2.1"}).stdout
    assert planned_assets(same, NAME)["flint_2012_e1"].reason == "new"
    assert build not in same and "list the assets" not in same
    usual = workspace.run(NAME, "--dry-run").stdout
    assert build in usual and f"list the assets of {NAME} (code changed)" in usual


@pytest.mark.parametrize(
    "pipeline, sentence",
    [
        # Of this name there is one in 0.2.1.
        (
            "brainsets==0.2.0:vollan_moser_alternating_2025",
            "brainsets==0.2.0 has no pipeline 'vollan_moser_alternating_2025'; ",
        ),
        (
            "torch_brain==0.2.0:perich_miler_population_2018",
            "did you mean 'perich_miller_population_2018'",
        ),
        ("brainsets==99.0:flint_slutzky_accurate_2012", "brainsets==99.0"),
    ],
)
def test_what_a_version_does_not_have_is_told_in_one_sentence(
    workspace, pipeline, sentence
):
    skip_without_package("brainsets==0.2.0")
    run = workspace.run(pipeline)
    assert run.returncode == 1
    name = pipeline.partition(":")[2]
    folder = workspace.folder(name)
    beginning = f"{name}: the environment cannot be built: "
    [attempt] = json.loads(folder.environment_failure.read_text("utf-8"))["attempts"]
    told = attempt["message"]
    assert told.startswith(beginning) and sentence in told and "\n" not in told
    [line] = [x for x in run.stdout.splitlines() if f"FAILED {name} build_env" in x]
    assert told in line
    log = folder.log("build_environment").read_text("utf-8")
    assert log.rstrip().endswith(told)
    assert "Traceback" not in log + run.stdout
