"""Channels that become one signal: of one type, unit and sampling rate."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from brainsets.conversion.names import part_names, renamed, snake_case
from brainsets.conversion.text import to_ascii

__all__ = ["Group", "grouped"]


@dataclass(frozen=True)
class Group:
    """Channels of one signal: its name, and their numbers in the file."""

    name: str
    type: str
    unit: str
    numbers: tuple[int, ...]


def grouped(
    types: Sequence[str],
    units: Sequence[str],
    rates: Sequence[float],
    *,
    numbers: Iterable[int],
    more: Sequence[Hashable] | None = None,
    rename: Mapping[str, str],
    where: str,
    others: Sequence[str] = (),
) -> tuple[list[Group], dict[str, str]]:
    """Return the signals that channels make, in the order of their first channels.

    A signal is named by its type, ``eeg``; where there are several of one type, by its
    unit too, ``misc_mmhg``, and then by its rate, ``eeg_v_256hz``.

    Parameters
    ----------
    types, units, rates : sequences
        Of each channel of the file.
    numbers : iterable of int
        The channels to take.
    more : sequence, optional
        Of each channel, what else has to be the same.
    rename : mapping
        From names to new names.
    where : str
        What has these names, for the sentence of an error.
    others : sequence of str
        Names of other parts, which may be changed as well.

    Returns
    -------
    tuple
        The groups; and the names of `others`, by their old ones.
    """
    found: dict[tuple[Hashable, ...], list[int]] = {}
    for number in numbers:
        key = (types[number], units[number], rates[number], more and more[number])
        found.setdefault(key, []).append(number)
    keys = {f"group {index}": key for index, key in enumerate(found)}
    candidates: dict[str, list[str]] = {other: [other] for other in others}
    for index, (kind, unit, rate, _) in keys.items():
        text = {"%": "percent", "": "no_unit"}.get(str(unit), to_ascii(str(unit)))
        with_unit = snake_case(f"{kind}_{text}")
        with_rate = snake_case(f"{with_unit}_{rate:.6g}hz")
        candidates[index] = [str(kind), with_unit, with_rate]
    names = renamed(part_names(candidates), rename, where=where)
    groups = [
        Group(names[index], str(key[0]), str(key[1]), tuple(found[key]))
        for index, key in keys.items()
    ]
    return groups, {other: names[other] for other in others}
