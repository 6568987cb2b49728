"""What of a brainset would come out differently today, judged by what DONE says.

A run makes anew what it was asked for with another row, other arguments or other code;
other versions of packages alone are no reason for that, and are said here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainsets.errors import BrainsetError, ManifestError
from brainsets.planning.pending import has_same_imports
from brainsets.planning.settings import Brainset
from brainsets.shared.folders import BrainsetFolder
from brainsets.shared.manifest import Manifest, read_manifest
from brainsets.shared.state.sentinels import DONE, read_sentinel
from brainsets.shared.version import VERSION
from brainsets.sources.pipeline_file import PipelineSource

__all__ = ["Difference", "differences"]

_OURS = "brainsets-workflow"
_SUFFIX = f".{DONE}"


@dataclass(frozen=True)
class Difference:
    """An asset that is done, and why it would come out differently today."""

    asset: str
    reasons: tuple[str, ...]


def differences(
    folder: BrainsetFolder, brainset: Brainset | None = None
) -> list[Difference]:
    """Return the assets that were made of something else than what is there now.

    Parameters
    ----------
    folder : BrainsetFolder
        That of the brainset.
    brainset : Brainset, optional
        Its settings. Without them nothing can be said of arguments, and the pipeline is
        the file that the assets were made by.
    """
    judge = _Judge(folder, brainset)
    found = []
    for file in sorted(folder.sentinel_files()):
        done = read_sentinel(folder.status / file) if file.endswith(_SUFFIX) else None
        if done is None:
            continue
        if reasons := tuple(judge.reasons(done)):
            asset = str(done.get("asset") or file.removesuffix(_SUFFIX))
            found.append(Difference(asset, reasons))
    return found


class _Judge:
    """What there is now, read once for all assets."""

    def __init__(self, folder: BrainsetFolder, brainset: Brainset | None) -> None:
        self._folder = folder
        self._brainset = brainset
        self._manifest = _manifest(folder)
        ready = read_sentinel(folder.environment_ready) or {}
        self._packages = _packages(ready)
        self._built = str(ready.get("built") or "")
        self._codes: dict[str, str | None] = {}
        self._looked_at: dict[tuple[str, str], Any] = {}

    def reasons(self, done: Mapping[str, Any]) -> Iterator[str]:
        yield from self._row(done)
        brainset = self._brainset
        if brainset is not None and not brainset.has_args_of(done):
            yield "arguments changed"
        yield from self._code(done)
        yield from self._versions(done)

    def _row(self, done: Mapping[str, Any]) -> Iterator[str]:
        asset = done.get("asset")
        if self._manifest is None or not isinstance(asset, str):
            return
        if asset not in self._manifest.rows:
            yield "it is no longer in the manifest"
        elif done.get("row") != self._manifest.row_hash(asset):
            yield "its row changed"

    def _code(self, done: Mapping[str, Any]) -> Iterator[str]:
        pipeline = done.get("pipeline")
        if self._brainset is not None:
            file, code = self._brainset.pipeline, self._brainset.source.code
        elif isinstance(pipeline, str):
            file, found = Path(pipeline), self._code_of(pipeline)
            if found is None:
                return
            code = found
        else:
            return
        if done.get("code") != code or not has_same_imports(
            file, done, self._looked_at
        ):
            yield "pipeline code changed"

    def _code_of(self, pipeline: str) -> str | None:
        """Return the code of a pipeline's file; None where it cannot be said."""
        if pipeline not in self._codes:
            self._codes[pipeline] = None
            # That of a published package counts by its version.
            if self._folder.environment not in Path(pipeline).parents:
                try:
                    self._codes[pipeline] = PipelineSource(Path(pipeline)).code
                except (BrainsetError, OSError):
                    pass
        return self._codes[pipeline]

    def _versions(self, done: Mapping[str, Any]) -> Iterator[str]:
        versions, begun = done.get("versions"), str(done.get("started") or "")
        # An environment that was there before is the one that it was made in.
        packages = {} if self._built and self._built < begun else self._packages
        for name, before in (versions or {}).items():
            now = VERSION if name == _OURS else packages.get(_normal(name))
            if now is None or before is None:
                continue
            if _release(now) != _release(str(before)):
                yield f"{name} {before} is now {now}"


def _manifest(folder: BrainsetFolder) -> Manifest | None:
    try:
        return read_manifest(folder.manifest)
    except (ManifestError, OSError):
        return None


def _packages(ready: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of the pipeline's environment, by normal names."""
    listed = ready.get("packages")
    pairs = (str(each).partition("==") for each in listed or ())
    return {_normal(name): version for name, equals, version in pairs if equals}


def _release(version: str) -> str:
    """Return a version as modules say it: without a build, or a later packaging."""
    return re.sub(r"(\.post\d+)?(\+.*)?$", "", version)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
