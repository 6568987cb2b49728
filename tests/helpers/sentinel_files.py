"""Sentinels for tests: any that steps could leave, and what they are made from."""

import json
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.text.asset_names import asset_names
from brainsets.shared.text.escapes import escape

# A process id that the kernel gives to nobody.
GONE = 2**22 + 1
HISTORIES = (
    "nothing",
    "fetching",
    "fetching, interrupted",
    "not fetched",
    "fetched",
    "processing",
    "processing, interrupted",
    "not processed",
    "done",
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SECONDS = st.integers(0, 10**8).map(lambda ms: ms / 1000)


@dataclass
class Step:
    """What one step has cost, and where."""

    wall_s: float
    cpu_s: float
    max_rss_mb: float
    attempt: int
    host: str
    ended: str

    def record(self, step: str) -> dict[str, Any]:
        return {"step": step, **vars(self)}


@dataclass
class History:
    """How far an asset has come, and what each step of it has left."""

    how_far: str
    download: Step
    process: Step
    raw_bytes: int | None
    outputs: list[tuple[str, int]]
    errors: list[tuple[str, str]] = field(default_factory=list)

    def write(self, folder: BrainsetFolder, asset: str, name: str) -> None:
        about = {"asset": asset, "brainset": folder.root.name}
        attempts = [{"error": e, "message": m} for e, m in self.errors]
        files: dict[str, dict[str, Any]] = {}
        if self.how_far in HISTORIES[4:]:
            fetched = self.download.record("download")
            files["DOWNLOADED"] = {**fetched, "raw_bytes": self.raw_bytes}
        if "fetching" in self.how_far or "processing" in self.how_far:
            step = "process" if "processing" in self.how_far else "download"
            pid = GONE if "interrupted" in self.how_far else os.getpid()
            running = {"step": step, "pid": pid, "host": socket.gethostname()}
            files["RUNNING"] = {**running, "attempt": 7, "started": "now"}
        if self.how_far in ("not fetched", "not processed"):
            step = "download" if self.how_far == "not fetched" else "process"
            failed = getattr(self, step).record(step)
            files["FAILED"] = {**failed, "attempts": attempts}
        if self.how_far == "done":
            outputs = [{"path": p, "bytes": b, "sha256": "0"} for p, b in self.outputs]
            files["DONE"] = {**self.process.record("process"), "outputs": outputs}
        folder.status.mkdir(parents=True, exist_ok=True)
        for state, record in files.items():
            text = json.dumps({**about, **record})
            folder.sentinel(name, state).write_text(text, encoding="utf-8")


STEPS = st.builds(
    Step,
    wall_s=SECONDS,
    cpu_s=SECONDS,
    max_rss_mb=st.integers(1, 10**6).map(float),
    attempt=st.integers(1, 99),
    host=TEXTS,
    ended=TEXTS,
)
FILE_NAMES = st.text("abcé/ .[]<&", min_size=1, max_size=8).filter(
    lambda path: path[0] != "/" and ".." not in path.split("/")
)
ERRORS = st.tuples(st.sampled_from(["ValueError", "Killed", "Timeout"]), TEXTS)
STORIES = st.builds(
    History,
    how_far=st.sampled_from(HISTORIES),
    download=STEPS,
    process=STEPS,
    raw_bytes=st.none() | st.integers(0, 2**50),
    outputs=st.lists(st.tuples(FILE_NAMES, st.integers(0, 2**50)), max_size=3),
    errors=st.lists(ERRORS, min_size=1, max_size=3),
)


def write_brainset(folder: BrainsetFolder, stories: dict[str, History]) -> None:
    """Write the manifest and the sentinels of a brainset."""

    folder.status.mkdir(parents=True, exist_ok=True)
    schema = {"format": 1, "columns": [{"name": "asset", "type": "str"}]}
    folder.manifest.with_name("manifest.schema.json").write_text(json.dumps(schema))
    rows = "".join(f"{escape(asset)}\n" for asset in stories)
    folder.manifest.write_bytes(f"asset\n{rows}".encode())
    for asset, name in asset_names(stories).items():
        stories[asset].write(folder, asset, name)
