"""Snakemake's own process asks no network, and imports no pipeline.

Python tells an audit hook of every connection, import and execution of code, and a file
``sitecustomize.py`` sets the hook before anything else runs.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from brainsets.sources.catalog import find_pipeline
from tests.helpers.workspace import ROOT

NAME = "perich_miller_population_2018"
HOOK = """
import json, os, sys

told = open(os.environ["AUDIT_LOG"], "a", encoding="utf-8", buffering=1)

def hook(event, arguments):
    # Addresses of sockets on this machine's disk are text or bytes.
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        detail = arguments[1][0]
    elif event in ("socket.getaddrinfo", "import"):
        detail = arguments[0]
    elif event == "exec":
        detail = arguments[0].co_filename
    else:
        return
    told.write(json.dumps([event, str(detail)]) + "\\n")

sys.addaudithook(hook)
"""
# What the hook is told when it is done after all.
FORBIDDEN = f"""
import socket, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from brainsets.jobs.code.loading import load_pipeline
load_pipeline(Path(sys.argv[1]))
for attempt in (
    lambda: __import__("torch_brain"),
    lambda: socket.getaddrinfo("localhost", 9),
    lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
    lambda: socket.socket(socket.AF_UNIX).connect("/no/such/socket"),
):
    try:
        attempt()
    except (ImportError, OSError):
        pass
"""


@pytest.fixture
def audited(workspace):
    """A workspace in which each interpreter is heard; what it did is in ``log``."""
    site = workspace.root / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    workspace.log = workspace.root / "audit.jsonl"
    workspace.environment = {
        "PYTHONPATH": str(site),
        "AUDIT_LOG": str(workspace.log),
    }
    return workspace


def heard(workspace):
    """Return what must not happen and did, and how much was heard in all."""
    lines = workspace.log.read_text(encoding="utf-8").splitlines()
    events = [tuple(json.loads(line)) for line in lines]
    return {event for event in events if is_forbidden(*event)}, len(events)


def is_forbidden(event, detail):
    if event == "import":
        return detail.partition(".")[0] in ("torch_brain", "brainsets_pipelines")
    if event == "exec":
        path = Path(detail)
        return path.name == "pipeline.py" and path != ROOT / "brainsets/pipeline.py"
    return True


def write_environment(workspace, name):
    """Pretend that a published pipeline was installed."""
    source = find_pipeline(name)
    environment = workspace.folder(name).environment
    file = source.file(environment)
    file.parent.mkdir(parents=True)
    file.write_text("from torch_brain.pipeline import BrainsetPipeline\n")
    (environment / "bin").mkdir()
    (environment / "bin" / "python").symlink_to(sys.executable)
    ready = {"brainset": name, "key": source.environment_key}
    (environment / "ready.json").write_text(json.dumps(ready))


@pytest.mark.parametrize("is_built", [False, True])
def test_a_dry_run_asks_no_network_and_imports_no_pipeline(audited, is_built):
    if is_built:
        write_environment(audited, NAME)
    mine = audited.copy_pipeline("recorder")
    run = audited.run([NAME, str(mine)], "--dry-run")
    assert run.returncode == 0, run.stdout
    assert (f"build the environment of {NAME}" in run.stdout) != is_built
    for brainset in (NAME, "recorder"):
        assert f"list the assets of {brainset}" in run.stdout
    found, count = heard(audited)
    assert found == set()
    # It was heard, then.
    assert count > 100


def test_the_audit_hears_what_must_not_happen(audited):
    pipeline = audited.copy_pipeline("recorder")
    subprocess.run(
        [sys.executable, "-c", FORBIDDEN, pipeline],
        env=audited.full_environment,
        check=True,
    )
    assert heard(audited)[0] == {
        ("import", "torch_brain"),
        ("socket.getaddrinfo", "localhost"),
        ("socket.getaddrinfo", "127.0.0.1"),
        ("socket.connect", "127.0.0.1"),
        ("exec", str(pipeline)),
    }
