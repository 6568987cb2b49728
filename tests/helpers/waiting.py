"""Waiting for what another process brings about."""

import time


def within(seconds, condition):
    """Whether a condition comes to hold within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def wait_for(condition, seconds=60.0):
    """Return when a condition holds; fail if it does not within so many seconds."""
    assert within(seconds, condition), "it did not come to pass"
