"""Rows of a table and the channels of a file, by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

__all__ = ["match"]

_TYPE = re.compile(r"^(eeg|ecg|ekg|eog|emg|seeg|ecog)\s+", re.IGNORECASE)
# Labels of EDF are cut after so many characters.
_LONGEST = 16


def match(
    labels: Sequence[str], ids: Sequence[str], names: Sequence[str]
) -> tuple[dict[int, int], list[str]]:
    """Return which row each channel has, and what was done for it.

    A name fits a label if they are the same; or else, if no other fits as well, but for
    capitals and blanks, for a type in front (``EEG Fp1``), or for being cut to the 16
    characters that EDF has. Names that are there several times fit if all names are
    those of the file in its order.

    Parameters
    ----------
    labels, ids : sequences of str
        Of each channel: as the file says, and made unique.
    names : sequence of str
        Of each row.
    """
    if list(labels) == list(names):
        return {number: number for number in range(len(labels))}, []
    found: dict[int, int] = {}
    known = set(labels)
    # An id that is some label says nothing more.
    own = ["" if id in known else id for id in ids]
    for of_channel, of_row in _WAYS:
        for keys in (labels, own):
            _match_by(found, keys, names, of_channel, of_row)
    notes = _told(found, labels, names)
    order = [found[number] for number in sorted(found)]
    if order != sorted(order):
        notes.append("its rows are in another order than the channels of the file")
    again = sorted({name for name, count in Counter(names).items() if count > 1})
    if again:
        notes.append(f"it has {again[0]!r} more than once, which names no channel")
    return found, notes


def _match_by(
    found: dict[int, int],
    labels: Sequence[str],
    names: Sequence[str],
    of_channel: Callable[[str], str],
    of_row: Callable[[str], str],
) -> None:
    """Add the channels of which one alone fits one row alone."""
    channels: dict[str, list[int]] = {}
    for number, label in enumerate(labels):
        if number not in found:
            channels.setdefault(of_channel(label), []).append(number)
    used = set(found.values())
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if row not in used:
            rows.setdefault(of_row(name), []).append(row)
    for key, numbers in channels.items():
        fitting = rows.get(key, [])
        if key and len(numbers) == len(fitting) == 1:
            found[numbers[0]] = fitting[0]


def _same(text: str) -> str:
    return text


def _loose(text: str) -> str:
    return "".join(text.split()).casefold()


def _bare(text: str) -> str:
    return _loose(_TYPE.sub("", text.strip()))


def _cut(text: str) -> str:
    return _loose(text[:_LONGEST])


_WAYS = ((_same, _same), (_loose, _loose), (_bare, _bare), (_loose, _cut))


def _told(
    found: dict[int, int], labels: Sequence[str], names: Sequence[str]
) -> list[str]:
    odd = [
        (labels[n], names[row]) for n, row in found.items() if labels[n] != names[row]
    ]
    if not odd:
        return []
    label, name = odd[0]
    return [f"{len(odd)} names differ from the file's, as {name!r} from {label!r}"]
