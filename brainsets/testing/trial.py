"""Runs of the real workflow over one asset of a pipeline, and what each left."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, ManifestError
from brainsets.planning.settings import Brainset, read_settings
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.manifest_schema import schema_path
from brainsets.shared.state.sentinels import DONE, DOWNLOADED, FAILED, read_sentinel
from brainsets.sources.environments import interpreter
from brainsets.testing.contents import OutputFile

__all__ = ["Evidence", "Failure", "Run", "Trial"]

ROOT = Path(__file__).resolve().parents[2]
_LOG_LINES = 20
_NO_SUCH_FLAG = 3
# Run by the interpreter of the pipeline, which alone can import it.
_HAS_REDOWNLOAD = f"""
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from brainsets.jobs.code.loading import load_pipeline, parsed_args
args = parsed_args(load_pipeline(Path(sys.argv[2])), sys.argv[3:])
sys.exit(0 if hasattr(args, "redownload") else {_NO_SUCH_FLAG})
"""


@dataclass(frozen=True)
class Failure:
    """Why a run ended badly, as the workflow wrote it down."""

    step: str
    error: str
    message: str
    log: str

    def __str__(self) -> str:
        text = f"{self.step} failed: {self.error}: {self.message}"
        if not self.log:
            return text
        return f"{text}\n\nThe last lines of its log:\n{self.log}"


@dataclass
class Run:
    """One run of Snakemake, and what there was after it."""

    failure: Failure | None = None
    printed: str = ""
    manifest: Manifest | None = None
    listing: bytes = b""
    downloaded: Mapping[str, Any] = field(default_factory=dict)
    done: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, OutputFile] = field(default_factory=dict)

    @property
    def marks(self) -> list[Any]:
        """What is different after the assets were listed, or one was prepared."""
        return [self.listing, self.downloaded, self.done]

    @property
    def steps(self) -> list[str]:
        """What Snakemake said of each job, as in ``process ID ASSET (REASON)``."""
        lines = [line.partition(": ") for line in self.printed.splitlines()]
        return [
            text
            for job, _, text in lines
            if job.startswith("Job ") and text.startswith(("list ", "down", "process "))
        ]


@dataclass
class Evidence:
    """What the runs of one asset have shown; the folder they were made in is gone.

    Attributes
    ----------
    asset : str
        The asset that was prepared; "" if none could be listed.
    first, second, again, mended : Run
        An ordinary run; the same again; one that lists and processes once more; one
        that downloads once more where raw files are cut short. Empty if not made:
        the others need the first, and the last one files and a flag ``--redownload``.
    has_redownload : bool
        Whether the pipeline's parser has that flag.
    raw_bytes, mended_bytes : dict
        Sizes of the files that were cut short, before that and after the last run.
    logs : dict
        Text of the logs after the first run, by rule.
    leftovers : list of str
        What is still in the asset's staging folder.
    strays : list of str
        What stands where the pipeline should not have written.
    """

    asset: str = ""
    first: Run = field(default_factory=Run)
    second: Run = field(default_factory=Run)
    again: Run = field(default_factory=Run)
    mended: Run = field(default_factory=Run)
    has_redownload: bool = False
    raw_bytes: dict[str, int] = field(default_factory=dict)
    mended_bytes: dict[str, int] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)


class Trial:
    """Runs the workflow over one asset, in an empty folder.

    Parameters
    ----------
    root : Path
        The folder; absolute.
    pipeline, args, asset, environment, timeout_s
        As in `brainsets.testing.PipelineContract`.
    """

    brainset: Brainset

    def __init__(
        self,
        root: Path,
        *,
        pipeline: str,
        args: str | Sequence[str],
        asset: str | None,
        environment: str,
        timeout_s: float,
    ) -> None:
        self.root = root
        self.evidence = Evidence(asset=asset or "")
        step = {"timeout": timeout_s}
        self._entry: dict[str, Any] = {
            "pipeline": pipeline,
            "args": args if isinstance(args, str) else list(map(str, args)),
            "assets": [] if asset is None else [asset],
            "limit": 1,
            "environment": environment,
            "download": step,
            "process": step,
        }
        self._raw_dir, self._processed_dir = root / "raw", root / "processed"

    def conduct(self) -> Evidence:
        """Make all runs that can be made; what went wrong is in their failures."""
        evidence = self.evidence
        try:
            self._read_settings()
        except BrainsetError as error:
            failure = Failure("settings", type(error).__name__, str(error), "")
            evidence.first = Run(failure, "")
            return evidence
        before = self._around_the_pipeline()
        evidence.first = self._run()
        if evidence.first.failure is None:
            self._look_around()
            self._repeat()
            after = self._around_the_pipeline()
            evidence.strays = [*self._strays(), *_changes(before, after)]
        return evidence

    def _look_around(self) -> None:
        folder, evidence = self.folder, self.evidence
        for rule in ("write_manifest", "download_asset", "process_asset"):
            log = folder.log(rule, None if rule == "write_manifest" else self.name)
            text = log.read_text("utf-8", "replace") if log.is_file() else ""
            evidence.logs[rule] = text
        evidence.leftovers = [
            str(path.relative_to(folder.root))
            for path in sorted(folder.staging(self.name).rglob("*"))
        ]

    def _repeat(self) -> None:
        evidence = self.evidence
        raw_files = self._raw_files()
        evidence.raw_bytes = self._sizes(raw_files)
        evidence.second = self._run()
        evidence.again = self._run("--forcerun", "write_manifest", "process_asset")
        evidence.has_redownload = self._ask_for_redownload()
        if raw_files and evidence.has_redownload:
            for path in raw_files:
                os.truncate(path, path.stat().st_size // 2)
            evidence.mended = self._run("--forcerun", "download_asset", redownload=True)
            evidence.mended_bytes = self._sizes(raw_files)

    @property
    def folder(self) -> BrainsetFolder:
        """The brainset's processed folder."""
        return self.brainset.folder

    @property
    def name(self) -> str:
        """The asset's name in file names."""
        manifest = self.evidence.first.manifest
        assert manifest is not None, "asked for after a listing that ended well"
        return manifest.names[self.evidence.asset]

    def _config(self) -> dict[str, Any]:
        return {
            "raw_dir": str(self._raw_dir),
            "processed_dir": str(self._processed_dir),
            "brainsets": [self._entry],
            # What it says of each job is the evidence.
            "display": "snakemake",
        }

    def _read_settings(self) -> None:
        # A name or path means the same wherever Snakemake is started.
        [self.brainset] = read_settings(
            self._config(), where="the contract"
        ).brainsets.values()
        self._entry["pipeline"] = str(self.brainset.source)
        # That of a dataset which is named by its archive is not the pipeline's own.
        self._entry["id"] = self.brainset.id
        self._entry["args"] = self.brainset.args

    def _run(self, *options: str, redownload: bool = False) -> Run:
        config = self._config()
        if redownload:
            entry = {**self._entry, "args": [*self.brainset.args, "--redownload"]}
            config["brainsets"] = [entry]
        file = self.root / "settings.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        command += ["--directory", self.root, "--cores", "2", "--configfile", file]
        # It runs here, also if the author's runs go to a cluster by default.
        environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
        ended = subprocess.run(
            [*map(str, command), *options],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        return self._record(ended.returncode, ended.stdout)

    def _record(self, returncode: int, printed: str) -> Run:
        """Return what there is after a run."""
        folder = self.folder
        try:
            manifest = read_manifest(folder.manifest)
        except ManifestError:
            manifest = None
        if manifest and manifest.rows and not self._entry["assets"]:
            # The later runs are about the same asset, in whatever order it is listed.
            self.evidence.asset = next(iter(manifest.rows))
            self._entry["assets"] = [self.evidence.asset]
        name = manifest.names.get(self.evidence.asset) if manifest else None
        run = Run(self._failure(name, returncode, printed), printed, manifest)
        if run.failure is None and name is None:
            text = "get_manifest lists no asset; the contract needs one to try"
            run.failure = Failure("write_manifest", "SelectionError", text, "")
        if name is None:
            return run
        run.listing = schema_path(folder.manifest).read_bytes()
        run.downloaded = read_sentinel(folder.sentinel(name, DOWNLOADED)) or {}
        run.done = read_sentinel(folder.sentinel(name, DONE)) or {}
        run.outputs = {
            output["path"]: OutputFile.found(folder.root / output["path"])
            for output in run.done.get("outputs", [])
            if (folder.root / output["path"]).is_file()
        }
        return run

    def _failure(self, name: str | None, code: int, printed: str) -> Failure | None:
        """Return what the workflow says of a failure, None if the run went well."""
        records = [self.folder.environment_failure, self.folder.listing_failure]
        records += [self.folder.sentinel(name, FAILED)] if name else []
        for record in filter(None, map(read_sentinel, records)):
            last = record["attempts"][-1]
            log = _last_lines(Path(record["log"]))
            return Failure(record["step"], last["error"], last["message"], log)
        if code:
            tail = "\n".join(printed.splitlines()[-_LOG_LINES:])
            return Failure("snakemake", "exit status", str(code), tail)
        return None

    def _raw_files(self) -> list[Path]:
        """Return the files that download has written, without links.

        The time of a file's last change, unlike that of its content, cannot be set by
        a program that fetches it.
        """
        listed = self.folder.manifest.stat().st_ctime_ns
        downloaded = self.folder.sentinel(self.name, DOWNLOADED).stat().st_ctime_ns
        found = []
        for path in sorted((self._raw_dir / self.brainset.id).rglob("*")):
            info = path.lstat()
            is_own = stat.S_ISREG(info.st_mode) and info.st_nlink == 1
            can_be_cut = info.st_size > 0 and os.access(path, os.W_OK)
            if is_own and can_be_cut and listed < info.st_ctime_ns <= downloaded:
                found.append(path)
        return found

    def _sizes(self, paths: Sequence[Path]) -> dict[str, int]:
        return {
            str(path.relative_to(self._raw_dir)): path.stat().st_size
            for path in paths
            if path.exists()
        }

    def _ask_for_redownload(self) -> bool:
        python: list[Any] = [sys.executable]
        if self.brainset.is_isolated:
            python = [interpreter(self.folder), "-I"]
        words = [ROOT, self.brainset.pipeline, *self.brainset.args]
        asked = subprocess.run(
            [*map(str, [*python, "-c", _HAS_REDOWNLOAD, *words])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        return asked.returncode == 0

    def _around_the_pipeline(self) -> dict[str, Any]:
        """Return what is in the pipeline's folder, its working folder in a run."""
        folder = self.brainset.pipeline.parent
        if self.folder.root in folder.parents:
            return {}
        return dict(_tree(folder))

    def _strays(self) -> Iterator[str]:
        own = {"raw", "processed", "settings.json", ".snakemake"}
        for folder in (self.root, self._raw_dir, self._processed_dir):
            if folder != self.root:
                own = {self.brainset.id}
            for path in sorted(folder.glob("*")):
                if path.name not in own:
                    yield f"{path} was written"
        published = {
            path
            for run in (self.evidence.first, self.evidence.again, self.evidence.mended)
            for path in run.outputs
        }
        for name, _ in _tree(self.folder.root):
            if name.split(os.sep)[0] != WORKFLOW_FOLDER and name not in published:
                yield f"{self.folder.root / name} was written around the workflow"


def _last_lines(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LOG_LINES:])


def _tree(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield each file below a folder with its size and time; none hidden or cached."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith((".", "__pycache__"))]
        for name in files:
            path = Path(parent, name)
            info = path.lstat()
            yield str(path.relative_to(folder)), (info.st_size, info.st_mtime_ns)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = {path: "written" for path in after if path not in before}
    found |= {path: "removed" for path in before if path not in after}
    found |= {path: "changed" for path in before if before[path] != after.get(path)}
    return [
        f"{path} in the pipeline's folder was {what}" for path, what in found.items()
    ]
