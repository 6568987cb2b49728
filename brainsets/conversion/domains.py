"""The time that was recorded: what all parts of a recording are evidence of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainsets.conversion.parts import Part, Samples, Signal, Table

__all__ = ["Domain", "recorded", "subtract", "union"]

Domain = tuple[np.ndarray, np.ndarray]

DAY = 86_400.0
LONGEST = 7 * DAY
"""Times that are farther apart, in s, are not believed to be of one session."""
EVENT = 1e-6
"""How long after an event the time ends in which it was seen, in s."""


def union(starts: np.ndarray, ends: np.ndarray) -> Domain:
    """Return intervals joined where they meet or overlap, in order."""
    order = np.argsort(starts, kind="stable")
    starts, ends = np.asarray(starts)[order], np.asarray(ends)[order]
    if not len(starts):
        return np.zeros(0), np.zeros(0)
    latest = np.maximum.accumulate(ends)
    is_new: np.ndarray = np.append(True, starts[1:] > latest[:-1])
    last: np.ndarray = np.append(np.flatnonzero(is_new)[1:] - 1, len(starts) - 1)
    return starts[is_new].astype(np.float64), latest[last].astype(np.float64)


def subtract(domain: Domain, holes: Domain) -> Domain:
    """Return a domain without the time of others; both are joined and in order."""
    starts, ends = [], []
    for begin, end in zip(*domain):
        for hole_begin, hole_end in zip(*holes):
            if hole_end <= begin or hole_begin >= end:
                continue
            if hole_begin > begin:
                starts.append(begin)
                ends.append(hole_begin)
            begin = hole_end
            if begin >= end:
                break
        if begin < end:
            starts.append(begin)
            ends.append(end)
    return np.array(starts, dtype=np.float64), np.array(ends, dtype=np.float64)


def recorded(parts: Sequence[Part]) -> tuple[Domain, dict[str, str]]:
    """Return the time in which a recording was made, and doubts about some parts.

    It is the union of the times of all parts: a signal's samples, the last one
    included; the time in which spikes were observed; from the first to the last event
    of a series; from the first start to the last end of a table. Parts that would make
    it more than a week, or lie more than a week off most others, are not believed,
    unless there are no others.

    Returns
    -------
    tuple
        Starts and ends in s; and for the names of doubted parts, why.
    """
    doubts: dict[str, str] = {}
    spans: list[tuple[str, np.ndarray, np.ndarray]] = []
    for part in parts:
        found = _extent(part)
        if found is not None:
            starts, ends, note = found
            if note:
                doubts[part.name] = note
            spans.append((part.name, starts, ends))
    believed = [s for s in spans if s[2].max() - s[1].min() <= LONGEST]
    for name, starts, ends in spans:
        if ends.max() - starts.min() > LONGEST:
            days = (ends.max() - starts.min()) / DAY
            doubts[name] = f"doubt: its times span {days:.0f} days" + (
                ", which the domain does not take in" if believed else ""
            )
    believed = _close_ones(believed, doubts) or spans
    if not believed:
        return (np.zeros(0), np.zeros(0)), doubts
    return (
        union(
            np.concatenate([starts for _, starts, _ in believed]),
            np.concatenate([ends for _, _, ends in believed]),
        ),
        doubts,
    )


def _extent(part: Part) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return the time that a part is evidence of, and a doubt about some of it."""
    if isinstance(part, Signal):
        if not part.shape[0]:
            return None
        firsts, starts = zip(*(part.segments or [(0, part.start)]))
        counts = np.diff(np.array(firsts), append=part.shape[0])
        begins = np.array(starts, dtype=np.float64)
        return begins, begins + counts / part.sampling_rate, ""
    if isinstance(part, Samples):
        if part.domain is not None and len(part.domain[0]):
            return (*part.domain, "")
        return _of_times(part.timestamps, part.timestamps)
    if isinstance(part, Table):
        return _of_times(part.start, part.end)
    return None


def _of_times(
    starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return from first to last; where a few lie off by days, without these."""
    if not len(starts):
        return None
    note = ""
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    if ends.max() - starts[0] > LONGEST:
        clusters = np.split(
            np.arange(len(starts)), np.flatnonzero(np.diff(starts) > DAY) + 1
        )
        largest = max(clusters, key=len)
        lost = len(starts) - len(largest)
        if 0 < lost < len(largest):
            note = f"doubt: {lost} of its times lie days off, outside of the domain"
            starts, ends = starts[largest], ends[largest]
    last = float(ends.max())
    end = max(last + EVENT, float(np.nextafter(last, np.inf)))
    return np.array([starts[0]]), np.array([end]), note


def _close_ones(
    spans: list[tuple[str, np.ndarray, np.ndarray]], doubts: dict[str, str]
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return those that lie together, most of all; note the others."""
    ordered = sorted(spans, key=lambda span: float(span[1].min()))
    groups: list[list[tuple[str, np.ndarray, np.ndarray]]] = []
    latest = -np.inf
    for span in ordered:
        if not groups or float(span[1].min()) > latest + LONGEST:
            groups.append([])
        groups[-1].append(span)
        latest = max(latest, float(span[2].max()))
    if len(groups) < 2:
        return spans
    largest = max(groups, key=lambda group: (len(group), _length(group)))
    for group in groups:
        if group is not largest:
            for name, _, _ in group:
                doubts[name] = (
                    "doubt: its times lie days off from most others', outside of "
                    "the domain"
                )
    return largest


def _length(spans: list[tuple[str, np.ndarray, np.ndarray]]) -> float:
    return sum(float((ends - starts).sum()) for _, starts, ends in spans)
