"""Dandisets prepared from a DANDI on which much goes wrong, and which changes.

All runs are made once for all tests; they look at what each printed, asked for and
left.
"""

import json
from pathlib import Path

import pytest

from tests.helpers.dandi_server import KEY, DandiServer
from tests.helpers.folders import files_below
from tests.helpers.stories import told_once
from tests.helpers.workspace import SHARED_DATA, Workspace

pytest.importorskip("h5py", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("requests", reason="the pipeline dandi runs in this interpreter")
pytest.importorskip("temporaldata", reason="the pipeline dandi runs here")

ID = "000140"
SECRET_ID = "000688"
BRAINSET, DRAFT = f"dandi_{ID}", f"dandi_{SECRET_ID}"
REAL = ["A0634-210127", "A2929-200711", "A8604-211122"]
SMALL = ["test_Units", "test_TimeIntervals"]
EMPTY = "1.0.2_nwbfile"
SKIPPED = [EMPTY, "folder"]
# What cannot be had, and what is said of it.
WRONG = {
    "dandi:999999": "has no dandiset 999999.",
    f"dandi:{ID}@0.9.9": f"dandiset {ID} has no version '0.9.9'; it has draft, 0.1.0, ",
}
FOLDERS = {
    **dict.fromkeys(REAL, "nwb"),
    **dict.fromkeys(SMALL, "nwb-small/nwb-explorer"),
    EMPTY: "nwb-small/pynwb",
}


def content(name: str) -> bytes:
    return (SHARED_DATA / FOLDERS[name] / f"{name}.nwb").read_bytes()


def path(name: str) -> str:
    return f"sub-{name[:5]}/{name}.nwb"


class Story:
    """What came of each run, as a folder and a JSON file that all workers can read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)
        self.told = root / "story.json"
        self.runs: dict[str, dict] = {}
        if self.told.exists():
            self.runs = json.loads(self.told.read_text())

    def tell(self) -> None:
        with DandiServer(self.root / "store", page_size=2) as server:
            self.workspace.environment = {**server.environment, "DANDI_API_KEY": ""}
            self.tell_of_a_published_one(server)
            self.tell_of_a_draft(server)
        self.told.write_text(json.dumps(self.runs))

    def tell_of_a_published_one(self, server: DandiServer) -> None:
        for name in FOLDERS:
            server.put(ID, path(name), content(name))
        server.put(ID, "folder.nwb.zarr", None)
        server.put(ID, "video.mp4", b"0")
        server.describe(ID, name="Maze", doi="10.48324/dandi.000140/0.1.0")
        server.publish(ID, "0.1.0")
        blobs = {name: server.blob(ID, path(name)) for name in FOLDERS}
        server.answer("/assets/.*page=1", 503, times=2)
        server.store.cut(blobs["A2929-200711"], after=100_000, times=3)
        server.store.answer(blobs["A8604-211122"], 503, times=2)
        server.store.flip(blobs["A0634-210127"], at=200_000)
        server.store.answer(blobs["test_Units"], 404)
        entry = {"pipeline": f"dandi:{ID}"}
        self.run("troubled", server, [entry])
        server.mend()
        server.put(ID, path("test_Units"), content("test_TimeIntervals"))
        server.publish(ID, "0.2.0")
        self.run("mended", server, [entry])
        self.run("again", server, [entry])
        self.run("listed", server, [entry], "--forcerun", "write_manifest")
        afar = {**entry, "id": "afar", "args": "--stream always --version 0.1.0"}
        self.run("afar", server, [{**afar, "environment": "active"}])
        self.run("newer", server, [{"pipeline": f"dandi:{ID}@0.2.0"}])
        for spec in WRONG:
            wrong = {"pipeline": spec, "environment": "active", "id": "wrong"}
            self.run(spec, server, [wrong])
        reached = self.workspace.environment["DANDI_INSTANCE"]
        self.workspace.environment["DANDI_INSTANCE"] = "http://127.0.0.1:9/api"
        self.run("unreachable", server, [{**wrong, "pipeline": f"dandi:{ID}"}])
        self.workspace.environment["DANDI_INSTANCE"] = reached

    def tell_of_a_draft(self, server: DandiServer) -> None:
        """Of one that is embargoed, and was never published."""
        server.embargo(SECRET_ID)
        for name in ("A8604-211122", *SMALL):
            server.put(SECRET_ID, path(name), content(name))
        entry = {"pipeline": f"dandi:{SECRET_ID}", "environment": "active"}
        self.run("without key", server, [entry])
        self.workspace.environment["DANDI_API_KEY"] = KEY
        chosen = {**entry, "assets": ["A8604-211122", "test_Units"]}
        self.run("with key", server, [chosen])
        server.put(SECRET_ID, path("test_TimeIntervals"), content("test_Units"))
        self.run("changed", server, [entry])
        server.put(SECRET_ID, path("test_Units"), content("test_TimeIntervals"))
        # Another record of the same data
        server.put(SECRET_ID, path("A8604-211122"), content("A8604-211122"), x=1)
        self.run("listed anew", server, [entry], "--forcerun", "write_manifest")

    def run(self, name: str, server: DandiServer, brainsets, *arguments: str) -> None:
        server.forget()
        run = self.workspace.run(brainsets, *arguments, cores=2)
        self.runs[name] = {
            "status": run.returncode,
            "printed": run.stdout,
            "asked": [url for url, _ in server.asked],
            "fetched": [(r.path, r.start, r.status) for r in server.store.requests],
            "with key": [
                r.path for r in server.store.requests if "Authorization" in r.headers
            ],
            "raw": self.files(self.workspace.raw_dir),
            "states": {
                folder.name: {
                    file.name: json.loads(file.read_text())
                    for file in self.workspace.folder(folder.name).status.glob("*")
                }
                for folder in self.workspace.processed_dir.glob("*")
            },
            "manifests": {
                folder.name: self.manifest(folder.name)
                for folder in self.workspace.processed_dir.glob("*")
            },
        }

    def manifest(self, brainset: str) -> dict[str, dict[str, str]]:
        table = self.workspace.folder(brainset).manifest
        if not table.exists():
            return {}
        header, *lines = [line.split("\t") for line in table.read_text().splitlines()]
        return {line[0]: dict(zip(header, line)) for line in lines}

    def files(self, folder: Path) -> list[str]:
        found = files_below(folder)
        return sorted(path.relative_to(folder).as_posix() for path in found)

    def assets(self, run: str, brainset: str, state: str) -> list[str]:
        """Return the assets that a run left DONE, SKIPPED or FAILED."""
        found = {}
        for name, record in self.runs[run]["states"][brainset].items():
            asset, _, ended = name.rpartition(".")
            found[asset, "SKIPPED" if "skipped" in record else ended] = None
        return sorted(asset for asset, ended in found if ended == state)

    def output(self, brainset: str, asset: str) -> Path:
        return self.workspace.processed_dir / brainset / f"{asset}.h5"


def told_dandi_story(tmp_path_factory):
    """Return what came of the runs."""
    return told_once(tmp_path_factory, "mice é of dandi", Story)
