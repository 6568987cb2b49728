"""Prepare public neural recordings for machine learning, as a Snakemake workflow.

Where the published ``brainsets`` package is installed too (in the environment of a
pipeline written for it), its modules that this project does not have, such as
``brainsets.descriptions``, are found behind ours.
"""

from pkgutil import extend_path
from typing import Any

__all__ = ["__version__"]

__path__ = extend_path(__path__, __name__)

_PUBLISHED = ("serialize_fn_map", "datetime_serialize_fn")


def __getattr__(name: str) -> Any:
    # Looked up when asked for: published pipelines import these from here, and record
    # the version of the package whose helpers they ran with.
    if name in _PUBLISHED:
        try:
            from brainsets import core
        except ImportError as error:
            raise AttributeError(
                f"brainsets.{name} belongs to the published package; add "
                '"brainsets==0.2.2" to the pipeline\'s dependencies.'
            ) from error
        return getattr(core, name)
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("brainsets")
        except metadata.PackageNotFoundError:
            from brainsets.shared.version import VERSION

            return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
