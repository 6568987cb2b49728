"""Two published pipelines whose packages exclude each other, in one run, by name."""

import json
import subprocess

from parity.dandi import DandiArchive
from parity.index import skip_without_package
from parity.recordings import write_sleep_edf
from parity.s3 import s3_server
from parity.stand_in import StandIn
from test_parity_dandi import NAME as PERICH
from test_parity_dandi import RECORDINGS, SESSIONS
from test_parity_s3 import COMPLETE
from test_parity_s3 import NAME as KEMP

from brainsets.planning.environments import interpreter


def test_pipelines_with_conflicting_packages_run_side_by_side(workspace, shared_data):
    skip_without_package("torch_brain==0.2.1")
    brainsets = [
        {"pipeline": KEMP, "assets": COMPLETE},
        {"pipeline": f"brainsets:{PERICH}", "assets": SESSIONS[0]},
    ]
    built = workspace.run(brainsets, "--until", "build_environment")
    assert built.returncode == 0, built.stdout
    versions = {}
    for name in (KEMP, PERICH):
        ready = workspace.folder(name).environment / "ready.json"
        packages = json.loads(ready.read_text())["packages"]
        [versions[name]] = [p for p in packages if p.startswith("scikit-learn==")]
    assert versions == {KEMP: "scikit-learn==1.7.2", PERICH: "scikit-learn==1.5.1"}

    # Not of the archive's name: perich looks for "CO" in the path of a file.
    source, sleep = workspace.root / "source", workspace.root / "sleep"
    python = interpreter(workspace.folder(PERICH))
    subprocess.run([python, RECORDINGS, shared_data, source], check=True)
    write_sleep_edf(shared_data, sleep)
    archive = DandiArchive("000688", "draft", source)
    with (
        s3_server({"physionet-open": sleep}) as variables,
        StandIn(archive.hosts, workspace.root) as stand_in,
    ):
        workspace.environment = {
            **variables,
            **stand_in.environment,
            "DANDI_NO_ET": "1",
        }
        run = workspace.run(brainsets)
        assert run.returncode == 0, run.stdout
    assert "build the environment" not in run.stdout
    for name, file in ((KEMP, "SC4001E0-PSG.h5"), (PERICH, f"{SESSIONS[0]}.h5")):
        assert [p.name for p in workspace.folder(name).root.glob("*.h5")] == [file]
