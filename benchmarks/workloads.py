"""What both sides are given to do."""

from dataclasses import dataclass
from pathlib import Path

from brainsets.sources.pipeline_file import PipelineSource

__all__ = [
    "CORES",
    "FULL",
    "QUICK",
    "Sizes",
    "Workload",
    "edf",
    "nothing",
    "planning",
    "waiting",
]

PIPELINES = Path(__file__).resolve().parent / "pipelines"

CORES = 2
"""Cores that both sides are given."""


@dataclass(frozen=True)
class Sizes:
    """How much there is to do: assets, and seconds of each."""

    waiting: int
    wait_s: float
    burn_s: float
    edf: int
    bytes_per_s: float
    nothing: int
    planning: tuple[int, int]


FULL = Sizes(
    waiting=100,
    wait_s=1.0,
    burn_s=1.0,
    edf=60,
    bytes_per_s=20e6,
    nothing=1000,
    planning=(10_000, 50_000),
)
"""What is measured."""

QUICK = Sizes(
    waiting=4,
    wait_s=0.2,
    burn_s=0.2,
    edf=3,
    bytes_per_s=20e6,
    nothing=8,
    planning=(20, 60),
)
"""So little that it tells only whether the benchmark itself works."""


@dataclass(frozen=True)
class Workload:
    """One pipeline, its arguments, and what must have come out of it.

    `suffix` is that of the one file that each asset leaves; empty where there is none.
    `limit_s` is the shortest time that the machine allows, where it can be known.
    """

    name: str
    title: str
    source: PipelineSource
    assets: int
    arguments: list[str]
    suffix: str = ""
    limit_s: float | None = None

    @property
    def brainset(self) -> str:
        """The brainset's id."""
        return self.source.brainset_id

    @property
    def packages(self) -> list[str]:
        """What the pipeline declares."""
        declaration = self.source.declaration
        return list(declaration.dependencies) if declaration else []


def waiting(sizes: Sizes) -> Workload:
    """Return assets that wait in download and compute in process."""
    return Workload(
        name="waiting",
        title=f"{sizes.waiting:,} assets: {sizes.wait_s:g} s of waiting in download, "
        f"{sizes.burn_s:g} s of CPU in process",
        source=_source("waiting"),
        assets=sizes.waiting,
        arguments=_waiting_arguments(sizes.waiting, sizes.wait_s, sizes.burn_s),
        suffix=".txt",
        # All cores are busy from the end of the first download on.
        limit_s=sizes.waiting * sizes.burn_s / CORES + sizes.wait_s,
    )


def edf(sizes: Sizes, archive: str) -> Workload:
    """Return real recordings that are fetched from an archive and converted."""
    return Workload(
        name="edf",
        title=f"{sizes.edf:,} EDF recordings over HTTP at "
        f"{sizes.bytes_per_s / 1e6:g} MB/s in all, to HDF5",
        source=_source("edf"),
        assets=sizes.edf,
        arguments=["--archive", archive],
        suffix=".h5",
    )


def nothing(sizes: Sizes) -> Workload:
    """Return assets that do nothing."""
    return Workload(
        name="nothing",
        title=f"{sizes.nothing:,} assets that do nothing",
        source=_source("nothing"),
        assets=sizes.nothing,
        arguments=["--assets", str(sizes.nothing)],
    )


def planning(assets: int) -> Workload:
    """Return assets that cost nothing and leave a file each: they are only planned."""
    return Workload(
        name=f"planning_{assets}",
        title=f"{assets:,} assets to plan",
        source=_source("waiting"),
        assets=assets,
        arguments=_waiting_arguments(assets, 0, 0),
        suffix=".txt",
    )


def _source(name: str) -> PipelineSource:
    return PipelineSource(PIPELINES / name / "pipeline.py")


def _waiting_arguments(assets: int, wait_s: float, burn_s: float) -> list[str]:
    words = ["--assets", assets, "--wait-s", wait_s, "--burn-s", burn_s]
    return [str(word) for word in words]
