"""A pipeline that reads PhysioNet's bucket makes the files that it makes elsewhere."""

import json
import re

from brainsets.sources.environments import interpreter
from tests.helpers.parity.compare import compare_folders
from tests.helpers.parity.index import skip_without_package
from tests.helpers.parity.published import run_published
from tests.helpers.parity.recordings import write_sleep_edf
from tests.helpers.parity.s3 import s3_server

NAME = "kemp_sleep_edf_2013"
COMPLETE = "sleep_cassette_SC4001E0-PSG"
# Its hypnogram is not in the archive.
INCOMPLETE = "sleep_cassette_SC4011E0-PSG"


def cut(path):
    """Leave what a killed process leaves of a file that it was writing."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


def test_naming_kemp_is_enough_and_its_files_are_those_of_the_published_runner(
    workspace, shared_data
):
    skip_without_package("torch_brain==0.2.1")
    archive, published = workspace.root / "archive", workspace.root / "published"
    write_sleep_edf(shared_data, archive)
    with s3_server({"physionet-open": archive}) as variables:
        workspace.environment = variables
        # Room for 16 jobs at once: the environment is built by one of them.
        run = workspace.run(NAME, cores=16)
        assert run.stdout.count(f"build the environment of {NAME}") == 1, run.stdout

        folder = workspace.folder(NAME)
        python = interpreter(folder)
        ready = folder.environment / "ready.json"
        built = ready.stat().st_ino, ready.stat().st_mtime_ns
        packages = json.loads(ready.read_text())["packages"]
        assert "torch_brain==0.2.1" in [p.replace("-", "_") for p in packages]

        pipeline = folder.environment / "pipeline" / "pipeline.py"
        where = (python, pipeline, published / "raw", published / "processed")
        theirs = run_published(*where, "-c", "2", environment=variables)

        # Both fail for the one asset, for the same reason, and do the others.
        assert (run.returncode, theirs.returncode) == (1, 1), theirs.stdout
        assert "2 DONE" in theirs.stdout and "1 FAILED" in theirs.stdout
        [failed] = [x for x in run.stdout.splitlines() if x.startswith("FAILED ")]
        log = published / "processed" / NAME / "pipeline_logs" / f"{INCOMPLETE}.err"
        reason = log.read_text().splitlines()[-1]
        assert reason == failed.partition("(download): ")[2]

        ours, its = folder.root, published / "processed" / NAME
        assert sorted(path.name for path in ours.glob("*.h5")) == [
            "SC4001E0-PSG.h5",
            "ST7011J0-PSG.h5",
        ]
        assert compare_folders(ours, its) == []
        assert compare_folders(workspace.raw_dir / NAME, published / "raw" / NAME) == []

        # The next run does what is left to do, in the same environment. A result that
        # is not whole is made again; the published runner takes it for done.
        whole = cut(ours / "SC4001E0-PSG.h5")
        again = workspace.run(NAME, cores=16, display="snakemake")
        assert "build the environment" not in again.stdout
        assert (ready.stat().st_ino, ready.stat().st_mtime_ns) == built
        assert set(re.findall(r"^Job \d+: (.*) \(", again.stdout, re.M)) == {
            f"process {NAME} {COMPLETE}",
            f"download {NAME} {INCOMPLETE}",
        }
        assert (ours / "SC4001E0-PSG.h5").read_bytes() == whole
        assert cut(its / "SC4001E0-PSG.h5") == whole
        one = ("--single", COMPLETE)
        # So does the command, which is given the name alone.
        cut(ours / "SC4001E0-PSG.h5")
        where_ours = ("--raw-dir", workspace.raw_dir)
        where_ours += ("--processed-dir", workspace.processed_dir)
        for left_to_do in (True, False):
            prepared = workspace.brainsets("prepare", NAME, *one, *where_ours)
            assert prepared.returncode == 0, prepared.stderr
            assert ("Nothing to be done" in prepared.stderr) != left_to_do
            assert (ours / "SC4001E0-PSG.h5").read_bytes() == whole
        theirs = run_published(*where, *one, environment=variables)
        assert theirs.returncode == 0 and "DONE" in theirs.stdout, theirs.stdout
        assert len((its / "SC4001E0-PSG.h5").read_bytes()) == len(whole) // 2
