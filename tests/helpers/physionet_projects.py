"""An archive like PhysioNet, of real recordings: files and what its interface says."""

import hashlib
import json
import shutil
from pathlib import Path

from tests.helpers.workspace import SHARED_DATA

# What the project of many forms has, by where the files are among the real ones.
MIXED = {
    "edf": "zoo/physionet/edf",
    "chb05": "zoo/physionet/chbmit/chb05",
    "wfdb": "wfdb",
    "zoo": "zoo/physionet/wfdb",
    "motor": "physionet/eegmmidb/S001",
}


def publish(root: Path, name: str, versions: list[str]) -> None:
    """Say in the interface that there are these versions."""
    folder = root / "api/v1/projects" / name / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    records = [{"slug": name, "title": "Title", "version": v} for v in versions]
    cited = [{**record, "citation": f"A. {record['version']}"} for record in records]
    (folder / "index.json").write_text(json.dumps(cited))
    for record in records:
        (folder / record["version"]).mkdir(exist_ok=True)
        said = {
            **record,
            "license": {"name": "ODC-By"},
            "doi": "10.13026/x",
            "main_storage_size": 3_400_000_000,
        }
        (folder / record["version"] / "index.json").write_text(json.dumps(said))


def put(root: Path, name: str, version: str, records: list[str] | None) -> Path:
    """Copy real recordings, and list them; all of MIXED, or those of another folder."""
    target = root / "files" / name / version
    sources = MIXED if name == "mixed" else {"": f"physionet/{name}"}
    for part, source in sources.items():
        shutil.copytree(
            SHARED_DATA / source,
            target / part,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("SHA256SUMS.txt", "RECORDS", "LICENSE"),
        )
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    if records is not None:
        (target / "RECORDS").write_text("".join(f"{each}\n" for each in records))
    lists(target)
    return target


def lists(target: Path) -> None:
    """Write the checksums of all files of a version."""
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} "
        f"{path.relative_to(target).as_posix()}\n"
        for path in sorted(target.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS.txt"
    ]
    (target / "SHA256SUMS.txt").write_text("".join(sums))
