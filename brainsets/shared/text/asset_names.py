"""Asset ids as file names.

An id is whatever a pipeline's manifest uses as its index. In file names it stands as
itself where that is safe and percent-encoded where not.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from urllib.parse import quote, unquote

__all__ = [
    "NAME_PATTERN",
    "AssetNames",
    "asset_name",
    "asset_names",
    "decoded_id",
]

NAME_PATTERN = r"[A-Za-z0-9_%-][A-Za-z0-9._%-]*(?:~[0-9a-f]{16})?"
"""A regular expression that matches the names of assets."""

# 255 bytes is the limit of nearly every file system. The longest suffix
# (".DOWNLOADED") and the prefix and suffix of temporary files must fit as well.
_MAX_NAME_LENGTH = 200
_KEPT_OF_LONG = 120

# Ids that need no encoding, as nearly all.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")

# Snakemake recurses without end on a wildcard that ends in twenty repetitions.
_MAX_REPETITIONS = 19
_REPETITION = re.compile(rf"(.+)\1{{{_MAX_REPETITIONS}}}$")


def _encoded(asset: str) -> str:
    if _PLAIN.fullmatch(asset):
        return asset
    # quote() leaves "~" as it is, but "~" announces our hash: nothing else may use it.
    encoded = quote(asset, safe="", errors="surrogatepass").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    return encoded


def _is_repetitive(encoded: str) -> bool:
    # The count is for speed: hardly any name has so many of one letter.
    is_possible = encoded.count(encoded[-1:]) > _MAX_REPETITIONS
    return is_possible and _REPETITION.search(encoded) is not None


def asset_name(asset: str, *, hashed: bool = False) -> str:
    """Return the name that stands for an asset in file names.

    Parameters
    ----------
    asset : str
        The id as the manifest spells it.
    hashed : bool
        Whether to append a hash of the id, as is done for ids that differ from
        another one only in case. Ids that start with a dot, are too long for a file
        name, or end in the same part over and over get it in any case.
    """
    encoded = _encoded(asset)
    hashed = hashed or asset.startswith(".") or _is_repetitive(encoded)
    if hashed or len(encoded) > _MAX_NAME_LENGTH:
        stem = encoded if len(encoded) <= _MAX_NAME_LENGTH else encoded[:_KEPT_OF_LONG]
        digest = hashlib.sha256(asset.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{stem}~{digest[:16]}"
    return encoded


class AssetNames(Mapping[str, str]):
    """The file name of each asset of one manifest, by id, in the manifest's order.

    Names differ by more than case, as file systems may ignore that (macOS). They are
    computed when needed: of half a million assets a run may need two.

    Parameters
    ----------
    assets : mapping with str as keys
        Has a key for each asset.
    """

    def __init__(self, assets: Mapping[str, object]) -> None:
        self._assets = assets
        self._made: dict[str, str] = {}

    def __getitem__(self, asset: str) -> str:
        name = self._made.get(asset)
        if name is None:
            if asset not in self._assets:
                raise KeyError(asset)
            hashed = _without_case(asset) in self._alike
            name = self._made[asset] = asset_name(asset, hashed=hashed)
        return name

    def __iter__(self) -> Iterator[str]:
        return iter(self._assets)

    def __len__(self) -> int:
        return len(self._assets)

    def __contains__(self, asset: object) -> bool:
        return asset in self._assets

    def asset(self, name: str) -> str | None:
        """Return the id of the asset that has a name, None if there is none."""
        if "~" in name:
            return self._hashed.get(name)
        asset = decoded_id(name)
        return asset if asset in self._assets and self[asset] == name else None

    @cached_property
    def _alike(self) -> set[bytes]:
        """Ids in lower case that belong to several assets."""
        folded = [_without_case(asset) for asset in self._assets]
        if len({*folded}) == len(folded):
            return set()
        return {text for text, count in Counter(folded).items() if count > 1}

    @cached_property
    def _hashed(self) -> dict[str, str]:
        """Ids by hashed names, which cannot be decoded."""
        return {name: asset for asset, name in self.items() if "~" in name}


def _without_case(asset: str) -> bytes:
    """Return an id with its ASCII letters in lower case, as bytes."""
    return asset.encode("utf-8", "surrogatepass").lower()


def asset_names(assets: Iterable[str]) -> dict[str, str]:
    """Return the file name of each asset of one manifest, by id."""
    return dict(AssetNames(dict.fromkeys(assets)))


def decoded_id(name: str) -> str:
    """Return the id of a name without a hash."""
    try:
        return unquote(name, errors="surrogatepass")
    except UnicodeDecodeError:
        # No asset has such a name.
        return name
