"""What speaks against the unit of a channel."""

from __future__ import annotations

__all__ = ["doubt_of"]

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
