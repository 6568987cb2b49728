"""Which recordings of a dataset are wanted, and what they are called."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

__all__ = ["is_like", "recording_ids"]

# With what is added to it, a file may be named after it.
_MAX_ID_BYTES = 150
_KEPT_LETTERS = 30


def is_like(names: str | Iterable[str], patterns: Sequence[str]) -> bool:
    """Whether one of the names is like one of the patterns, or there are none."""
    given = [names] if isinstance(names, str) else list(names)
    return not patterns or any(
        fnmatchcase(name, pattern) for pattern in patterns for name in given
    )


def recording_ids(
    paths: Sequence[str], named: Callable[[str], str] = str
) -> dict[str, str]:
    """Return an id for the recording at each path, all different, also in lower case.

    It is the file's name; where several files have that name, the folders stand before
    it.

    Parameters
    ----------
    paths : sequence of str
        All recordings of the dataset, so that an id does not depend on what is chosen.
    named : callable, optional
        What of a path is the recording's: leaves out what all files end with.
    """
    forms = {path: _forms(path, named(path)) for path in paths}
    chosen: dict[str, str] = {}
    left = list(paths)
    for level in range(3):
        names = {path: forms[path][level] for path in left}
        count = Counter(name.lower() for name in names.values())
        taken = {id.lower() for id in chosen.values()}
        for path, name in names.items():
            if count[name.lower()] == 1 and name.lower() not in taken:
                chosen[path] = name
        left = [path for path in left if path not in chosen]
    return {path: chosen[path] for path in paths}


def _forms(path: str, name: str) -> list[str]:
    """Return ids for a path, each longer than the one before; the last is unique."""
    whole = name.replace("/", "_")
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    forms = [name.rpartition("/")[2], whole]
    fit = [
        form
        if form and len(form.encode("utf-8", "surrogatepass")) <= _MAX_ID_BYTES
        else f"{form[:_KEPT_LETTERS]}_{digest}"
        for form in forms
    ]
    return [*fit, f"{whole[:_KEPT_LETTERS]}_{digest}"]
