"""Handoffs, written as download does and read as process does."""

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs.handoff import (
    Handoff,
    write_handoff,
)

KEY = {"row": "0123456789abcdef", "args": ["--subject", "3"]}


def read_handoff(path):
    """Return what download returned, and the attributes it set, as process does."""
    found = Handoff.read(path, with_payload=True)
    if found.payload is not None and (change := found.change()):
        raise HandoffError(change)
    return found.value()


def keep(folder, output, **attributes):
    """Write a handoff; return its path and why it was not kept."""
    path = folder / "handoff" / "asset.pkl"
    origin = Handoff(KEY, str(folder / "raw"))
    return path, write_handoff(path, output, attributes, origin)[0].reason


def handed_over(folder, output, **attributes):
    path, reason = keep(folder, output, **attributes)
    assert reason is None
    return read_handoff(path)
