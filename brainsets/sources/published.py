"""The packages that pipelines were published in, and the pipelines inside them.

The names are known here, so that planning needs neither package nor network; the code
is fetched at a pinned version by the job that builds the pipeline's environment.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "PACKAGES",
    "Package",
    "PublishedPipeline",
    "pinned",
]


@dataclass(frozen=True)
class Package:
    """One published package.

    Parameters
    ----------
    version : str
        The version that is used unless the settings name another.
    folder : str
        Where its pipelines lie, seen from the folder of installed packages.
    names : tuple of str
        The pipelines in that version; each is the folder's name and the brainset's id.
    """

    name: str
    version: str
    folder: str
    names: tuple[str, ...]

    def file(self, site: Path, name: str) -> Path:
        """Return the file of a pipeline under a folder of installed packages."""
        return site / self.folder / name / "pipeline.py"


_BOTH = (
    "allen_visual_coding_ophys_2016",
    "churchland_shenoy_neural_2012",
    "kemp_sleep_edf_2013",
    "klinzing_sleep_ds005555",
    "kochi_visualnaming_ds006914",
    "neuroprobe_2025",
    "odoherty_sabes_nonhuman_2017",
    "pei_pandarinath_nlb_2021",
    "perich_miller_population_2018",
    "shirazi_hbnr1_ds005505",
    "vollan_moser_alternating_2025",
)

PACKAGES = {
    package.name: package
    for package in (
        # In the order in which a plain name is looked for.
        Package(
            "torch_brain", "0.2.1", "torch_brain/pipeline/brainsets-pipelines", _BOTH
        ),
        Package(
            "brainsets",
            "0.2.2",
            "brainsets_pipelines",
            (*_BOTH, "flint_slutzky_accurate_2012"),
        ),
    )
}
"""The packages, by name."""


def pinned(package: str, versions: Mapping[str, str]) -> str:
    """Return a package's requirement, at the version that is asked for."""
    return f"{package}=={versions.get(package, PACKAGES[package].version)}"


@dataclass(frozen=True)
class PublishedPipeline:
    """A pipeline inside a published package, at one version.

    A version that is published does not change, so package, version and name stand for
    the code.
    """

    package: Package
    version: str
    name: str

    def __str__(self) -> str:
        return f"{self.requirement}:{self.name}"

    @property
    def requirement(self) -> str:
        """What to install."""
        return f"{self.package.name}=={self.version}"

    @property
    def brainset_id(self) -> str:
        """The brainset's id."""
        return self.name

    @property
    def code(self) -> str:
        """A hash that stands for the code."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    @property
    def code_stamp(self) -> str:
        """Empty: the code cannot be edited, so no step has to look whether it was."""
        return ""

    @property
    def environment_key(self) -> str:
        """A hash of all that decides what the environment holds."""
        return hashlib.sha256(json.dumps(str(self)).encode()).hexdigest()[:16]

    def file(self, environment: Path) -> Path:
        """Return the pipeline's file, in the environment built for it."""
        return environment / "pipeline" / "pipeline.py"
