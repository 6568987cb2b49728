"""What of a download cannot be kept is told, and whoever asks for it is noticed."""

import os
import re
import threading
from functools import cached_property

import pytest

from brainsets.errors import HandoffError
from brainsets.jobs.handoffs.handoff import (
    Handoff,
    handoff_key,
)
from brainsets.jobs.handoffs.instance_state import (
    MissingAttributes,
)
from tests.helpers.handoffs import KEY, handed_over, keep, read_handoff


class Stubborn:
    def __reduce__(self):
        raise RuntimeError("not me")


class Forgetful:
    """Can be pickled, and then not be read."""

    def __init__(self, needed):
        self.needed = needed

    def __reduce__(self):
        return Forgetful, ()


WHAT_CANNOT_BE_KEPT = pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda path: open(path), "TypeError: .*TextIOWrapper"),
        (lambda path: (path, open(path, "rb")), "TypeError: .*BufferedReader"),
        (lambda path: lambda: path, "lambda"),
        (lambda path: (line for line in "ab"), "TypeError: .*generator"),
        (lambda path: Stubborn(), "RuntimeError: not me"),
        (lambda path: Forgetful(path), "TypeError: .*needed"),
    ],
    ids=["handle", "handle in a tuple", "lambda", "generator", "refuses", "forgets"],
)


@WHAT_CANNOT_BE_KEPT
def test_what_cannot_be_kept_says_why_and_is_not_handed_over(
    tmp_path, recording, make, named
):
    path, reason = keep(tmp_path, make(recording), kept=1)
    assert re.search(named, reason)
    with pytest.raises(HandoffError, match="could not be kept"):
        read_handoff(path)
    # Why it was not kept does not change what it was downloaded for.
    assert handoff_key(path) == KEY


@WHAT_CANNOT_BE_KEPT
def test_an_attribute_that_cannot_be_kept_keeps_nothing_else_back(
    tmp_path, recording, make, named
):
    held = make(recording)
    found, attributes = handed_over(tmp_path, recording, client=held, n=[1])
    assert (found, attributes) == (recording, {"n": [1]})
    kept = Handoff.read(tmp_path / "handoff" / "asset.pkl")
    assert list(kept.left_out) == ["client"]
    assert re.search(named, kept.left_out["client"])


class Computes:
    @cached_property
    def lock(self):
        return threading.Lock()


def missing_client():
    kind = type("Pipeline", (Computes,), {})
    instance = kind()
    instance.client = None
    return instance, MissingAttributes(instance, {"client": "why", "lock": "why"})


def test_whoever_asks_for_what_was_left_out_is_noticed():
    instance, absent = missing_client()
    assert absent.names == ["client"] and not absent.is_noticed
    # Computed anew, as it was in the download.
    assert instance.lock is instance.lock and not absent.is_noticed
    assert getattr(instance, "client", 3) == 3
    assert absent.is_noticed


def test_what_was_left_out_can_be_set_anew():
    instance, absent = missing_client()
    instance.client = "mine"
    assert instance.client == "mine" and not absent.is_noticed


def test_whoever_asks_in_a_forked_process_is_noticed():
    instance, absent = missing_client()
    if not (pid := os.fork()):
        hasattr(instance, "client")
        os._exit(0)
    os.waitpid(pid, 0)
    assert absent.is_noticed


def test_an_error_that_names_what_was_left_out_is_known():
    _, absent = missing_client()
    # As it comes from a process that was spawned.
    inner = AttributeError("'Pipeline' object has no attribute 'client'")
    outer = RuntimeError("a worker failed")
    outer.__cause__ = inner
    assert absent.is_cause(outer)
    assert not absent.is_cause(AttributeError("... has no attribute 'clients'"))
    assert not absent.is_cause(KeyError("client"))
