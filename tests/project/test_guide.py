"""The guide for authors does what it says, command by command."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from brainsets.planning.settings import read_settings
from tests.helpers.archive_server import ArchiveServer
from tests.helpers.documents import (
    blocks,
    commands,
    module_and_words,
    saved_files,
    stripped,
)
from tests.helpers.dry_runs import PlannedAsset, planned_assets
from tests.helpers.workspace import ROOT

GUIDE = (ROOT / "docs/write_a_pipeline.md").read_text("utf-8")
ADDRESS = "https://physionet.org/files/eegmat/1.0.0/"
BRAINSET = "data/processed/my_arithmetic_eeg"


class Reader:
    """Somebody who follows the guide, in an empty folder in place of the clone."""

    def __init__(self, root, address):
        self.clone = root / "clone"
        self.address = address
        (self.clone / "config").mkdir(parents=True)
        (self.clone / "config/config.yaml").write_text("brainsets: none_yet\n")
        self.pipeline = root / "arithmetic_eeg" / "pipeline.py"

    def save_files(self):
        for path, text in saved_files(GUIDE).items():
            (self.clone / path).parent.mkdir(exist_ok=True)
            (self.clone / path).write_text(text, encoding="utf-8")
        assert self.pipeline.read_text("utf-8").count(ADDRESS) == 1
        self.edit(ADDRESS, self.address)

    def edit(self, old, new):
        text = self.pipeline.read_text("utf-8")
        assert old in text
        self.pipeline.write_text(text.replace(old, new), encoding="utf-8")

    def type(self, command, status=0):
        """Run a command as it stands in the guide; return what it prints."""
        words = shlex.split(command)
        if words[0] == "snakemake":
            where = ["--snakefile", str(ROOT / "Snakefile")]
            words = [sys.executable, "-m", "snakemake", *where, *words[1:]]
        elif words[0] == "brainsets":
            words = [sys.executable, "-m", *module_and_words(command)]
        elif words[0] == "python":
            words[0] = sys.executable
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        environment["PYTEST_ADDOPTS"] = "-p no:cacheprovider -p no:xdist"
        ended = subprocess.run(
            words,
            cwd=self.clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ended.returncode == status, f"{command}\n{ended.stdout}"
        return ended.stdout

    def done(self):
        paths = (self.clone / BRAINSET / "_workflow/status").glob("*.DONE")
        return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


@pytest.fixture
def archive(shared_data):
    with ArchiveServer(shared_data / "physionet/eegmat") as server:
        yield server


@pytest.fixture
def reader(tmp_path, archive):
    # The package of conftest's folder is not on the way to what the reader imports.
    return Reader(tmp_path, archive.url)


def pictures():
    return [stripped(block) for block in blocks(GUIDE, "text")]


def test_guide_leads_from_an_empty_folder_to_a_finished_brainset(reader, archive):
    typed = iter(commands(GUIDE))
    look, failure = pictures()

    def follow(beginning):
        command = next(typed)
        assert command.startswith(beginning)
        return reader.type(command)

    follow("mkdir ")
    reader.save_files()

    printed = follow("snakemake --cores 2 --until write_manifest ")
    assert re.search(r"my_arithmetic_eeg +0 +0 +0 +6 +0 +6\b", printed)
    assert (reader.clone / BRAINSET / "_workflow/manifest.tsv").is_file()
    assert not any(path.endswith(".edf") for path in archive.asked)

    follow("brainsets prepare ")
    assert {*reader.done()} == {"Subject00_2"}
    assert stripped(follow(f"{BRAINSET}/_workflow/environment/bin/python ")) == look

    planned = follow("snakemake -n ")
    assets = planned_assets(planned, "my_arithmetic_eeg")
    assert assets["Subject00_1"] == PlannedAsset("download, process", "new")
    assert "Subject00_2" not in assets
    follow("snakemake --cores 2 --config ")
    done = reader.done()
    assert len(done) == 6
    for record in done.values():
        assert (reader.clone / BRAINSET / record["outputs"][0]["path"]).is_file()
    recordings = [path for path in archive.asked if path.endswith(".edf")]
    assert [archive.asked[path] for path in recordings] == [1] * 6
    assert re.search(r"my_arithmetic_eeg +6 +0 ", follow("brainsets status"))

    fails_and_is_mended(reader, archive, failure)

    # Whether these are right is a matter of dry-runs, in test_documented_runs.py.
    assert next(typed).endswith("--forcerun process_asset")
    assert next(typed).endswith("--forcerun write_manifest")
    assert next(typed) == "pip install pytest h5py"
    assert re.search(r"\b18 passed\b", follow("python -m pytest "))
    assert not [*typed]


def fails_and_is_mended(reader, archive, failure):
    """Do what the section on failures says."""
    [prepare] = [c for c in commands(GUIDE) if c.startswith("brainsets prepare ")]
    archive.forget()
    reader.edit('{"uV"}', '{"mV"}')
    printed = stripped(reader.type(prepare, status=1))
    assert failure in printed.replace(f"{reader.clone}/", "")
    workflow = reader.clone / BRAINSET / "_workflow"
    assert (workflow / "status/Subject00_2.FAILED").is_file()
    log = (workflow / "logs/process_asset/Subject00_2.log").read_text("utf-8")
    assert "Traceback" in log and "[Status] Reading" in log
    assert (reader.clone / BRAINSET / "Subject00_2.h5").is_file()
    reader.edit('{"mV"}', '{"uV"}')
    reader.type(prepare)
    assert len(reader.done()) == 6
    assert not any(path.endswith(".edf") for path in archive.asked)


def test_settings_in_the_guide_are_valid(tmp_path, monkeypatch):
    reader = Reader(tmp_path, ADDRESS)
    reader.pipeline.parent.mkdir()
    reader.save_files()
    monkeypatch.chdir(reader.clone)
    [block] = blocks(GUIDE, "yaml")
    [brainset] = read_settings(yaml.safe_load(block)).brainsets.values()
    assert brainset.id == "my_arithmetic_eeg"
    assert brainset.selection.apply(brainset.id, ["Subject19_1", "Subject20_1"]) == [
        "Subject19_1"
    ]
