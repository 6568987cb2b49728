"""What the files of a run say of a brainset: its assets, inputs, versions and times."""

import ast
import hashlib
import os
import re
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from brainsets.errors import ManifestError
from brainsets.shared.files import is_regular, read_regular
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import read_manifest
from brainsets.shared.manifest_schema import read_listing
from brainsets.shared.state.asset_state import asset_state
from brainsets.shared.state.sentinels import (
    DONE,
    DOWNLOADED,
    FAILED,
    SKIPPED,
    read_sentinel,
)
from brainsets.shared.state.status import BrainsetStatus, brainset_status
from brainsets.shared.state.summary import summary_rows

__all__ = ["Asset", "Facts", "Span", "commit_of", "read_facts"]


# Of reStructuredText: emphasis, literals, and the mark of a reference.
_MARKUP = re.compile(r"\*([^*\n]+)\*|``(.+?)``|(\[\d+\])_")


@dataclass(frozen=True)
class Span:
    """A step that has ended: `start` and `end` are seconds since 1970."""

    step: str
    start: float
    end: float
    failed: bool


@dataclass
class Asset:
    """One asset: its line of the summary, and the sentinels of its steps."""

    asset: str
    name: str
    row: dict[str, Any]
    state: str
    record: dict[str, Any]
    downloaded: dict[str, Any]

    @property
    def spans(self) -> list[Span]:
        """When its steps ran, the last attempt at each."""
        steps = {"download": self.downloaded}
        if self.state in (DONE, FAILED, SKIPPED):
            steps[str(self.record.get("step"))] = self.record
        found = []
        for step, record in steps.items():
            start, end = _seconds(record.get("started")), _seconds(record.get("ended"))
            # Not so if two machines with different clocks wrote them.
            if start is not None and end is not None and start <= end:
                found.append(Span(step, start, end, "attempts" in record))
        return found


@dataclass
class Facts:
    """All that is known of a brainset without a look at its data."""

    folder: BrainsetFolder
    status: BrainsetStatus
    assets: list[Asset]
    listing: dict[str, Any]
    manifest_hash: str | None
    environment: dict[str, Any] | None
    title: str
    description: str
    variants: dict[str, Counter] = field(default_factory=dict)
    versions: dict[str, Counter] = field(default_factory=dict)

    @property
    def brainset(self) -> str:
        """The brainset's id."""
        return self.folder.root.name

    @property
    def done(self) -> list[tuple[str, dict[str, Any]]]:
        """The id of each asset that is done, and its DONE sentinel."""
        return [(a.asset, a.record) for a in self.assets if a.state == DONE]

    @property
    def spans(self) -> list[Span]:
        """When all steps ran."""
        return [span for asset in self.assets for span in asset.spans]


def read_facts(folder: BrainsetFolder) -> Facts:
    """Read what the sentinels of a brainset, and the files beside them, say."""
    assets, manifest_hash = [], None
    status = brainset_status(folder)
    if status.total is not None:
        manifest_hash = hashlib.sha256(read_regular(folder.manifest)).hexdigest()
        manifest = read_manifest(folder.manifest)
        existing = {*os.listdir(folder.status)} if folder.status.is_dir() else set()
        for row in summary_rows(folder, read=lambda path: manifest):
            name = manifest.names[row["asset"]]
            assets.append(_asset(folder, row, name, existing))
    done = [asset.record for asset in assets if asset.state == DONE]
    try:
        listing = read_listing(folder.manifest)
    except ManifestError:
        # `status` says so.
        listing = {}
    pipeline = _latest(done, "pipeline") or listing.get("pipeline")
    title, description = _docstring(pipeline)
    facts = Facts(
        folder,
        status,
        assets,
        listing,
        manifest_hash,
        read_sentinel(folder.environment_ready),
        title,
        description,
    )
    for key in ("pipeline", "code", "args", "host"):
        facts.variants[key] = Counter(
            _as_text(record[key]) for record in done if record.get(key) is not None
        )
    for record in done:
        for package, version in (record.get("versions") or {}).items():
            facts.versions.setdefault(package, Counter())[str(version)] += 1
    return facts


def _asset(
    folder: BrainsetFolder, row: dict[str, Any], name: str, existing: set[str]
) -> Asset:
    state, record = asset_state(folder, name, existing)
    downloaded: dict[str, Any] = {}
    if f"{name}.{DOWNLOADED}" in existing:
        downloaded = read_sentinel(folder.sentinel(name, DOWNLOADED)) or {}
    return Asset(row["asset"], name, row, state, record, downloaded)


def commit_of(root: Path) -> str | None:
    """Return the commit that is checked out in a folder, None if there is none."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _latest(records: Iterable[dict[str, Any]], key: str) -> Any:
    known = [record for record in records if record.get(key)]
    return max(known, key=lambda r: str(r.get("ended")))[key] if known else None


def _docstring(pipeline: Any) -> tuple[str, str]:
    """Return the first line of a pipeline's docstring, and its first paragraph."""
    if not pipeline or not is_regular(str(pipeline)):
        return "", ""
    try:
        with tokenize.open(str(pipeline)) as file:
            text = ast.get_docstring(ast.parse(file.read()))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return "", ""
    title, _, rest = _MARKUP.sub(r"\1\2\3", text or "").partition("\n")
    first = rest.strip().partition("\n\n")[0]
    return title.strip(), " ".join(first.split())


def _seconds(time: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
