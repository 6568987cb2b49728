"""Asset ids as file names, and as text on a screen.

An id is whatever a pipeline's manifest uses as its index. In file names it stands as
itself where that is safe and percent-encoded where not; everywhere a person reads it,
it keeps its own spelling.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote, unquote

__all__ = ["NAME_PATTERN", "asset_name", "asset_names", "guessed_id", "spelled"]

NAME_PATTERN = r"[A-Za-z0-9_%-][A-Za-z0-9._%-]*(?:~[0-9a-f]{16})?"
"""What the name of an asset looks like, as a regular expression."""

# 255 bytes is the limit of nearly every file system. The longest suffix
# (".DOWNLOADED") and the prefix and suffix of temporary files must fit as well.
_LONGEST = 200
_KEPT_OF_LONG = 120

# A wildcard that ends in twenty times the same is an endless recursion for Snakemake.
_MOST_REPEATED = 19
_REPETITION = re.compile(rf"(.+)\1{{{_MOST_REPEATED}}}$")


def _encoded(asset: str) -> str:
    # quote() leaves "~" as it is, but "~" announces our hash: nothing else may use it.
    encoded = quote(asset, safe="", errors="surrogatepass").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    return encoded


def _is_repetitive(encoded: str) -> bool:
    # The count is for speed: hardly any name has so many of one letter.
    is_possible = encoded.count(encoded[-1:]) > _MOST_REPEATED
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
    if hashed or len(encoded) > _LONGEST:
        stem = encoded if len(encoded) <= _LONGEST else encoded[:_KEPT_OF_LONG]
        digest = hashlib.sha256(asset.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{stem}~{digest[:16]}"
    return encoded


def asset_names(assets: Iterable[str]) -> dict[str, str]:
    """Return the file name of each asset of one manifest, by id.

    Names differ even where letters of different case are the same file (macOS).
    """
    assets = list(assets)
    folded = Counter(_encoded(asset).casefold() for asset in assets)
    return {
        asset: asset_name(asset, hashed=folded[_encoded(asset).casefold()] > 1)
        for asset in assets
    }


def guessed_id(name: str) -> str:
    """Return the id that a name without a hash stands for."""
    return unquote(name, errors="surrogatepass")


def spelled(text: object) -> str:
    """Return text as one line of a terminal or table: control characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in str(text)
    )
