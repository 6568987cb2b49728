"""Which environments have to be built in this run, and what waits for them.

One that is whole is no input of any rule, so that it is judged here alone and never by
Snakemake, by times of files and its records of them.
"""

from collections.abc import Callable

from brainsets.planning.pending import needs_listing
from brainsets.planning.settings import Brainset
from brainsets.sources import environments

__all__ = ["EnvironmentNeeds"]


class EnvironmentNeeds:
    """What has been found out of environments; it stays so while this process lives.

    Parameters
    ----------
    is_forced : callable
        Whether one of some rules is to be run whether or not it has to.
    """

    def __init__(self, is_forced: Callable[..., bool]) -> None:
        self._is_forced = is_forced
        # Ids of brainsets whose environment was found whole, was withdrawn as it is
        # not, or is to be replaced in any case.
        self._whole: set[str] = set()
        self._withdrawn: set[str] = set()
        self._replaced: set[str] = set()

    def needed(self, brainset: Brainset, *, repair: bool = False) -> list[str]:
        """Return the file that an environment leaves, if it has to be built first.

        With `repair`, what claims to be an environment and is none is withdrawn.
        """
        folder = brainset.folder
        if not brainset.is_isolated or brainset.id in self._whole:
            return []
        if not self._is_forced("build_environment"):
            if environments.is_built(folder, brainset.source.environment_key):
                self._whole.add(brainset.id)
                return []
            if repair and brainset.id not in self._withdrawn:
                # Once, before this run builds it.
                self._withdrawn.add(brainset.id)
                environments.withdraw(folder)
        return [str(folder.environment_ready)]

    def needed_to_list(self, brainset: Brainset, *, repair: bool) -> list[str]:
        """Return what listing the assets needs, as `needed` does for the assets.

        An environment that is gone is not built again for a list that is not renewed:
        whoever only has the data, on another machine, has nothing to build.
        """
        listed = brainset.folder.manifest.exists() and not needs_listing(brainset)
        if listed and not self._is_forced("write_manifest"):
            return []
        return self.needed(brainset, repair=repair)

    def is_replaced(self, brainset: Brainset) -> bool:
        """Whether an environment is built because there is another one.

        It stays so when that other one has been removed.
        """
        key = brainset.source.environment_key
        if self._is_forced("build_environment") or environments.is_replaced(
            brainset.folder, key
        ):
            self._replaced.add(brainset.id)
        return brainset.id in self._replaced
