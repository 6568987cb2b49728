"""The progress of brainsets, read from their sentinels."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from brainsets.errors import ManifestError, SettingsError
from brainsets.shared.folders import WORKFLOW_FOLDER, BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.state import sentinels
from brainsets.shared.state.asset_state import asset_state
from brainsets.shared.text.lines import MAX_TITLE_LENGTH, first_line, single_line
from brainsets.shared.text.suggestions import did_you_mean

__all__ = [
    "STATES",
    "AssetFilter",
    "BrainsetStatus",
    "assets_by_reason",
    "why_skipped",
    "brainset_status",
    "failure_text",
    "find_brainsets",
    "failure_summary",
]

STATES = (
    sentinels.DONE,
    sentinels.SKIPPED,
    sentinels.FAILED,
    sentinels.RUNNING,
    sentinels.INTERRUPTED,
    sentinels.DOWNLOADED,
    sentinels.PENDING,
)
"""All states of an asset, in the order in which they are shown."""

_SUFFIXES = (".DONE", ".DOWNLOADED", ".FAILED", ".RUNNING")
# A longer DONE lists hundreds of outputs.
_FIRST_PART = 1 << 16


@dataclass(frozen=True)
class AssetFilter:
    """Which assets are to be listed one by one.

    Parameters
    ----------
    states : collection of str
        Their states; all by default.
    patterns : sequence of str
        Ids or globs, of which one must match; an id is taken literally first.
    """

    states: Collection[str] = STATES
    patterns: Sequence[str] = ()

    def matches(self, asset: str, state: str) -> bool:
        """Whether an asset in a state is one of them."""
        return state in self.states and (not self.patterns or self.names(asset))

    def names(self, asset: str) -> bool:
        """Whether one of the patterns is for an asset."""
        return any(asset == p or fnmatchcase(asset, p) for p in self.patterns)


@dataclass
class BrainsetStatus:
    """The state of one brainset.

    `failures`, `interrupted`, `running` and `skipped` hold a mapping per asset;
    `orphaned` the ids of assets that were prepared but are no longer in the manifest;
    `broken` says what keeps the whole brainset from running (its environment, its list
    of assets), each with its log. `assets` holds a mapping per asset that a filter has
    let through, None without a filter; with one, the lists before hold only these.
    `counts` and `without_files`, assets that are done and have published nothing, are
    those of all assets in any case.
    """

    brainset: str
    folder: Path
    total: int | None
    counts: dict[str, int]
    failures: list[dict[str, Any]] = field(default_factory=list)
    interrupted: list[dict[str, Any]] = field(default_factory=list)
    running: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    broken: list[dict[str, Any]] = field(default_factory=list)
    assets: list[dict[str, Any]] | None = None
    without_files: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether anything failed."""
        return bool(self.counts.get(sentinels.FAILED) or self.broken)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON can hold it; see docs/status_json.md."""
        return {
            "brainset": self.brainset,
            "folder": str(self.folder),
            "total": self.total,
            "counts": {state.lower(): self.counts.get(state, 0) for state in STATES},
            "done_without_files": self.without_files,
            "failed": self.failures,
            "interrupted": self.interrupted,
            "running": self.running,
            "skipped": self.skipped,
            "orphaned": self.orphaned,
            "broken": self.broken,
            "assets": self.assets,
        }


def find_brainsets(processed_dir: Path, names: list[str]) -> list[BrainsetFolder]:
    """Return the folders of all brainsets that a run has begun, or of the named ones.

    Raises
    ------
    SettingsError
        A named one is not there.
    """
    found = {
        path.parent.name: BrainsetFolder(path.parent)
        for path in sorted(processed_dir.glob(f"*/{WORKFLOW_FOLDER}"))
    }
    for name in names:
        if name not in found:
            hint = did_you_mean(name, found) or "see --processed-dir."
            raise SettingsError(f"no run of {name!r} under {processed_dir}; {hint}")
    return [found[name] for name in names or found]


def brainset_status(
    folder: BrainsetFolder,
    only: AssetFilter | None = None,
    read: Callable[[Path], Manifest] = read_manifest,
) -> BrainsetStatus:
    """Read how far one brainset is.

    Parameters
    ----------
    folder : BrainsetFolder
        The brainset's folder.
    only : AssetFilter, optional
        Which assets to list one by one.
    read : callable
        Reads a manifest; `Manifests.read`, to keep it between calls.
    """
    status = BrainsetStatus(folder.root.name, folder.root, None, {})
    status.assets = None if only is None else []
    manifest = None
    for failure in (folder.environment_failure, folder.listing_failure):
        record = sentinels.read_sentinel(failure)
        if record is not None:
            status.broken.append(failure_summary(record))
    if folder.manifest.exists():
        try:
            manifest = read(folder.manifest)
        except ManifestError as error:
            status.broken.append({"step": "write_manifest", "message": str(error)})
    # Names with a dot are temporary files of killed processes.
    existing = {
        name
        for name in folder.sentinel_files()
        if name.endswith(_SUFFIXES) and not name.startswith(".")
    }
    if manifest is not None:
        _count(status, folder, manifest, existing, only)
    return status


def _count(
    status: BrainsetStatus,
    folder: BrainsetFolder,
    manifest: Manifest,
    existing: set[str],
    only: AssetFilter | None,
) -> None:
    files: dict[str, str] = {}
    for file in existing:
        files[file.rpartition(".")[0]] = file
    known = {name: manifest.names.asset(name) for name in files}
    names = {asset: name for name, asset in known.items() if asset is not None}
    place = str(folder.status)
    # Assets without files are pending: checking each would take seconds for many.
    counts = Counter({sentinels.PENDING: len(manifest.rows) - len(names)})
    for asset in manifest.rows if only is not None or names else ():
        name = names.get(asset)
        if name is None and only is None:
            continue
        state = sentinels.PENDING
        record: dict[str, Any] = {}
        if name is not None:
            done = f"{name}.{sentinels.DONE}"
            has_files = _has_files(f"{place}/{done}") if done in existing else None
            if has_files:
                state = sentinels.DONE
            else:
                state, record = asset_state(folder, name, existing)
            if state == sentinels.DONE:
                status.without_files += not (has_files or record.get("outputs"))
            counts[state] += 1
        if only is not None and status.assets is not None:
            if not only.matches(asset, state):
                continue
            status.assets.append({"asset": asset, "state": state})
        if state == sentinels.FAILED:
            status.failures.append({**failure_summary(record), "asset": asset})
        elif state == sentinels.SKIPPED:
            entry = {"step": record.get("step"), "log": record.get("log")}
            reason = record.get("skipped")
            status.skipped.append({"asset": asset, "reason": reason, **entry})
        elif state in (sentinels.RUNNING, sentinels.INTERRUPTED):
            keys = ("step", "status", "started", "host", "pid", "slurm_job", "log")
            entry = {"asset": asset, **{key: record.get(key) for key in keys}}
            running = state == sentinels.RUNNING
            (status.running if running else status.interrupted).append(entry)
    status.counts = {state: count for state, count in counts.items() if count}
    status.total = len(manifest.rows)
    strangers = [files[name] for name, asset in known.items() if asset is None]
    status.orphaned = sorted(_orphans(folder, manifest, strangers))


def _has_files(done: str) -> bool | None:
    """Whether a DONE lists any output; None if it has to be read to know that.

    This is done for each asset, so a file in our own form is not parsed.
    """
    try:
        # Without blocking, as it may be a named pipe.
        file = os.open(done, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(file, _FIRST_PART)
    except OSError:
        return None
    finally:
        os.close(file)
    if not text.startswith(b"{") or not text.endswith(b"}\n"):
        return None
    # Within a JSON string, the quotes would be escaped.
    if b'"outputs": [' not in text:
        return None
    return b'"outputs": []' not in text


def _orphans(
    folder: BrainsetFolder, manifest: Manifest, strangers: Iterable[str]
) -> Iterator[str]:
    """Yield the ids of assets that have sentinels but no row."""
    for file in strangers:
        record = sentinels.read_sentinel(folder.status / file) or {}
        asset = record.get("asset") or file.rpartition(".")[0]
        # An asset's file name changes when an id comes in that differs only in case.
        if asset not in manifest.rows:
            yield asset


def why_skipped(sentinel: Path) -> str | None:
    """Return why an asset was skipped, by its DONE or DOWNLOADED; None if it was not.

    Of a DONE that lists outputs, only a part is read.
    """
    if _has_files(str(sentinel)):
        return None
    reason: str | None = (sentinels.read_sentinel(sentinel) or {}).get("skipped")
    return reason


def assets_by_reason(status: BrainsetStatus) -> dict[str, list[Any]]:
    """Return the ids of assets that were skipped, by why."""
    reasons: dict[str, list[Any]] = {}
    for entry in status.skipped:
        reasons.setdefault(first_line(entry["reason"]), []).append(entry["asset"])
    return reasons


def failure_summary(record: dict[str, Any]) -> dict[str, Any]:
    """Return the main facts of a FAILED sentinel."""
    last = (record.get("attempts") or [{}])[-1]
    return {
        "asset": record.get("asset"),
        "step": record.get("step"),
        "error": last.get("error"),
        "message": last.get("message"),
        "transient": last.get("transient"),
        "attempts": len(record.get("attempts") or []),
        "log": record.get("log"),
    }


def failure_text(failure: dict[str, Any], *, with_type: bool = True) -> str:
    """Return the type and the first line of a failure, on one line."""
    # The output of argparse ends with the error; other messages begin with it.
    is_last = failure.get("error") == "UsageError"
    message = first_line(failure.get("message") or "", last=is_last)
    if failure.get("error") and with_type:
        message = f"{single_line(failure['error'], MAX_TITLE_LENGTH)}: {message}"
    return message
