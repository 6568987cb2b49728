"""Which part of a dataset is for training, for validation and for tests.

By time, each recording gives its first part to training and its last to tests; by
subject or session, whole recordings are on one side, by a hash that no other recording
changes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["FRACTIONS", "GAP_S", "MODES", "split", "split_by_key", "split_by_time"]

Bounds = tuple[np.ndarray, np.ndarray]

MODES = ("time", "subject", "session", "none")
"""The ways to split."""

FRACTIONS = (0.7, 0.15, 0.15)
"""For training, validation and tests."""

GAP_S = 1.0
"""Between two parts of one recording, in s: neighbours in time are alike."""

_NAMES = ("train", "valid", "test")


def split(
    mode: str,
    domain: Bounds,
    *,
    subject: str = "",
    session: str = "",
    fractions: Sequence[float] = FRACTIONS,
    gap: float = GAP_S,
    seed: int = 0,
) -> tuple[dict[str, Bounds], str]:
    """Split a recording, or give it to one side.

    Parameters
    ----------
    mode : str
        One of `MODES`. ``subject`` never has one subject on both sides; subjects that
        differ in case only are one, and those that are not known too. ``session`` may
        have a subject on both sides.
    domain : tuple of two arrays
        Starts and ends, in s, of the time that was recorded.
    subject, session : str
        Their ids.
    fractions : sequence of float
        For training, validation and tests.
    gap : float
        Between the parts of a recording, in s, for ``time``.
    seed : int
        Another one gives another division, for ``subject`` and ``session``.

    Returns
    -------
    splits : dict
        ``train``, ``valid`` and ``test``: starts and ends, in s. Empty for ``none``.
    how : str
        How the split was made, for people.

    Raises
    ------
    ValueError
        There is no such mode, or the fractions are not shares of one.
    """
    shares = "/".join(f"{100 * part:g}" for part in _checked(fractions))
    if mode == "none":
        return {}, "not split"
    if mode == "time":
        parts = split_by_time(domain, fractions, gap=gap)
        if parts is None:
            whole = _whole(domain, "train")
            return whole, f"all for training: too short for {shares} % with gaps"
        return parts, f"by time: {shares} % with gaps of {gap:g} s"
    if mode not in ("subject", "session"):
        raise ValueError(
            f"There is no way to split by {mode!r}: choose {', '.join(MODES)}."
        )
    key = subject.strip().casefold() if mode == "subject" else session
    side = split_by_key(key, fractions, seed=seed)
    how = f"by {mode}: {shares} % of all, seed {seed}"
    if not key:
        how += f"; the {mode} is not known, as if all such were one"
    return _whole(domain, side), how


def split_by_time(
    domain: Bounds, fractions: Sequence[float] = FRACTIONS, *, gap: float = GAP_S
) -> dict[str, Bounds] | None:
    """Split a recording into parts that follow each other, with gaps between them.

    Parameters
    ----------
    domain : tuple of two arrays
        Starts and ends, in s, of the time that was recorded: disjoint, in order.
    fractions : sequence of float
        Shares of that time for training, validation and tests. The gaps are taken from
        the beginning of the later two.
    gap : float
        At least so much time, in s, between two parts.

    Returns
    -------
    dict or None
        ``train``, ``valid`` and ``test``: starts and ends. None if the recording is so
        short that the gaps would take more than half of a part.
    """
    shares = _checked(fractions)
    start, end = (np.asarray(times, dtype=np.float64) for times in domain)
    total = float((end - start).sum())
    if not (math.isfinite(gap) and gap >= 0):
        raise ValueError(f"A gap is a number of seconds that is not negative: {gap}.")
    found: dict[str, Bounds] = {}
    first, used = -math.inf, 0.0
    for name, share in zip(_NAMES, shares):
        used += share
        last = math.inf if name == "test" else _time_at(start, end, used * total)
        part = _within(start, end, first, last)
        kept = float((part[1] - part[0]).sum())
        if share > 0 and (kept <= 0 or kept < 0.5 * share * total):
            return None
        if share > 0:
            found[name] = part
            first = last + gap
        else:
            found[name] = (np.zeros(0), np.zeros(0))
    return found


def split_by_key(
    key: str, fractions: Sequence[float] = FRACTIONS, *, seed: int = 0
) -> str:
    """Return the side of a subject or session: ``train``, ``valid`` or ``test``.

    It depends on nothing but the arguments, so that it stays when others join.
    """
    shares = _checked(fractions)
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:6], "big") / 2**48
    for name, limit in zip(_NAMES, np.cumsum(shares)):
        if place < limit:
            return name
    return max(zip(shares, _NAMES))[1]  # the shares fall short of one by rounding


def _checked(fractions: Sequence[float]) -> list[float]:
    shares = [float(part) for part in fractions]
    is_good = len(shares) == len(_NAMES) and all(part >= 0 for part in shares)
    if not is_good or not math.isclose(sum(shares), 1, abs_tol=1e-9):
        raise ValueError(
            f"A split needs three shares that are one together, not {shares}."
        )
    return shares


def _whole(domain: Bounds, side: str) -> dict[str, Bounds]:
    parts: Mapping[str, Bounds] = {side: domain}
    return {name: parts.get(name, (np.zeros(0), np.zeros(0))) for name in _NAMES}


def _time_at(start: np.ndarray, end: np.ndarray, recorded: float) -> float:
    """Return when so much time, in s, had been recorded."""
    before = np.cumsum(end - start)
    i = int(np.searchsorted(before, recorded))
    if i >= len(before):
        return float(end[-1]) if len(end) else 0.0
    return float(end[i] - (before[i] - recorded))


def _within(
    start: np.ndarray, end: np.ndarray, first: float, last: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what of some intervals is between two times."""
    starts, ends = np.maximum(start, first), np.minimum(end, last)
    kept = starts < ends
    return starts[kept], ends[kept]
