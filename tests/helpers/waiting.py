"""Waiting for what another process brings about."""

import time


def wait_for(condition, seconds=60.0):
    """Return when a condition holds; fail if it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
