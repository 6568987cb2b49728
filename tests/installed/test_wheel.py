"""The wheel holds everything, and what it installs is never written to."""

import os
import shlex
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from brainsets.shared.version import VERSION
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.documents import TEXTS, marked_command
from tests.helpers.installation import UV, WHEEL, Installation, tracked_files
from tests.helpers.workspace import ROOT

EXAMPLE = "rokem_grasshopper_auditory_2006"
IN_WHEEL = (
    "brainsets",
    "workflow",
    "profiles",
    "config",
    "Snakefile",
    "environment.yml",
)

GAIN = """
from argparse import ArgumentParser

import pandas as pd
from brainsets.pipeline import BrainsetPipeline

parser = ArgumentParser()
parser.add_argument("--gain", default="1")


class Pipeline(BrainsetPipeline):
    brainset_id = "gains"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir, args):
        return pd.DataFrame({"rate_hz": [10, 20]}, index=["s1", "s2"])

    def download(self, manifest_item):
        path = self.raw_dir / f"{manifest_item.Index}.txt"
        path.write_text(pd.__version__)
        return path

    def process(self, path):
        if self.args.gain == path.stem:
            raise ValueError("too loud")
        text = f"{self.args.gain} {path.read_text()}"
        (self.processed_dir / path.name).write_text(text)
"""


@pytest.fixture
def pipeline(tmp_path):
    file = tmp_path / "gains" / "pipeline.py"
    file.parent.mkdir()
    file.write_text(GAIN, encoding="utf-8")
    return file.parent


@pytest.fixture
def here(tmp_path):
    folder = tmp_path / "somewhere else é"
    folder.mkdir()
    return folder


def places(folder, name):
    data = folder / "data/processed" / name
    return f"results: {data}\nlogs:    {data}/_workflow/logs\n"


def test_wheel_holds_every_file_of_the_workflow():
    with zipfile.ZipFile(WHEEL) as wheel:
        names = {*wheel.namelist()}
    tracked = [path for path in tracked_files(ROOT) if path.parts[0] in IN_WHEEL]
    assert len(tracked) > 150
    assert {f"brainsets_workflow/{path}" for path in tracked} <= names
    # Nothing that could overwrite the published package.
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        "brainsets_workflow",
        "brainsets_workflow.pth",
    }


def test_sdist_holds_what_is_needed_to_build_and_test_it():
    [sdist] = Path(WHEEL).parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {str(path) for path in tracked_files(ROOT)}
    assert {name for name in tracked if not name.startswith(".")} <= names


def test_nothing_that_is_installed_is_written_to(installation, here):
    before = installation.files()
    printed = installation.run(here, "brainsets", "prepare", EXAMPLE, "-c", "2")
    assert printed.endswith(places(here, EXAMPLE))
    assert f"{EXAMPLE}    2      0 " in printed
    assert [*here.glob("data/processed/*/*.h5")]
    printed = installation.run(here, "brainsets", "status")
    assert printed.endswith(places(here, EXAMPLE))
    installation.run(here, "brainsets", "report")
    assert (here / "report.html").stat().st_size > 10_000
    # For a package of that name that is installed beside, say the published one.
    printed = installation.run(here, "brainsets-workflow", "prepare", EXAMPLE)
    assert "Nothing to be done" in printed
    assert installation.files() == before


def test_a_project_folder_works_as_a_clone(installation, here, pipeline):
    printed = installation.run(here, "brainsets", "init", "project")
    project = here / "project"
    assert "snakemake -n" in printed
    settings = project / "config/config.yaml"
    assert yaml.safe_load(settings.read_text())["brainsets"] == [EXAMPLE]
    assert EXAMPLE in installation.run(project, "snakemake", "-n")
    settings.write_text(
        "raw_dir: raw\nprocessed_dir: out\n"
        f"brainsets: [{{pipeline: {pipeline}, args: --gain s1}}]\n"
    )
    # By the profile, one that fails stops no other one.
    printed = installation.run(project, "snakemake", "--cores", "1", status=1)
    assert printed.endswith(
        f"results: {project}/out/gains\nlogs:    {project}/out/gains/_workflow/logs\n"
    )
    assert (project / "out/gains/s2.txt").is_file()
    assert "FAILED gains s1" in installation.run(
        project, "brainsets", "status", status=1
    )
    # Commands and runs mean the same folders, from wherever they are told to be.
    command = ("--directory", project, "prepare", pipeline, "--local", "--gain", "2")
    installation.run(here, "brainsets", *command)
    assert (project / "out/gains/s1.txt").read_text().startswith("2 ")
    assert [path.name for path in here.iterdir()] == ["project"]


def test_a_new_pipeline_and_its_test_run_at_once(installation, here, shared_data):
    name = "lab_arithmetic_2024"
    installation.run(here, "brainsets", "init", "--pipeline", name)
    test = here / "pipelines" / name / "test_pipeline.py"
    assert "class TestLabArithmetic2024(" in test.read_text()
    with ArchiveServer(shared_data / "physionet/eegmat") as server:
        args = f"args: --base-url {server.url}"
        settings = here / "config/config.yaml"
        settings.write_text(
            f"brainsets: {{pipeline: pipelines/{name}, {args}, limit: 1}}"
        )
        printed = installation.run(here, "snakemake", "--cores", "2")
        assert printed.endswith(places(here, name))
        assert [*here.glob(f"data/processed/{name}/*.h5")]
        options = f'    args = ["--base-url", "{server.url}"]\n'
        test.write_text(test.read_text() + options)
        command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", test)
        assert "18 passed" in installation.run(here, "python", *command)


@pytest.mark.parametrize("source", ["brainsets_workflow.SNAKEFILE", "git"])
def test_the_workflow_is_a_module_of_another_one(installation, here, pipeline, source):
    if source == "git":
        # As `snakedeploy` writes it: fetched from a repository.
        repository = here / "repository" / "workflow"
        repository.mkdir(parents=True)
        text = (ROOT / "workflow/Snakefile").read_text()
        (repository / "Snakefile").write_text(text)
        git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
        for words in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "all"]):
            subprocess.run([*git, *words], cwd=repository.parent, check=True)
        source = f'"git+file://{repository}/Snakefile@main"'
    here.joinpath("config").mkdir()
    here.joinpath("config/config.yaml").write_text(
        f"brainsets: [{{pipeline: {pipeline}, args: --gain 3}}]\n"
    )
    here.joinpath("Snakefile").write_text(
        "import brainsets_workflow\n"
        'configfile: "config/config.yaml"\n'
        f"module brainsets:\n    snakefile: {source}\n    config: config\n"
        "use rule * from brainsets\n"
        "rule anything:\n    default_target: True\n    input: rules.all.input\n"
    )
    profile = installation.package / "profiles/default"
    command = ("snakemake", "--cores", "1", "--workflow-profile", profile)
    assert installation.run(here, *command).endswith(places(here, "gains"))
    assert (here / "data/processed/gains/s2.txt").read_text().startswith("3 ")


def test_folders_of_the_user_count_where_there_are_no_settings(
    installation, here, pipeline, tmp_path
):
    folders = ("--raw-dir", tmp_path / "raw", "--processed-dir", "$HOME/ready")
    ready = installation.home / "ready"
    installation.run(here, "brainsets", "config", "set", *folders)
    try:
        shown = installation.run(here, "brainsets", "config", "show")
        assert f"Processed data dir: {ready}" in shown
        prepare = ("brainsets", "prepare", pipeline, "--local", "--gain")
        installation.run(here, *prepare, "5")
        assert (ready / "gains/s1.txt").read_text().startswith("5 ")
        # Another folder has none of Snakemake's records of that run.
        other = tmp_path / "other"
        other.mkdir()
        installation.run(other, *prepare, "6")
        assert (ready / "gains/s1.txt").read_text().startswith("6 ")
        config = f"brainsets=[{{pipeline: {pipeline}, args: --gain 6}}]"
        snakefile = installation.package / "Snakefile"
        command = ("snakemake", "-s", snakefile, "--cores", "1", "--config", config)
        # Its own record of the list is of other arguments; no asset runs again.
        assert "done (" not in installation.run(here, *command)
        assert (ready / "gains/s1.txt").read_text().startswith("6 ")
        assert not (here / "data").exists()
        assert "gains" in installation.run(here, "brainsets", "status")
    finally:
        (installation.home / ".brainsets.yaml").unlink()


@pytest.mark.parametrize("name", ["x #y", "p: 1", "ends:"])
def test_folders_are_those_that_are_named(installation, here, pipeline, name):
    folders = ("--raw-dir", f"{name}/raw", "--processed-dir", f"{name}/out")
    installation.run(here, "brainsets", "prepare", pipeline, "--local", *folders)
    assert (here / name / "out/gains/s1.txt").is_file()
    # Also where the settings name them, which prepare and snakemake take.
    (here / "config").mkdir()
    settings = {"raw_dir": f"{name}/r", "processed_dir": f"{name}/p"}
    entry = {"pipeline": str(pipeline), "exclude": ["s2"]}
    text = yaml.safe_dump({**settings, "download_only": True, "brainsets": [entry]})
    (here / "config/config.yaml").write_text(text)
    printed = installation.run(here, "brainsets", "prepare", pipeline, "--local")
    assert "prepare leaves out what config/config.yaml sets (exclude)" in printed
    status = here / name / "p/gains/_workflow/status"
    names = {"s1.DOWNLOADED", "s2.DOWNLOADED"}
    assert {path.name for path in status.iterdir()} == names
    assert {path.name for path in here.iterdir()} == {".snakemake", "config", name}


def test_an_older_pandas_will_do(tmp_path, here, pipeline):
    if sys.version_info >= (3, 12):
        pytest.skip("pandas 1.5 has no wheel for this Python")
    packages = ("pandas==1.5.3", "numpy<2", "h5py", "matplotlib")
    installation = Installation(tmp_path, *packages)
    installation.run(here, "brainsets", "prepare", pipeline, "--local")
    assert (here / "data/processed/gains/s1.txt").read_text() == "1 1.5.3"
    assert installation.run(here, "brainsets", "status").endswith(places(here, "gains"))
    installation.run(here, "brainsets", "init")
    printed = installation.run(here, "snakemake", "--cores", "2")
    assert printed.endswith(places(here, EXAMPLE))
    installation.run(here, "brainsets", "report")
    assert EXAMPLE in (here / "report.html").read_text()
    installation.remove()


@pytest.fixture
def shell(tmp_path, here):
    """Runs commands as somebody does who has uv, and finds the wheel at an index."""
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "UV_FIND_LINKS": str(Path(WHEEL).parent),
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
        "PIP_FIND_LINKS": str(Path(WHEEL).parent),
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PATH": f"{tmp_path}/bin:{Path(UV).parent}:{os.environ['PATH']}",
        "COLUMNS": "120",
    }
    environment.setdefault("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv"))

    def run(command):
        words = shlex.split(command)
        if words[0] == "pipx":
            words = ["uvx", *words]
        ended = subprocess.run(
            words, cwd=here, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return run


def test_the_first_command_prepares_the_example(shell, here):
    assert shell(marked_command("install")).endswith(places(here, EXAMPLE))


GUIDE = TEXTS["docs/getting_started.md"]


@pytest.mark.parametrize(
    "command",
    [
        "uv tool install brainsets-workflow",
        "uv tool install --with-executables-from snakemake brainsets-workflow",
        "pipx install brainsets-workflow",
        "pipx install --include-deps brainsets-workflow",
        "pip install brainsets-workflow",
    ],
)
def test_every_way_to_install_it_works(shell, command, here, tmp_path):
    assert command in GUIDE
    if command.startswith("pip "):
        shell(f"uv venv -q --seed {tmp_path / 'environment'}")
        (tmp_path / "bin").symlink_to(tmp_path / "environment/bin")
    shell(command)
    assert EXAMPLE in shell("brainsets list")
    assert f"brainsets {VERSION}" in shell("brainsets-workflow --version")
    shell("brainsets init --pipeline lab_topic_2024")
    assert (here / "pipelines/lab_topic_2024/pipeline.py").is_file()
    has_snakemake = "snakemake" in command or "deps" in command or "pip " in command
    assert (tmp_path / "bin/snakemake").exists() == has_snakemake
    if has_snakemake:
        assert "list the assets of lab_topic_2024" in shell("snakemake -n")


def test_snakemake_runs_without_installing(shell, here):
    assert "`uvx --from brainsets-workflow snakemake ...`" in GUIDE
    shell("uvx --from brainsets-workflow brainsets init")
    assert EXAMPLE in shell("uvx --from brainsets-workflow snakemake -n")
