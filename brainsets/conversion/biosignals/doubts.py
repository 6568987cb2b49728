"""What speaks against the unit of a channel, or the time of an annotation."""

from __future__ import annotations

import numpy as np

__all__ = ["doubt_of", "outside"]

_BODY = {"eeg", "ieeg", "eog", "ecg", "emg"}
_MOST_V = 1.0
_LEAST_V = 1e-7


def doubt_of(kind: str, unit: str, said: str, largest: float) -> str:
    """Return a doubt about the values of a channel; empty if there is none.

    Parameters
    ----------
    kind : str
        Its type.
    unit, said : str
        Its unit, and what the file says.
    largest : float
        The largest absolute value that it can have, in `unit`.
    """
    if kind not in _BODY:
        return ""
    if unit != "V":
        what = f"in {said!r}" if said else "without a unit"
        return f"doubt: {kind} {what}; values are as the file has them"
    if _MOST_V < largest < float("inf"):
        return f"doubt: up to {largest:.3g} V, which is much for {kind}"
    if 0 < largest < _LEAST_V:
        return f"doubt: up to {largest:.3g} V, which is little for {kind}"
    return ""


def outside(times: np.ndarray, domain: tuple[np.ndarray, np.ndarray]) -> str:
    """Return how many times are not within some intervals; empty if all are.

    Parameters
    ----------
    times : array
        In s.
    domain : tuple of two arrays
        Starts and ends of the intervals in s, in order.
    """
    start, end = domain
    at = np.searchsorted(start, times, side="right") - 1
    is_in = (at >= 0) & (times <= end[at])
    count = int(np.count_nonzero(~is_in))
    return f"{count} of {len(times)} are not in the time that was recorded" * (
        count > 0
    )
