"""Choose assets of a manifest by id or glob."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from brainsets.errors import SelectionError
from brainsets.shared.text.suggestions import did_you_mean

__all__ = ["Selection"]

_GLOB_CHARS = frozenset("*?[")


@dataclass(frozen=True)
class Selection:
    """Which assets of a brainset to prepare; by default all.

    `assets` and `exclude` hold ids or globs; an id is taken literally first. `limit` is
    how many of the remaining assets are kept, in the order of the manifest.
    """

    assets: Sequence[str] = ()
    exclude: Sequence[str] = ()
    limit: int | None = None

    def apply(self, brainset: str, known: Sequence[str]) -> list[str]:
        """Return the selected ids in the order of the manifest.

        Raises
        ------
        SelectionError
            An entry matches no asset.
        """
        chosen = known
        if self.assets:
            wanted = self._matched(brainset, "assets", self.assets, known)
            chosen = [asset for asset in known if asset in wanted]
        if self.exclude:
            unwanted = self._matched(brainset, "exclude", self.exclude, known)
            chosen = [asset for asset in chosen if asset not in unwanted]
        return list(chosen[: self.limit])

    @staticmethod
    def _matched(
        brainset: str, setting: str, patterns: Sequence[str], known: Sequence[str]
    ) -> set[str]:
        ids = set(known)
        matched: set[str] = set()
        for pattern in patterns:
            if pattern in ids:
                matched.add(pattern)
                continue
            found: set[str] = set()
            if _GLOB_CHARS & set(pattern):
                found = {asset for asset in known if fnmatchcase(asset, pattern)}
            if not found:
                hint = did_you_mean(pattern, known, cutoff=0.2) or (
                    f"the first of its {len(known)} assets is {known[0]!r}."
                    if known
                    else "its manifest is empty."
                )
                raise SelectionError(
                    f"{brainset}: {setting} names {pattern!r}, but the "
                    f"manifest has no such asset; {hint}"
                )
            matched |= found
        return matched
