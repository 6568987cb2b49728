"""Names of parts and columns: the source's own, made fit and made unique."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from brainsets.errors import SettingsError

__all__ = ["column_name", "part_names", "renamed", "snake_case"]

_OF_ALL = "from_hdf5 to_hdf5 keys materialize select_by_mask slice"
RESERVED_COLUMNS = frozenset(
    f"""
    {_OF_ALL} arange coalesce difference dilate domain end from_dataframe
    from_gappy_timeseries from_list index_mask is_disjoint is_gappy is_sorted linspace
    register_timekey sampling_rate select_by_interval sort split start subdivide
    timekeys timestamps to_irregular
    """.split()
)
"""What a series or table of temporaldata has as attributes of its own."""

RESERVED_PARTS = frozenset(
    f"""
    {_OF_ALL} absolute_start brainset close device domain end file
    get_nested_attribute has_nested_attribute inventory load save select_by_interval
    session set_nested_attribute set_test_domain set_train_domain set_valid_domain
    start subject test_domain to_dict train_domain valid_domain
    """.split()
)
"""What a recording has as attributes of its own."""


def _fit(text: str, otherwise: str) -> str:
    """Return text as an identifier that does not begin with an underscore."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_")
    if not name or not name[0].isalpha():
        name = f"{otherwise}_{name}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) else name


def snake_case(text: str) -> str:
    """Return a name such as ``ElectricalSeries`` as ``electrical_series``."""
    text = re.sub(
        r"(?<=[A-Za-z0-9][a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text
    )
    return re.sub(r"_+", "_", _fit(text, "series").lower())


def column_name(text: str, taken: Iterable[str] = ()) -> str:
    """Return the name of a column, none of `taken`, and no attribute of a series."""
    name = _fit(text, "column")
    taken = set(taken)
    while name in RESERVED_COLUMNS or name in taken:
        name += "_"
    return name


def part_names(candidates: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a unique name for each path.

    Parameters
    ----------
    candidates : mapping
        From paths to the names that would do, shortest first: ``lfp``, then
        ``ecephys_lfp``. All that share a name take their next one.

    Returns
    -------
    dict
        From paths to names.
    """
    level = dict.fromkeys(candidates, 0)
    while True:
        names = {path: _at(candidates[path], level[path]) for path in candidates}
        counts = Counter(names.values())
        # A part's channels stand beside it.
        beside = {f"{name}_channels" for name in names.values()}
        clashing = [
            path
            for path, name in names.items()
            if counts[name] > 1 or name in RESERVED_PARTS or name in beside
        ]
        longer = [path for path in clashing if level[path] + 1 < len(candidates[path])]
        if not longer:
            return _numbered(names)
        for path in longer:
            level[path] += 1


def _at(names: Sequence[str], level: int) -> str:
    return names[min(level, len(names) - 1)]


def _numbered(names: Mapping[str, str]) -> dict[str, str]:
    """Tell apart by numbers what no longer name tells apart."""
    found: dict[str, str] = {}
    used: set[str] = set(RESERVED_PARTS)
    for path, name in names.items():
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used |= {unique, f"{unique}_channels"}
        found[path] = unique
    return found


def renamed(
    names: Mapping[str, str], changes: Mapping[str, str], *, where: str
) -> dict[str, str]:
    """Return names with changes from ``OLD`` to ``NEW``, by name or by path.

    Parameters
    ----------
    names : mapping
        From paths to names.
    changes : mapping
        From a name or a path to the new name.
    where : str
        What has these names, for the sentence of an error.

    Raises
    ------
    SettingsError
        An old name is not there, or a new one is no name or is taken.
    """
    found = dict(names)
    for old, new in changes.items():
        paths = [path for path, name in names.items() if old in (path, name)]
        if not paths:
            known = ", ".join(sorted(names.values())) or "nothing"
            raise SettingsError(
                f"Nothing of {where} is named {old!r}, to be renamed to {new!r}: "
                f"it has {known}."
            )
        if new in RESERVED_PARTS or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", new):
            raise SettingsError(
                f"{old!r} cannot be renamed to {new!r}: a name has letters, digits and "
                "underscores, begins with a letter, and is none that every recording "
                "has, such as 'domain'."
            )
        found.update(dict.fromkeys(paths, new))
    for name, count in Counter(found.values()).items():
        if count > 1:
            both = " and ".join(path for path in found if found[path] == name)
            raise SettingsError(
                f"Two parts of {where} would be named {name!r}: {both}; rename one of "
                "them to something else."
            )
    return found
